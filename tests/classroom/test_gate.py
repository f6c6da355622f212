import pytest

from ldm_tutorial.classroom import GateNotPassedError, gate


def test_a_gate_prints_the_number_with_its_threshold(capsys):
    gate("reconstruction", 28.456, at_least=27, unit="dB", form="{:.1f}")
    gate("standard deviation", 1.01, at_least=0.9, at_most=1.1)
    assert capsys.readouterr().out.splitlines() == [
        "reconstruction: 28.5 dB (must be at least 27): gate passed",
        "standard deviation: 1.01 (must be at least 0.9 and at most 1.1): gate passed",
    ]


@pytest.mark.parametrize("value", [0.2, 5.0, float("nan")])
def test_a_gate_that_does_not_hold_stops_with_advice(value):
    with pytest.raises(
        GateNotPassedError, match=r"must be at least 0.9 and at most 1.1. Measure the scale again."
    ):
        gate("std", value, at_least=0.9, at_most=1.1, advice="Measure the scale again.")


def test_a_gate_without_bounds_is_an_error():
    with pytest.raises(ValueError, match="at_least, at_most or both"):
        gate("std", 1.0)
