"""Portraits for lesson 09: the same noise under every kind of guidance, kept, and what is seen in them."""

import warnings
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ldm_tutorial.diffusion import DPMSolverPP2M, guide
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.metrics import AttributeClassifier, attribute_accuracy


class Portraits:
    """Draws wishes from the noise of `seed`, in `steps` steps; what was drawn once is remembered."""

    def __init__(self, model: LatentDiffusion, steps: int = 15, seed: int = 0):
        self.model, self.steps, self.seed, self.kept = model, steps, seed, {}

    def latents(self, wishes: Sequence, w=3.0, **options) -> Tensor:
        """Clean latents (N, c, h, w) of wishes at guidance scale w; options as for LatentDiffusion.stream."""
        options = {"steps": self.steps, "seed": self.seed, "sampler": DPMSolverPP2M} | options
        key = (tuple(wishes), w, *((name, str(value)) for name, value in sorted(options.items())))
        if key not in self.kept:
            *_, state = self.model.stream(list(wishes), guidance_scale=w, **options)
            self.kept[key] = state.z
        return self.kept[key]

    def images(self, wishes: Sequence, w=3.0, **options) -> Tensor:
        """The portraits (N, 3, H, W) in [-1, 1], on the CPU; arguments as for `latents`."""
        return self.model.decode(self.latents(wishes, w, **options)).cpu()

    @torch.no_grad()
    def outside(self, latents: Tensor, by: float = 0.05) -> float:
        """Share of the decoder's values that are more than `by` outside [-1, 1], and would be cut off."""
        return (self.model.first_stage.decode(latents).abs() > 1 + by).float().mean().item()

    def every(self, prompts: Sequence[str], negatives: Sequence[str], scales, seeds: Sequence[int]) -> dict:
        """Every combination of prompt, negative prompt ("" for none), w and seed: a dict of images (3, H, W).

        The seeds must follow each other: they are drawn together.
        """
        found = {}
        asked = [prompt for prompt in prompts for _ in seeds]
        for w in scales:
            for negative in negatives:
                # At w = 1 the formula has no room for a negative prompt: one drawing serves for all.
                away = {} if w == 1 or not negative else {"negative_prompt": negative}
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)  # of a w that can't lead away
                    images = [
                        self.images(asked[i : i + len(seeds)], w, seed=seeds[0], **away)
                        for i in range(0, len(asked), len(seeds))
                    ]
                for prompt, drawn in zip(prompts, images, strict=True):
                    found |= {(prompt, negative, w, s): x for s, x in zip(seeds, drawn, strict=True)}
        return found


@torch.no_grad()
def spreads(model: LatentDiffusion, z: Tensor, wishes: Sequence[str], t: int, scales) -> dict[float, float]:
    """The standard deviation of the clean latent that each guidance scale sees in z (N, c, h, w) noised to t.

    For each image by itself, then the mean over images.
    """
    noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(t)).to(z.device)
    ts = torch.full((len(z),), t, device=z.device)
    z_t = model.schedule.add_noise(z, noise, ts)
    told = model.encode(model.conditioner.tokenize(list(wishes)))
    null = model.encode(model.conditioner.null_tokens[None])
    asked = {w: guide(model.denoise, null, w)(z_t, ts, told) for w in (0.0, 1.0)}
    found = {}
    for w in scales:
        guided = asked[0.0] + w * (asked[1.0] - asked[0.0])
        x0 = model.schedule.to_x0(guided, z_t, ts, model.config.prediction)
        found[w] = x0.std((1, 2, 3)).mean().item()
    return found


def found(judge: AttributeClassifier, images: Tensor, items: Sequence[Mapping]) -> tuple[int, int]:
    """How many attributes that the captions of `items` mention are seen in the images, and of how many."""
    attributes, mentions = ([item[key] for item in items] for key in ("attributes", "mentions"))
    counts = attribute_accuracy(judge, images, attributes, mentions).kinds.values()
    return sum(right for right, _ in counts), sum(asked for _, asked in counts)
