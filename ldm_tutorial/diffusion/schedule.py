"""How much noise at which timestep: the β schedule, and the forward process in closed form."""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from .prediction import check_prediction, predicted_epsilon, predicted_x0, training_target

SCHEDULES = ("linear", "scaled_linear", "cosine")


@dataclass(frozen=True, eq=False, repr=False)
class NoiseSchedule:
    """The variances β_t of the noise that each of T steps adds; everything else follows from them.

    betas: float64 (T,) on the CPU, each strictly between 0 and 1 (the last may be 1, see
        rescale_zero_terminal_snr); betas[t] leads from step t-1 to step t, and
        betas[0] from the clean image to the cleanest noisy step. So t runs over 0..T-1 everywhere in this
        course (the papers count 1..T).
    Raises ValueError if betas has another shape or leaves (0, 1).
    Source: Ho et al. 2020 (DDPM), section 2.
    """

    betas: Tensor

    def __post_init__(self):
        betas = torch.as_tensor(self.betas, dtype=torch.float64, device="cpu")
        if betas.ndim != 1 or len(betas) == 0:
            raise ValueError(
                f"betas has shape {tuple(betas.shape)}; it must be one-dimensional, one β for each step"
            )
        if not bool(((betas > 0) & (betas < 1)).all()) and not _only_the_last_is_one(betas):
            raise ValueError(
                f"betas run from {betas.min():g} to {betas.max():g}; each must lie strictly between 0 and 1 "
                "(the last may be 1)"
            )
        object.__setattr__(self, "betas", betas)

    @classmethod
    def linear(cls, T: int = 1000, beta_start: float = 1e-4, beta_end: float = 0.02) -> "NoiseSchedule":
        """β linear in t (Ho et al. 2020, section 4)."""
        return cls(torch.linspace(beta_start, beta_end, _whole(T), dtype=torch.float64))

    @classmethod
    def scaled_linear(
        cls, T: int = 1000, beta_start: float = 0.00085, beta_end: float = 0.012
    ) -> "NoiseSchedule":
        """√β linear in t: what the configs of latent diffusion and Stable Diffusion call "linear"."""
        return cls(torch.linspace(beta_start**0.5, beta_end**0.5, _whole(T), dtype=torch.float64) ** 2)

    @classmethod
    def cosine(cls, T: int = 1000) -> "NoiseSchedule":
        """ᾱ falls like cos²((u + 0.008)/1.008 · π/2), u = t/T in [0, 1], with β at most 0.999.

        Source: Nichol & Dhariwal 2021, eq. 17.
        """
        u = torch.arange(_whole(T) + 1, dtype=torch.float64) / T
        f = torch.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2
        return cls((1 - f[1:] / f[:-1]).clamp(max=0.999))

    @property
    def T(self) -> int:  # noqa: N802  the papers' letter
        """The number of noisy steps."""
        return len(self.betas)

    @cached_property
    def alphas_cumprod(self) -> Tensor:
        """ᾱ_t = Π (1-β), float64 (T,): the share of the variance of z_t that is still image."""
        return torch.cumprod(1 - self.betas, dim=0)

    @cached_property
    def snr(self) -> Tensor:
        """Signal-to-noise ratio ᾱ_t / (1-ᾱ_t), float64 (T,), falling in t."""
        return self.alphas_cumprod / (1 - self.alphas_cumprod)

    @cached_property
    def log_snr(self) -> Tensor:
        """log ᾱ_t - log(1-ᾱ_t), float64 (T,); between the timesteps see continuous.py."""
        return self.alphas_cumprod.log() - torch.log1p(-self.alphas_cumprod)

    def add_noise(self, z: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """z_t ~ q(z_t | z) = √ᾱ_t z + √(1-ᾱ_t) noise (DDPM eq. 4).

        z, noise: (B, ...) of any shape; t: int64 (B,) in 0..T-1, on z's device or on the CPU.
        Raises ValueError for a t of another type or shape, and for one out of range where looking is free
        (on the CPU; on an accelerator it would make the host wait).
        """
        a, s = self.signal_and_noise(t, z)
        return a * z + s * noise

    def target(self, z: Tensor, noise: Tensor, t: Tensor, prediction: str) -> Tensor:
        """What a denoiser of this `prediction` ("epsilon", "x0", "v") should say of add_noise(z, noise, t).

        Shapes as in add_noise.
        """
        check_prediction(prediction)
        return training_target(z, noise, *self.signal_and_noise(t, z), prediction)

    def to_x0(self, output: Tensor, z_t: Tensor, t: Tensor, prediction: str) -> Tensor:
        """The clean z that a denoiser's output at z_t implies. Shapes as in add_noise."""
        check_prediction(prediction)
        return predicted_x0(output, z_t, *self.signal_and_noise(t, z_t), prediction)

    def to_epsilon(self, output: Tensor, z_t: Tensor, t: Tensor, prediction: str) -> Tensor:
        """The noise that a denoiser's output at z_t implies. Shapes as in add_noise."""
        check_prediction(prediction)
        return predicted_epsilon(output, z_t, *self.signal_and_noise(t, z_t), prediction)

    def signal_and_noise(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """√ᾱ_t and √(1-ᾱ_t), each (B, 1, ..., 1), with the dtype, device and rank of `like` (B, ...)."""
        alpha_bar = self.alphas_cumprod
        return self.gather(alpha_bar.sqrt(), t, like), self.gather((1 - alpha_bar).sqrt(), t, like)

    def gather(self, table: Tensor, t: Tensor, like: Tensor) -> Tensor:
        """table[t] for a (T,) table on the CPU, shaped and placed to multiply `like` (B, ...)."""
        self.check_t(t, len(like))
        # float64 stays on the CPU (MPS has none), and a non-blocking copy doesn't make the host wait
        table = table.to(like.dtype).to(t.device, non_blocking=True)
        values = table.index_select(0, t).to(like.device, non_blocking=True)
        return values.view(-1, *[1] * (like.ndim - 1))

    def check_t(self, t: Tensor, batch: int) -> None:
        """Raises ValueError unless t is int64 (batch,) and, where it lies on the CPU, within 0..T-1."""
        if t.dtype != torch.int64 or t.shape != (batch,):
            raise ValueError(
                f"t is {t.dtype} of shape {tuple(t.shape)}; it must be torch.int64 of shape ({batch},), "
                "one timestep for each image"
            )
        if t.device.type == "cpu" and batch and not 0 <= int(t.min()) <= int(t.max()) < self.T:
            raise ValueError(
                f"t runs from {int(t.min())} to {int(t.max())}; timesteps go from 0 to {self.T - 1}"
            )

    def __repr__(self) -> str:
        return f"NoiseSchedule(T={self.T}, betas {self.betas[0]:.3g} to {self.betas[-1]:.3g})"


def noise_schedule(
    name: str, T: int = 1000, beta_start: float | None = None, beta_end: float | None = None
) -> NoiseSchedule:
    """The schedule of that name; beta_start and beta_end are the named schedule's own where None.

    The cosine schedule has neither and ignores them. Raises ValueError for an unknown name.
    """
    given = {k: v for k, v in {"beta_start": beta_start, "beta_end": beta_end}.items() if v is not None}
    with torch.device("cpu"):  # a model built on the meta device still has real coefficients
        if name == "linear":
            return NoiseSchedule.linear(T, **given)
        if name == "scaled_linear":
            return NoiseSchedule.scaled_linear(T, **given)
        if name == "cosine":
            return NoiseSchedule.cosine(T)
    raise ValueError(f"schedule {name!r} is unknown; known are {', '.join(SCHEDULES)}")


def rescale_zero_terminal_snr(schedule: NoiseSchedule) -> NoiseSchedule:
    """The schedule with √ᾱ shifted and scaled so that its last step is pure noise and its first is as before.

    Without it even the noisiest z_t of training shows how bright the image is, and sampling, which starts
    from N(0, I), draws no picture that is very dark or very bright. Needs a denoiser that predicts v or x0,
    and spacing "trailing". Raises ValueError for T = 1. Source: Lin et al. 2024, algorithm 1.
    """
    if schedule.T == 1:
        raise ValueError("T is 1; zero terminal SNR needs a schedule of at least 2 timesteps")
    signal = schedule.alphas_cumprod.sqrt()
    signal = (signal - signal[-1]) * signal[0] / (signal[0] - signal[-1])
    alphas = torch.cat([signal[:1], signal[1:] / signal[:-1]]) ** 2
    return NoiseSchedule(1 - alphas)


def _only_the_last_is_one(betas: Tensor) -> bool:
    return len(betas) > 1 and bool(betas[-1] == 1) and bool(((betas[:-1] > 0) & (betas[:-1] < 1)).all())


def _whole(T: int) -> int:
    if not isinstance(T, int) or T < 1:
        raise ValueError(f"T is {T!r}; the number of timesteps must be a whole number of at least 1")
    return T
