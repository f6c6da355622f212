"""The simple loss of each prediction, and weights that even out what the noise levels contribute.

The three predictions say the same in other units: an error e in x0 is an error √SNR · e in ε and
√(SNR+1) · e in v. So the plain squared errors weigh the same mistake in x0 by 1, by SNR and by SNR + 1: the
loss on ε hardly counts what happens in noise, the loss on x0 what happens near the clean image.
"""

from collections.abc import Callable

from torch import Tensor

from .prediction import check_prediction
from .schedule import NoiseSchedule


def min_snr_weight(snr: Tensor, prediction: str, gamma: float = 5.0) -> Tensor:
    """What to multiply the squared error of this prediction by, so that one in x0 weighs min(SNR, gamma).

    min(SNR, γ) for x0, min(SNR, γ)/SNR for ε, min(SNR, γ)/(SNR + 1) for v. Shaped like snr, which may be 0.
    Raises ValueError unless gamma is positive. Source: Hang et al. 2023, section 3.4.
    """
    check_prediction(prediction)
    if not gamma > 0:
        raise ValueError(f"gamma is {gamma}; min-SNR weighting needs a positive one (5 in the paper)")
    if prediction == "epsilon":
        return (gamma / snr).clamp(max=1)
    capped = snr.clamp(max=gamma)
    return capped if prediction == "x0" else capped / (snr + 1)


def simple_loss(
    schedule: NoiseSchedule,
    denoise: Callable[..., Tensor],
    z: Tensor,
    noise: Tensor,
    t: Tensor,
    condition: object = None,
    prediction: str = "epsilon",
    min_snr_gamma: float | None = None,
) -> Tensor:
    """Mean squared error of what the denoiser predicts, per image: z, noise (B, ...), t int64 (B,) -> (B,).

    DDPM's eq. 14 for epsilon. min_snr_gamma weighs it by the noise level, see min_snr_weight.
    """
    output = denoise(schedule.add_noise(z, noise, t), t, condition)
    error = (output - schedule.target(z, noise, t, prediction)).square().flatten(1).mean(1)
    if min_snr_gamma is None:
        return error
    weights = min_snr_weight(schedule.snr, prediction, min_snr_gamma)
    return error * schedule.gather(weights, t, error)
