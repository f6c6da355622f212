"""Three patients for the clinic of lesson 08: the bundled model, each with one fault planted in it."""

import copy

import torch
from torch import Tensor

from ldm_tutorial.classroom.stages import one_step_error
from ldm_tutorial.diffusion import NoiseSchedule
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.metrics import psnr

DIAGNOSES = ("autoencoder", "latent scale", "noise schedule", "condition", "healthy")
RIGHT = {"A": "noise schedule", "B": "latent scale", "C": "condition"}


def patients(model: LatentDiffusion) -> dict[str, LatentDiffusion]:
    """Copies of a model that draws from captions; `model` itself stays well."""
    a, b, c = (copy.deepcopy(model) for _ in range(3))
    a.schedule = NoiseSchedule.cosine(model.schedule.T)  # not the one that it was trained with
    b.first_stage.latent_mean.zero_()
    b.first_stage.latent_std.fill_(1.0)
    null = model.conditioner.null_tokens
    c.conditioner.tokenize = lambda wishes: null.expand(len(wishes), -1)
    return {"A": a, "B": b, "C": c}


@torch.no_grad()
def examine(model: LatentDiffusion, images: Tensor, captions: list[str], t: int = 250) -> dict[str, float]:
    """One number a stage: reconstruction, latents, one step of denoising, and whether captions matter."""
    z = model.first_stage.encode(images)
    prompts = ["blue background", "yellow background"]
    one, other = (model.sample([prompt] * 2, steps=10, guidance_scale=3.0, seed=0) for prompt in prompts)
    return {
        "PSNR in dB": psnr(images, model.first_stage.decode(z)).mean().item(),
        "latent std": z.std().item(),
        "one-step error": one_step_error(model, z, captions, t),
        "caption effect": (one - other).square().mean().sqrt().item(),
    }
