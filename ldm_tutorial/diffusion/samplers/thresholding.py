"""Keeping the predicted image within the range of pixels. Latents have no such range: never for them.

Static: clamp x0 to [-clip, clip]; 1.0 for images in [-1, 1] (DDPM's release). Strong guidance drives so many
pixels to the bounds that the picture looks burnt, which dynamic thresholding avoids: where the given quantile
of an image's |x0| lies above 1, clamp to ± that quantile and divide by it (Imagen, Saharia et al. 2022,
section 2.3; 0.995 there).
"""

from torch import Tensor


def threshold(x0: Tensor, clip: float | None, dynamic_threshold: float | None) -> Tensor:
    """x0 (B, ...) within its bounds; x0 itself where it has none."""
    if clip is not None:
        return x0.clamp(-clip, clip)
    if dynamic_threshold is None:
        return x0
    size = x0.float().abs().flatten(1).quantile(dynamic_threshold, dim=1).clamp(min=1).to(x0)
    size = size.view(-1, *[1] * (x0.ndim - 1))
    return x0.clamp(-size, size) / size


def check_bounds(clip: float | None, dynamic_threshold: float | None) -> None:
    if clip is not None and not clip > 0:
        raise ValueError(f"clip is {clip}; it must be positive, or None for latents, which have no bounds")
    if dynamic_threshold is not None and not 0 < dynamic_threshold < 1:
        raise ValueError(
            f"dynamic_threshold is {dynamic_threshold}; it must be a quantile in (0, 1), or None for latents"
        )
    if clip is not None and dynamic_threshold is not None:
        raise ValueError(
            f"clip {clip} and dynamic_threshold {dynamic_threshold} exclude each other; give one"
        )
