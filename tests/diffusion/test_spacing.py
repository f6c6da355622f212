import pytest
from diffusers import DDIMScheduler, DDPMScheduler

from ldm_tutorial.diffusion import SPACINGS, spaced_timesteps


@pytest.mark.parametrize(
    ("spacing", "offset", "expected"),
    [
        ("leading", 0, [800, 600, 400, 200, 0]),
        ("leading", 1, [801, 601, 401, 201, 1]),
        ("trailing", 0, [999, 799, 599, 399, 199]),
        ("linspace", 0, [999, 749, 500, 250, 0]),
    ],
)
def test_the_table_of_the_docstring(spacing, offset, expected):
    assert spaced_timesteps(1000, 5, spacing, offset) == expected


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("T", [1000, 100, 37, 1])
def test_every_number_of_steps_gives_the_table_of_diffusers(spacing, T):
    theirs = DDIMScheduler(num_train_timesteps=T, timestep_spacing=spacing)
    also_theirs = DDPMScheduler(num_train_timesteps=T, timestep_spacing=spacing)
    for steps in range(1, T + 1):
        ours = spaced_timesteps(T, steps, spacing)
        theirs.set_timesteps(steps)
        also_theirs.set_timesteps(steps)
        table = theirs.timesteps.tolist()
        assert also_theirs.timesteps.tolist() == table
        # For some steps (61 of 1000, say) rounding gives their "trailing" one entry too many, t = -1.
        assert table[steps:] in ([], [-1])
        assert ours == table[:steps], f"{steps} of {T} steps, {spacing}"


@pytest.mark.parametrize("spacing", SPACINGS)
def test_timesteps_fall_and_stay_in_range(spacing):
    for steps in range(1, 101):
        ts = spaced_timesteps(100, steps, spacing)
        assert len(set(ts)) == steps and ts == sorted(ts, reverse=True)
        assert ts[0] <= 99 and ts[-1] >= 0
    assert ts == list(range(99, -1, -1)), "as many steps as timesteps must visit all of them"


def test_only_trailing_and_linspace_start_at_the_noisiest_step():
    starts = {spacing: spaced_timesteps(1000, 50, spacing)[0] for spacing in SPACINGS}
    assert starts == {"leading": 980, "trailing": 999, "linspace": 999}


def test_steps_offset_of_stable_diffusion_gives_the_table_of_diffusers():
    theirs = DDIMScheduler(steps_offset=1)
    theirs.set_timesteps(50)
    assert spaced_timesteps(1000, 50, "leading", 1) == theirs.timesteps.tolist()


@pytest.mark.parametrize("steps", [0, -1, 1001, 2.5, True, None])
def test_steps_outside_the_schedule_are_refused(steps):
    with pytest.raises(ValueError, match=r"steps is .*; it must be a whole number from 1 to .* T = 1000"):
        spaced_timesteps(1000, steps)


def test_other_messages():
    with pytest.raises(
        ValueError, match="spacing 'karras' is unknown; known are leading, trailing, linspace"
    ):
        spaced_timesteps(1000, 10, "karras")
    with pytest.raises(
        ValueError, match="steps_offset 1 with 1000 steps starts at t = 1000; timesteps go from 0 to 999"
    ):
        spaced_timesteps(1000, 1000, "leading", 1)
    with pytest.raises(ValueError, match="steps_offset"):
        spaced_timesteps(1000, 10, "leading", -1)
