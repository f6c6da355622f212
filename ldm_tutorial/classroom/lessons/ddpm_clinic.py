"""The clinic of lesson 04: five patients, each a trainer and a sampler of points with one fault."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.classroom.lessons.ddpm_points import PointDenoiser
from ldm_tutorial.diffusion import NoiseSchedule, points_denoiser, posterior, simple_loss, spaced_timesteps
from ldm_tutorial.training import EMA

DIAGNOSES = (
    "t off by one",
    "noise at the last step",
    "wrong schedule at sampling",
    "missing scale",
    "EMA too slow for the run",
)
RIGHT = {
    "A": "noise at the last step",
    "B": "missing scale",
    "C": "t off by one",
    "D": "EMA too slow for the run",
    "E": "wrong schedule at sampling",
}
STEPS = 25  # few, because a fault of one step out of a thousand is hard to see
KNOWN = (0.8, -0.5)


@dataclass(frozen=True)
class Patient:
    """A network, the points and the schedule it was trained with, and what its sampler does.

    sampling: the schedule that the sampler uses; late: by how many steps the timestep that the network is
    told lags behind; noise_at_end: whether the last step adds noise, too; scale: what its points were
    multiplied by, so that pictures of all patients have one size.
    """

    network: Callable[..., Tensor]
    data: Tensor
    schedule: NoiseSchedule
    sampling: NoiseSchedule
    late: int = 0
    noise_at_end: bool = False
    scale: float = 1.0

    @torch.no_grad()
    def chain(self, noise: Tensor, network: Callable[..., Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """DDPM in a few steps from noise (N, 2): the points drawn, and what the network saw at the end."""
        network, generator = network or self.network, torch.Generator().manual_seed(1)
        steps = spaced_timesteps(self.sampling.T, STEPS, "trailing")
        levels = [*self.sampling.alphas_cumprod[steps].tolist(), 1.0]
        z = noise
        for i, t in enumerate(steps):
            q = posterior(levels[i], levels[i + 1])
            told, here = (torch.full((len(z),), n) for n in (steps[max(i - self.late, 0)], t))
            x0 = self.sampling.to_x0(network(z, told), z, here, "epsilon")
            variance = q.lower if i + 1 < STEPS else q.upper * self.noise_at_end
            z = q.x0 * x0 + q.z_t * z + variance**0.5 * torch.randn(z.shape, generator=generator)
        return z, x0

    def draw(self, noise: Tensor) -> Tensor:
        """Points (N, 2) in the size of the face."""
        return self.chain(noise)[0] / self.scale


def healthy(network: nn.Module, data: Tensor, schedule: NoiseSchedule) -> Patient:
    """The one without a fault."""
    return Patient(network, data, schedule, sampling=schedule)


def patients(network: nn.Module, data: Tensor, schedule: NoiseSchedule, fit: Callable) -> dict[str, Patient]:
    """Five patients: three have the trained network and a faulty sampler, two were trained anew.

    fit(network, data, schedule, average): trains a network in place and keeps its moving average.
    """
    scale = 0.2
    small, average = _newborn(0.99)
    fit(small, scale * data, schedule, average)
    average.swap()
    slow, average = _newborn(0.999)  # right for a run of many hours
    average.updates = 10**9  # past its warm-up from the start: it holds on to the random weights
    fit(slow, data, schedule, average)
    average.swap()
    other = NoiseSchedule.linear(schedule.T)  # the default βs are meant for T = 1000
    return {
        "A": Patient(network, data, schedule, schedule, noise_at_end=True),
        "B": Patient(small, scale * data, schedule, schedule, scale=scale),
        "C": Patient(network, data, schedule, schedule, late=1),
        "D": Patient(slow, data, schedule, schedule),
        "E": Patient(network, data, schedule, sampling=other),
    }


def _newborn(decay: float) -> tuple[PointDenoiser, EMA]:
    torch.manual_seed(0)
    network = PointDenoiser()
    return network, EMA(network, decay)


@torch.no_grad()
def examine(patient: Patient) -> dict[str, object]:
    """One number for each thing that can be wrong; the last three are of its sampler alone.

    They are taken with the perfect denoiser of a single point in place of the network: a sampler that is
    right lands on that point exactly.
    """
    generator = torch.Generator().manual_seed(0)
    z = patient.data[torch.arange(5000) % len(patient.data)]
    t = torch.arange(len(z)) % patient.schedule.T
    loss = simple_loss(patient.schedule, patient.network, z, torch.randn(z.shape, generator=generator), t)
    known = torch.tensor([KNOWN])
    noise = torch.randn(500, 2, generator=generator)
    drawn, seen = patient.chain(noise, points_denoiser(known, patient.schedule))
    return {
        "data std": patient.data.std().item(),
        "loss": f"{loss.mean():.1f}",
        "end, trainer": patient.schedule.alphas_cumprod[-1].item(),
        "end, sampler": patient.sampling.alphas_cumprod[-1].item(),
        "known point missed": (drawn - known).square().mean().sqrt().item(),
        "noise left": (drawn - seen).square().mean().sqrt().item(),
    }


def diagnoses():
    """What is wrong with each patient of the clinic."""
    return RIGHT


clinic_exercise = Exercise(
    name="the clinic",
    solution=diagnoses,
    choices=DIAGNOSES,
    mistakes=(
        Mistake(
            "A and C mixed up",
            lambda: RIGHT | {"A": RIGHT["C"], "C": RIGHT["A"]},
            "Both miss the known point. But only one of them has noise left at the end.",
        ),
        Mistake(
            "C and E mixed up",
            lambda: RIGHT | {"C": RIGHT["E"], "E": RIGHT["C"]},
            "Both miss the known point. If two schedules differ, their last ᾱ differ as well: compare the "
            "trainer's with the sampler's.",
        ),
        Mistake(
            "B and D mixed up",
            lambda: RIGHT | {"B": RIGHT["D"], "D": RIGHT["B"]},
            "The samplers of both are fine. One network was trained on points that are far too small, the "
            "other one has a high loss on points of the right size.",
        ),
        Mistake(
            "A and E mixed up",
            lambda: RIGHT | {"A": RIGHT["E"], "E": RIGHT["A"]},
            "Both miss the known point. Whose noise is left at the end, and whose two ends differ?",
        ),
        Mistake(
            "B and E mixed up",
            lambda: RIGHT | {"B": RIGHT["E"], "E": RIGHT["B"]},
            "E's points are drawn too far inside, but it was trained on points of the right size: the data "
            "std says whose scale is missing.",
        ),
    ),
    hints=(
        "Compare each row with the healthy one and note all the numbers that differ.",
        "Data std: the scale. Loss: the weights. The two ends: the schedules. Noise left: the last step.",
        "What can be wrong with a sampler whose known point is missed although all these are in order?",
    ),
    insight=(
        "A's last step added noise; B's points were a fifth of their size; C told its network the timestep "
        "of the sampling step that came before, t + 4 in place of t; more than a third of D's average was "
        "still its random start; E's sampler had the βs of 1000 steps. A loss says nothing about the "
        "sampler, and a low loss nothing without the scale of the data."
    ),
)
