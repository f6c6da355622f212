"""What the first stage buys: the same U-Net trained and sampled on 64x64 pixels and on 16x16 latents."""

import dataclasses

import torch

from benchmarks.timing import rate, ratio, take_turns
from ldm_tutorial.conditioning import SPECIAL_WORDS, CaptionConfig
from ldm_tutorial.diffusion import guide
from ldm_tutorial.latent_diffusion import LatentDiffusion, LatentDiffusionConfig
from ldm_tutorial.recipes.first_stages import PEEPS_KL_F4
from ldm_tutorial.recipes.second_stages import PEEPS_LDM, PEEPS_PIXEL

HEADER = ["what", "batch", "64x64x3 pixels, images/s", "16x16x4 latents, images/s", "latents / pixels"]
BATCH = 8


def table(rounds: int) -> list[list[str]]:
    torch.manual_seed(0)
    models = [build(PEEPS_PIXEL, None), build(PEEPS_LDM, PEEPS_KL_F4.first_stage)]
    images = torch.rand(BATCH, 3, 64, 64) * 2 - 1
    return [
        row(
            "training step, latents from the cache",
            rounds,
            [training_step(m, m.encoded(images)) for m in models],
        ),
        row(
            "training step, encoding every time",
            rounds,
            [training_step(m, images, encode=True) for m in models],
        ),
        row("one guided denoising step", rounds, [guided_step(m, m.encoded(images)) for m in models]),
    ]


class Timed(LatentDiffusion):
    """A recipe's model with weights that are not trained: time does not depend on them."""

    @torch.no_grad()
    def encoded(self, images):
        return self.first_stage.encode(images)


def build(recipe, first_stage) -> Timed:
    words = CaptionConfig((*SPECIAL_WORDS, *(f"word{n}" for n in range(200))), recipe.context_length)
    unet = dataclasses.replace(recipe.unet, context_dim=words.dim)
    return Timed(LatentDiffusionConfig(64, first_stage, unet, words))


def conditions(model):
    return model.conditioner.tokenize(["word1 word2 word3 word4 word5 word6 word7 word8"] * BATCH)


def training_step(model, source, encode=False):
    optimizer = torch.optim.AdamW(
        [*model.unet.parameters(), *model.conditioner.parameters()], lr=1e-5, fused=True
    )
    tokens = conditions(model)

    def step():
        z = model.encoded(source) if encode else source
        t = torch.randint(0, model.schedule.T, (BATCH,))
        model.loss(z, tokens, t, torch.randn_like(z)).mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


@torch.no_grad()
def guided_step(model, z):
    null = model.conditioner(model.conditioner.null_tokens[None])
    denoise = guide(model.denoise, null, 3.0)
    condition = model.conditioner(conditions(model))
    return torch.no_grad()(lambda: denoise(z, torch.full((BATCH,), 500), condition))


def row(what, rounds, contestants) -> list[str]:
    seconds = take_turns(dict(zip(("pixels", "latents"), contestants, strict=True)), rounds)
    rates = [rate(seconds[name], BATCH) for name in ("pixels", "latents")]
    return [what, str(BATCH), *rates, ratio(seconds["pixels"], seconds["latents"])]
