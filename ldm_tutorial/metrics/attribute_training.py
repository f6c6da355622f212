"""Trains the attribute classifier on real pictures, worsened a little as generated ones are."""

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from ldm_tutorial.metrics.attributes import AttributeClassifier, AttributeClassifierConfig


def train_attribute_classifier(
    images: Tensor,
    attributes: Sequence[Mapping[str, str]],
    epochs: int = 12,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    seed: int = 0,
    progress: bool = True,
) -> AttributeClassifier:
    """A classifier, in evaluation mode, of the attributes of pictures (N,3,H,W): uint8, or floats in [-1,1].

    Cross-entropy summed over kinds; AdamW with a one-cycle learning rate. The kinds are those of the first
    picture, their words all that occur. Trains on the device of `images`; the seed decides the weights too.
    """
    kinds = tuple((kind, tuple(sorted({each[kind] for each in attributes}))) for kind in attributes[0])
    targets = torch.tensor(
        [[words.index(each[kind]) for kind, words in kinds] for each in attributes],
        device=images.device,
    )  # (N, kinds)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # the initial weights and dropout draw from the global generator
        config = AttributeClassifierConfig(kinds, image_size=images.shape[-1])
        model = AttributeClassifier(config).to(images.device).train()
        steps = epochs * math.ceil(len(images) / batch_size)
        optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01, fused=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps)
        with tqdm(total=steps * batch_size, unit="image", disable=not progress, mininterval=5) as bar:
            for _ in range(epochs):
                for chosen in torch.randperm(len(images), generator=generator).split(batch_size):
                    batch = worsen(as_float(images[chosen]), generator)
                    logits = model(batch)
                    losses = [
                        F.cross_entropy(logits[k], targets[chosen, i]) for i, (k, _) in enumerate(kinds)
                    ]
                    optimizer.zero_grad()
                    sum(losses).backward()
                    optimizer.step()
                    schedule.step()
                    bar.update(len(chosen))
                    bar.set_postfix(loss=f"{sum(losses).item():.2f}")
    return model.eval()


def as_float(images: Tensor) -> Tensor:
    return images if images.is_floating_point() else images / 127.5 - 1


def worsen(images: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures shifted by up to 2 pixels, blurred, noisy, with colours a little off, sometimes mirrored.

    Colours and noise are drawn for each picture, the rest once for the batch.
    """

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=generator).item()

    height, width = images.shape[-2:]
    down, right = torch.randint(0, 5, (2,), generator=generator).tolist()
    images = F.pad(images, (2, 2, 2, 2), mode="replicate")[..., down : down + height, right : right + width]
    if uniform(0, 1) < 0.25:  # a set may have been doubled by mirroring
        images = images.flip(-1)
    if uniform(0, 1) < 0.6:
        images = blur(images, sigma=uniform(0.3, 1.0))
    colour = torch.randn(len(images), 3, 1, 1, generator=generator).to(images) * 0.03
    noise = torch.randn(images.shape, generator=generator).to(images) * uniform(0, 0.12)
    return (images + colour + noise).clamp(-1, 1)


def blur(images: Tensor, sigma: float) -> Tensor:
    """Convolution with a Gaussian of standard deviation `sigma` pixels, cut off at 3 pixels."""
    x = torch.arange(-3, 4, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-(x**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).repeat(images.shape[1], 1)  # (C, 7)
    images = F.pad(images, (3, 3, 3, 3), mode="replicate")
    images = F.conv2d(images, kernel[:, None, :, None], groups=images.shape[1])
    return F.conv2d(images, kernel[:, None, None, :], groups=images.shape[1])
