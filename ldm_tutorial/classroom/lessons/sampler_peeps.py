"""Portraits for lesson 06, drawn by the bundled model with any sampler from the same noise, and kept."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ldm_tutorial.conditioning import Condition
from ldm_tutorial.diffusion import DDIM, Sampler, guide, seeded_generators, seeded_noise
from ldm_tutorial.latent_diffusion import LatentDiffusion


class Sketches:
    """Draws the same captions from the same noise again and again; what was drawn once is remembered.

    captions: one an image. guidance_scale: w of lesson 09; 1 follows the caption as in training, at one call
    of the network a step.
    """

    def __init__(self, model: LatentDiffusion, captions: Sequence[str], seed=0, guidance_scale=1.0):
        device = next(model.unet.parameters()).device
        self.model, self.seed = model, seed
        self.condition = wished(model, captions)
        self.noise = seeded_noise((len(captions), *model.latent_shape), seed).to(device)
        self.denoise = guide(model.denoise, wished(model, [""]), guidance_scale)
        self.kept = {}

    def sampler(self, kind: type[Sampler], steps: int, spacing="trailing", **options) -> Sampler:
        """One that fits the model: its schedule and its prediction."""
        return kind(
            self.model.schedule, steps, spacing=spacing, prediction=self.model.config.prediction, **options
        )

    def states(self, kind=DDIM, steps=20, spacing="trailing", dice=None, n=None, **options) -> list:
        """The states of a run for the first n captions (None: all). dice: seed of what noise is added."""
        key = (kind, steps, spacing, dice, n, *options.items())
        if key not in self.kept:
            noise, condition = self.noise[:n], Condition(*(part[:n] for part in self.condition))
            rolled = None if dice is None else seeded_generators(len(noise), dice)
            run = self.sampler(kind, steps, spacing, **options)
            with torch.no_grad():
                self.kept[key] = list(run(self.denoise, noise, condition, generator=rolled))
        return self.kept[key]

    def latents(self, kind=DDIM, steps=20, **options) -> Tensor:
        """The clean latents (N, c, h, w); arguments as for `states`."""
        return self.states(kind, steps, **options)[-1].z

    def images(self, kind=DDIM, steps=20, **options) -> Tensor:
        """The portraits (N, 3, H, W) on the CPU; arguments as for `states`."""
        return self.model.decode(self.latents(kind, steps, **options)).cpu()


@torch.no_grad()
def wished(model: LatentDiffusion, captions: Sequence[str]) -> Condition:
    """The captions as the network reads them."""
    tokens = model.conditioner.tokenize(list(captions))
    return model.conditioner(tokens.to(next(model.parameters()).device))


def apart(a: Tensor, b: Tensor) -> float:
    """Root mean square difference of two sets of latents."""
    return (a - b).square().mean().sqrt().item()
