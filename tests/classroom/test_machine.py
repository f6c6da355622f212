import pytest

from ldm_tutorial.classroom import check_machine, machine


def test_it_prints_needs_and_never_numbers_of_this_machine(capsys, monkeypatch):
    monkeypatch.setattr(
        machine, "needs", lambda: [("a thing", True, ""), ("another", False, "run `make it`")]
    )
    shown = []
    monkeypatch.setattr(machine, "say_live", shown.append)
    check_machine()
    assert capsys.readouterr().out == "ready   a thing\nMISSING another\n        run `make it`\n"
    assert "cores" in shown[0], "cores, disk and GPU are shown, but not stored"


def test_what_is_missing_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("LDM_DATA", str(tmp_path))
    held = {what: here for what, here, _ in machine.needs()}
    assert not held["the bundled pictures"] and held["Python 3.11 or newer"]


@pytest.mark.parametrize("name", machine.CHECKPOINTS)
def test_the_remedy_names_the_command(name):
    remedies = {what: remedy for what, _, remedy in machine.needs()}
    assert f"ldm train {name}" in remedies[f"the checkpoint {name}"]
