"""One number for each stage of latent diffusion, so that a fault is found where it is."""

import torch
from torch import Tensor

from ldm_tutorial.diffusion import seeded_noise
from ldm_tutorial.latent_diffusion import LatentDiffusion


@torch.no_grad()
def one_step(model: LatentDiffusion, z: Tensor, wishes, t: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Noise latents z (N, c, h, w) to timestep t and undo it with a single question to the network.

    Returns z_t and the clean latents seen in it. wishes: a caption (or attributes) an image, or None.
    """
    noise = seeded_noise(z.shape, seed, z.device)
    steps = torch.full((len(z),), t, device=z.device)
    z_t = model.schedule.add_noise(z, noise, steps)
    condition = None
    if model.conditioner is not None:
        condition = model.conditioner(model.conditioner.tokenize(wishes or [""] * len(z)).to(z.device))
    output = model.denoise(z_t, steps, condition)
    return z_t, model.schedule.to_x0(output, z_t, steps, model.config.prediction)


def one_step_error(model: LatentDiffusion, z: Tensor, wishes, t: int, seed: int = 0) -> float:
    """Squared error of `one_step` as a share of the variance of z: 0 is perfect, 1 is always saying 0."""
    _, x0 = one_step(model, z, wishes, t, seed)
    return ((x0 - z).square().mean() / z.var()).item()
