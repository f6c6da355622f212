"""What `ldm evaluate` measures of a first stage and of a diffusion model."""

import torch
from torch import nn

from ldm_tutorial.commands.reconstruct import reconstruct
from ldm_tutorial.conditioning import each_part
from ldm_tutorial.data import ImageSet, to_float
from ldm_tutorial.first_stage import CodePrior, PerceptualLoss, VQAutoencoder, perplexity, usage
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.metrics import AttributeClassifier, attribute_accuracy, perceptual_distance, psnr, ssim
from ldm_tutorial.training import wishes_of

BATCH = 64
LEVELS = 10  # bins of t in which the loss is told


@torch.no_grad()
def reconstruction(first_stage: nn.Module, images: ImageSet, copies: torch.Tensor | None = None) -> dict:
    """PSNR, SSIM and perceptual distance as means over images; mean and std of the latents, by channel.

    The perceptual distance is left out where its packages are missing. Of a codebook also how much is used.
    `copies` are the images as the first stage gives them back, where that is known already.
    """
    originals = to_float(images.pixels())
    device = next(first_stage.parameters()).device
    z = torch.cat([first_stage.encode(part.to(device)).cpu() for part in originals.split(BATCH)])
    copies = reconstruct(first_stage, originals, BATCH) if copies is None else copies
    measured = {
        "n": len(originals),
        "psnr": psnr(copies, originals).mean().item(),
        "ssim": ssim(copies, originals).mean().item(),
        "latent_mean": z.mean((0, 2, 3)).tolist(),
        "latent_std": z.std((0, 2, 3)).tolist(),
    }
    try:
        network = PerceptualLoss()
    except ModuleNotFoundError:
        pass
    else:
        pairs = zip(copies.split(BATCH), originals.split(BATCH), strict=True)
        distances = [perceptual_distance(*pair, network) for pair in pairs]
        measured["perceptual"] = torch.cat(distances).mean().item()
    if isinstance(first_stage, VQAutoencoder):
        counts = first_stage.count_codes(part.to(device) for part in originals.split(BATCH))
        measured |= {"code_usage": usage(counts), "code_perplexity": perplexity(counts)}
    return measured


@torch.no_grad()
def code_loss(prior: CodePrior, images: ImageSet) -> dict:
    """How improbable a prior finds the codes of these images."""
    device, losses = next(prior.parameters()).device, []
    for part in torch.arange(len(images)).split(BATCH):
        codes = prior.first_stage.encode_codes(to_float(images.pixels(part)).to(device))
        losses.append(prior.loss(codes).cpu())
    return {"n": len(images), "nats_per_code": torch.cat(losses).mean().item()}


@torch.no_grad()
def loss_by_level(model: LatentDiffusion, images: ImageSet, seed: int) -> dict:
    """The training loss on these images and their conditions, in all and in tenths of the timesteps.

    The timesteps are spread evenly over the images, not drawn: that halves the noise of the figure.
    """
    n, device = len(images), next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(n, generator=generator)
    t = (order * model.schedule.T // n).long()
    noise = torch.randn((n, *model.latent_shape), generator=generator)
    asked = wishes_of(model, images)
    tokens = None if asked is None else model.conditioner.tokenize(asked)
    losses = []
    for part in torch.arange(n).split(BATCH):
        z = model.first_stage.encode(to_float(images.pixels(part)).to(device))
        y = None if tokens is None else each_part(lambda rows, part=part: rows[part].to(device), tokens)
        losses.append(model.loss(z, y, t[part].to(device), noise[part].to(device)).cpu())
    losses = torch.cat(losses)
    level = t * LEVELS // model.schedule.T
    each = [losses[level == k].mean().item() if (level == k).any() else None for k in range(LEVELS)]
    return {"n": n, "loss": losses.mean().item(), "loss_by_level": each}


def attributes_drawn(classifier: AttributeClassifier, images: ImageSet, drawn: torch.Tensor) -> dict:
    """Share of the mentioned attributes that the pictures `drawn` from the images' captions have.

    For each kind of attribute and averaged over kinds; the same of the real images stands beside it, since
    the classifier's errors count too.
    """
    attributes, mentions = images.values("attributes"), images.values("mentions")
    result = attribute_accuracy(classifier, drawn, attributes, mentions)
    real = attribute_accuracy(classifier, to_float(images.pixels()), attributes, mentions)
    kinds = {kind: {"accuracy": right / n, "n": n} for kind, (right, n) in result.kinds.items() if n}
    return {
        "captions": "the first of the split",
        "accuracy": result.mean,
        "accuracy_on_real_images": real.mean,
        "kinds": kinds,
    }
