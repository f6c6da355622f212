"""The clinic of lesson 08: three patients, each the bundled model with one fault planted in it."""

import copy
from dataclasses import replace

import torch
from torch import Tensor

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.classroom.stages import one_step_error
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.metrics import psnr

DIAGNOSES = ("autoencoder", "latent scale", "prediction", "condition", "healthy")
RIGHT = {"A": "prediction", "B": "latent scale", "C": "condition"}


def patients(model: LatentDiffusion) -> dict[str, LatentDiffusion]:
    """Copies of a model that draws from captions; `model` itself stays well."""
    a, b, c = (copy.deepcopy(model) for _ in range(3))
    # The network's answer is read as something that it was not trained to say.
    other = "v" if model.config.prediction == "epsilon" else "epsilon"
    a.config = replace(model.config, prediction=other)
    b.first_stage.latent_mean.zero_()
    b.first_stage.latent_std.fill_(1.0)
    null = model.conditioner.null_tokens
    c.conditioner.tokenize = lambda wishes: null.expand(len(wishes), -1)
    return {"A": a, "B": b, "C": c}


@torch.no_grad()
def examine(model: LatentDiffusion, images: Tensor, captions: list[str], t: int = 500) -> dict[str, float]:
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


def diagnoses():
    """What is wrong with each patient of the clinic."""
    return RIGHT


clinic_exercise = Exercise(
    name="the clinic",
    solution=diagnoses,
    mistakes=(
        Mistake(
            "A and B mixed up",
            lambda: RIGHT | {"A": RIGHT["B"], "B": RIGHT["A"]},
            "In both, denoising fails. But in only one of them the latents do not have unit variance.",
        ),
        Mistake(
            "blaming the autoencoder",
            lambda: dict.fromkeys(RIGHT, "autoencoder"),
            "Look at the first column: with all three patients, encoding and decoding gives the image back.",
        ),
    ),
    hints=(
        "Read each row from the left and stop at the first number that is out of bounds.",
        f"The possible diagnoses are {', '.join(DIAGNOSES)}; each patient has one of them.",
        "The network was trained on latents with standard deviation 1. Whose are not? Who does not listen?",
    ),
    insight="Bad samples say that something is wrong; one number a stage says where.",
)
