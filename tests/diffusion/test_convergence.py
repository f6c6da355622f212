"""How fast samplers approach the exact answer, which a mixture of Gaussians on a line has.

On a line the probability-flow ODE keeps the order of the points, so that it takes every quantile of one noise
level to the same quantile of the next: where a path must end is known without following it.
"""

from itertools import pairwise

import pytest
import torch

from ldm_tutorial.diffusion import (
    DDIM,
    PLMS,
    PREDICTIONS,
    DPMSolverPP2M,
    Euler,
    Heun,
    NoiseSchedule,
    mixture_denoiser,
)

MEANS = torch.tensor([-1.0, 0.4, 1.2], dtype=torch.float64)
STDS = torch.tensor([0.3, 0.25, 0.4], dtype=torch.float64)
WEIGHTS = torch.tensor([0.3, 0.5, 0.2], dtype=torch.float64)
SCHEDULE = NoiseSchedule.linear()
SHARES = torch.linspace(0.02, 0.98, 41, dtype=torch.float64)


def quantiles(a, s):
    """z_t at each of SHARES, by bisection of its distribution function."""
    low, high = torch.full_like(SHARES, -20), torch.full_like(SHARES, 20)
    for _ in range(60):
        middle = (low + high) / 2
        share = torch.special.ndtr((middle[:, None] - a * MEANS) / (a**2 * STDS**2 + s**2).sqrt()) @ WEIGHTS
        low, high = torch.where(share < SHARES, middle, low), torch.where(share < SHARES, high, middle)
    return middle[:, None]


def errors(solver, spacing, counts, prediction="epsilon"):
    """Of z before the closing step: what that step makes of it, x0, has the same small error every time."""
    denoise = mixture_denoiser(MEANS[:, None], STDS**2, WEIGHTS, SCHEDULE, prediction)
    found = []
    for steps in counts:
        sampler = solver(SCHEDULE, steps, spacing=spacing, prediction=prediction)
        first, last = sampler.path[0], sampler.path[-1]
        *_, state, _ = sampler(denoise, quantiles(first.a, first.s))
        found.append(float((state.z - quantiles(last.a, last.s)).square().mean().sqrt()))
    return found


def slope(counts, found):
    """Of the straight line through log error against log steps, with its sign turned."""
    x, y = torch.tensor(counts).log(), torch.tensor(found).log()
    return -float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum())


@pytest.mark.parametrize(
    ("solver", "order"), [(DDIM, 0.9), (Euler, 0.9), (Heun, 1.8), (PLMS, 1.8), (DPMSolverPP2M, 1.8)]
)
@pytest.mark.parametrize(
    ("spacing", "counts"),
    [("linspace", [28.0, 38.0, 112.0, 334.0]), ("karras", [10.0, 20.0, 40.0, 80.0])],
)
def test_order_of_convergence(solver, order, spacing, counts):
    found = errors(solver, spacing, [int(count) for count in counts])
    assert slope(counts, found) >= order, f"errors {found} for {counts} steps"
    assert found[-1] < 0.03


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_second_order_pays_for_its_calls(prediction):
    """At 80 calls of the denoiser the second-order solvers are ten times nearer than Euler's method."""
    euler, heun, dpm = (
        errors(solver, "karras", [steps], prediction)[0]
        for solver, steps in ((Euler, 80), (Heun, 40), (DPMSolverPP2M, 80))
    )
    assert heun < euler / 3 and dpm < euler / 10


@pytest.mark.parametrize(
    ("prediction", "spacing", "dtype"),
    [
        ("epsilon", "leading", torch.float32),
        ("x0", "trailing", torch.float32),
        ("v", "linspace", torch.float32),
        ("epsilon", "trailing", torch.float64),
    ],
)
def test_inversion_then_sampling_returns_the_latent(prediction, spacing, dtype):
    schedule = NoiseSchedule.scaled_linear()
    generator = torch.Generator().manual_seed(0)
    means, width = torch.randn(3, 4, 2, 2, generator=generator, dtype=dtype), 0.3
    z = means + width * torch.randn(means.shape, generator=generator, dtype=dtype)
    denoise = mixture_denoiser(means, torch.full((3,), width**2, dtype=dtype), None, schedule, prediction)
    sampler = DDIM(schedule, 1000, spacing=spacing, prediction=prediction)
    states = list(sampler.inversion(denoise, z))
    assert [state.t for state in states] == list(range(1000)) and states[-1].step == 1000
    error = (sampler.sample(denoise, states[-1].z) - z).abs().max()
    assert error < 1e-3, f"the latent comes back with an error of {float(error):.1e}"


def test_each_refinement_of_the_inversion_brings_it_nearer():
    schedule = NoiseSchedule.scaled_linear()
    denoise = mixture_denoiser(MEANS[:, None], STDS**2, WEIGHTS, schedule)
    sampler, z = DDIM(schedule, 100, spacing="trailing"), quantiles(1.0, 0.0)
    back = [sampler.sample(denoise, sampler.invert(denoise, z, refine=n)) for n in range(4)]
    found = [float((z - other).square().mean().sqrt()) for other in back]
    assert all(later < earlier / 3 for earlier, later in pairwise(found)), found


def test_only_the_deterministic_sampler_is_inverted():
    sampler = DDIM(SCHEDULE, 10, eta=0.5)
    with pytest.raises(
        ValueError, match=r"eta is 0\.5; only the deterministic sampler, eta = 0, can be inverted"
    ):
        sampler.invert(lambda z_t, t, c: z_t, torch.zeros(1, 2))  # noqa: ARG005
