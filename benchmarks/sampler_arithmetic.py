"""What a sampler costs beside its network: 50 steps with a denoiser that costs nothing, on eight latents.

The latents are 16x16x4, and every option of both libraries is at its default.
"""

import statistics

import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    PNDMScheduler,
)

from benchmarks.timing import ratio, take_turns
from ldm_tutorial.diffusion import DDIM, DDPM, PLMS, DPMSolverPP2M, Euler, EulerAncestral, Heun, NoiseSchedule

HEADER = ["sampler", "calls a step", "diffusers, µs a step", "ours, µs a step", "diffusers / ours"]
STEPS, RUNS = 50, 20  # and so many runs a turn, since one takes a millisecond

PAIRS = {
    "DDIM": (DDIM, DDIMScheduler, {}),
    "DPM-Solver++(2M)": (DPMSolverPP2M, DPMSolverMultistepScheduler, {}),
    "Euler": (Euler, EulerDiscreteScheduler, {}),
    "PLMS": (PLMS, PNDMScheduler, {"skip_prk_steps": True}),
    "Heun": (Heun, HeunDiscreteScheduler, {}),
    "DDPM": (DDPM, DDPMScheduler, {}),
    "Euler ancestral": (EulerAncestral, EulerAncestralDiscreteScheduler, {}),
}


def table(rounds: int) -> list[list[str]]:
    return [row(name, rounds, *pair) for name, pair in PAIRS.items()]


def row(name, rounds, ours, theirs, options) -> list[str]:
    noise, output = torch.randn(2, 8, 4, 16, 16)
    contestants = {
        "ours": our_runs(ours(NoiseSchedule.linear(), STEPS), noise, output),
        "diffusers": their_runs(theirs(**options), noise, output),
    }
    seconds = take_turns(contestants, rounds)
    numbers = [microseconds(seconds[contestant]) for contestant in ("diffusers", "ours")]
    return [name, "2" if ours is Heun else "1", *numbers, ratio(seconds["diffusers"], seconds["ours"])]


def our_runs(sampler, noise, output):
    generator = torch.Generator()

    @torch.no_grad()
    def runs():
        for _ in range(RUNS):
            for _state in sampler(lambda z_t, t, condition: output, noise, generator=generator):  # noqa: ARG005
                pass

    return runs


def their_runs(scheduler, noise, output):
    generator = torch.Generator()
    random = isinstance(scheduler, DDPMScheduler | EulerAncestralDiscreteScheduler)
    draws = {"generator": generator} if random else {}
    scheduler.set_timesteps(STEPS)
    prepared = dict(vars(scheduler))

    @torch.no_grad()
    def runs():
        for _ in range(RUNS):
            vars(scheduler).update(prepared)  # back to the first step, without the time of preparing again
            z = noise
            for t in scheduler.timesteps:
                scheduler.scale_model_input(z, t)  # what the network would be given
                z = scheduler.step(output, t, z, **draws).prev_sample

    return runs


def microseconds(seconds: list[float]) -> str:
    low, middle, high = statistics.quantiles([1e6 * s / RUNS / STEPS for s in seconds], n=4)
    return f"{middle:.0f} ({low:.0f} to {high:.0f})"
