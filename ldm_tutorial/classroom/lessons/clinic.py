"""The clinic of lesson 08: three patients, each the bundled model with one fault planted in it."""

import copy
from dataclasses import replace

import torch
from torch import Tensor

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.classroom.stages import one_step_error
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.metrics import psnr

DIAGNOSES = ("autoencoder", "latent scale", "prediction", "condition")


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
    return {
        "A": "prediction",  # its answers are read as noise, though it was trained to answer with v
        "B": "latent scale",  # its first stage has forgotten mean and standard deviation
        "C": "condition",  # whatever it is asked for, it reads the empty caption
    }


def _wrong(patient: str, diagnosis: str, explanation: str) -> Mistake:
    name = f"looking for {patient}'s fault in the {diagnosis}"
    return Mistake(name, lambda: diagnoses() | {patient: diagnosis}, explanation)


clinic_exercise = Exercise(
    name="the clinic",
    solution=diagnoses,
    choices=DIAGNOSES,
    mistakes=(
        *(
            _wrong(
                name, "autoencoder", f"Encoding and decoding gives {name}'s images back: the first column."
            )
            for name in diagnoses()
        ),
        _wrong("A", "latent scale", "A's latents have a standard deviation near 1: the second column."),
        _wrong("C", "latent scale", "C's latents have a standard deviation near 1: the second column."),
        _wrong("B", "prediction", "B cannot denoise, but a number further left is out of bounds too."),
        _wrong(
            "C",
            "prediction",
            "C's one-step error is within its bound. It is above the healthy model's since C denoises "
            "without its captions: look at the fourth column.",
        ),
        _wrong("A", "condition", "A number further left is out of bounds with A: it can't denoise at all."),
        _wrong("B", "condition", "A number further left is out of bounds with B. Start there."),
    ),
    hints=(
        "Put each row beside the healthy one. In which column do they part for the first time?",
        "Whose latents are not as wide as the noise? Who does not listen?",
        "A: the latents are fine and the caption arrives, yet one step fails. What is left?",
    ),
    insight=(
        "A's answers were read as noise, though it says v; B's first stage had lost its scale; C read the "
        "empty caption, so that its pictures look like those of w = 0 in section 8. Bad samples say that "
        "something is wrong; one number a stage says where."
    ),
)
