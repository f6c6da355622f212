"""What a denoiser may predict, and how each prediction is turned into the others.

Everything follows from one line, z_t = a z + s ε with a = √ᾱ_t, s = √(1-ᾱ_t), a² + s² = 1. A network that
knows z_t and any one of ε, z (called x0) or v = a ε - s z knows the other two. `a` and `s` may be Python
floats (samplers: one t for the whole batch) or tensors that broadcast against z_t (training: a t per image).
"""

from torch import Tensor

PREDICTIONS = ("epsilon", "x0", "v")


def check_prediction(prediction: str) -> None:
    if prediction not in PREDICTIONS:
        raise ValueError(f"prediction {prediction!r} is unknown; known are {', '.join(PREDICTIONS)}")


def training_target(
    z: Tensor, noise: Tensor, a: float | Tensor, s: float | Tensor, prediction: str
) -> Tensor:
    """What the denoiser should answer for z_t = a z + s noise (v: Salimans & Ho 2022, appendix D)."""
    if prediction == "epsilon":
        return noise
    if prediction == "x0":
        return z
    return a * noise - s * z


def predicted_x0(
    output: Tensor, z_t: Tensor, a: float | Tensor, s: float | Tensor, prediction: str
) -> Tensor:
    """The clean z that the denoiser's output implies (DDPM eq. 15 for epsilon)."""
    if prediction == "epsilon":
        return (z_t - s * output) / a
    if prediction == "x0":
        return output
    return a * z_t - s * output


def predicted_epsilon(
    output: Tensor, z_t: Tensor, a: float | Tensor, s: float | Tensor, prediction: str
) -> Tensor:
    """The noise that the denoiser's output implies."""
    if prediction == "epsilon":
        return output
    if prediction == "x0":
        return (z_t - a * output) / s
    return s * z_t + a * output
