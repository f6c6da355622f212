"""The GAN that benchmarks/families.py compares with: for 64x64 pixels, a few minutes and one core.

Residual networks that halve and double (Miyato et al. 2018) with the non-saturating loss (Goodfellow et al.
2014), the gradient penalty R1 (Mescheder et al. 2018) in one step of sixteen (Karras et al. 2020), and images
that both players see changed, shifted and cut (Zhao et al. 2020). Neither network convolves at 64x64: they
fold 2x2 pixels into channels, as the course's autoencoders do, which makes a step several times faster.

The package's loop trains it as it trains an autoencoder with its critic: two players, one averaged model.
Widths, batch and learning rate are the best of those tried in gan_search.py: in so few minutes many small
steps do better than few large ones. Images are only shifted; when the search was repeated, images that were
changed in colour and cut out too came out a little better (data/experiments/gan_search.json).
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from ldm_tutorial.data import to_float
from ldm_tutorial.diffusion import seeded_noise
from ldm_tutorial.training import TrainingConfig

SQRT_HALF = 0.5**0.5  # the sum of two halves of a residual block keeps their size


@dataclass(frozen=True)
class GANConfig:
    """The shape of both networks and what the discriminator's task is made harder by."""

    latent: int = 128
    widths: tuple[int, ...] = (128, 64, 32, 16)
    """channels at 4x4, 8x8, 16x16 and 32x32; pixels are folded out of, and into, the last"""
    groups: int = 8
    r1_weight: float = 1.0
    """of half the squared gradient, as in Mescheder et al."""
    r1_share: float = 1 / 16
    """of the steps that have the penalty, in which it weighs by so much more"""
    colour: float = 0.0
    """strength of the changes of brightness, saturation and contrast; Zhao et al. have 1"""
    shift: float = 1 / 8
    """of an image's side, the farthest that it is moved"""
    cutout: float = 0.0
    """side of the square that is cut out, over the image's; Zhao et al. have 1/2"""


TRAINING = TrainingConfig(
    batch_size=8,
    learning_rate=1e-3,
    warmup=50,
    betas=(0.0, 0.99),  # no momentum, as in Karras et al.: the gradient turns
    gradient_clip=10.0,
    ema_decay=0.998,
    device="cpu",
    log_every=100,
    checkpoint_every=500,
    strip_every=500,
)


class Grow(nn.Module):
    """A residual block, which z scales and shifts: `(B, in, h, w)` -> `(B, out, h up, w up)`."""

    def __init__(self, in_channels: int, out_channels: int, config: GANConfig, up: int = 2):
        super().__init__()
        self.up = up
        self.norms = nn.ModuleList(
            nn.GroupNorm(config.groups, width, affine=False) for width in (in_channels, out_channels)
        )
        self.styles = nn.ModuleList(
            nn.Linear(config.latent, 2 * width) for width in (in_channels, out_channels)
        )
        self.first = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.second = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.skip = nn.Conv2d(in_channels, out_channels, 1)

    def styled(self, h: Tensor, z: Tensor, number: int) -> Tensor:
        scale, shift = self.styles[number](z)[:, :, None, None].chunk(2, dim=1)
        return F.silu(self.norms[number](h) * (1 + scale) + shift)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        h = self.first(self.styled(x, z, 0))  # before it grows: four times cheaper
        h = self.second(self.styled(F.interpolate(h, scale_factor=self.up), z, 1))
        return SQRT_HALF * (h + F.interpolate(self.skip(x), scale_factor=self.up))


class Generator(nn.Module):
    """Normal z `(B, latent)` -> images `(B, 3, 64, 64)` in [-1, 1]."""

    def __init__(self, config: GANConfig):
        super().__init__()
        self.config = config
        first, last = config.widths[0], config.widths[-1]
        self.start = nn.Linear(config.latent, first * 4 * 4)
        self.blocks = nn.ModuleList([Grow(first, first, config, up=1)])
        self.blocks.extend(Grow(*widths, config) for widths in pairwise(config.widths))
        self.norm = nn.GroupNorm(config.groups, last)
        self.out = nn.Conv2d(last, 3 * 2 * 2, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.start(z).unflatten(1, (-1, 4, 4)).contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            h = block(h, z)
        return F.pixel_shuffle(self.out(F.silu(self.norm(h))), 2).tanh()

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0, batch_size: int = 64) -> Tensor:
        """Images `(n, 3, 64, 64)`; image i depends on seed + i alone."""
        z = seeded_noise((n, self.config.latent), seed)
        return torch.cat([self(part) for part in z.split(batch_size)])


class Shrink(nn.Module):
    """A residual block without norms, which would hide the size of what it sees, at half the side."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.first = nn.Conv2d(in_channels, in_channels, 3, padding=1)
        self.second = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.skip = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(F.leaky_relu(x, 0.2))
        h = self.second(F.leaky_relu(F.avg_pool2d(h, 2), 0.2))
        return SQRT_HALF * (h + self.skip(F.avg_pool2d(x, 2)))


class Discriminator(nn.Module):
    """Images `(B, 3, 64, 64)` -> logits `(B,)`, above 0 where they look real.

    Before the verdict it is told how much the images of the batch differ (Karras et al. 2018, section 3).
    """

    def __init__(self, config: GANConfig):
        super().__init__()
        widths = config.widths[::-1]
        self.start = nn.Conv2d(3 * 2 * 2, widths[0], 3, padding=1)
        self.blocks = nn.Sequential(*(Shrink(*pair) for pair in pairwise(widths)))
        self.last = nn.Conv2d(widths[-1] + 1, widths[-1], 3, padding=1)
        self.verdict = nn.Linear(widths[-1] * 4 * 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.blocks(self.start(F.pixel_unshuffle(x, 2)))
        spread = (h.var(0, unbiased=False) + 1e-8).sqrt().mean()
        h = torch.cat([h, spread.expand(len(h), 1, *h.shape[2:])], dim=1)
        return self.verdict(F.leaky_relu(self.last(F.leaky_relu(h, 0.2)), 0.2).flatten(1))[:, 0]


class GANObjective(nn.Module):
    """Both players over uint8 images; what the training loop asks of an objective."""

    def __init__(self, images, config: GANConfig):
        super().__init__()
        self.images, self.config = images, config
        self.model, self.discriminator = Generator(config), Discriminator(config)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def players(self) -> dict[str, list[nn.Parameter]]:
        return {name: list(getattr(self, name).parameters()) for name in ("model", "discriminator")}

    def fetch(self, indices: Tensor) -> dict:
        return {"real": self.images.pixels(indices)}

    def randomness(self, indices: Tensor, generator: torch.Generator) -> dict:
        """z, what is done to the real and to the generated images, and whether the penalty's turn has come.

        The turn is drawn by lot, so that a step needs not know how many came before it.
        """
        n = len(indices)
        return {
            "z": torch.randn((n, self.config.latent), generator=generator),
            "change_real": torch.rand((n, 7), generator=generator),
            "change_fake": torch.rand((n, 7), generator=generator),
            "penalised": (torch.rand(1, generator=generator) < self.config.r1_share).expand(n),
        }

    def forward(self, batch: dict):
        fake = self.model(batch["z"])
        changed = augment(fake, batch["change_fake"], self.config)
        real = augment(to_float(batch["real"]), batch["change_real"], self.config)
        # Each loss reaches its own player's parameters only: one sees the other's detached.
        fixed = {name: p.detach() for name, p in self.discriminator.named_parameters()}
        fooled = F.softplus(-functional_call(self.discriminator, fixed, (changed,))).mean()
        logits_real, logits_fake = self.discriminator(real), self.discriminator(changed.detach())
        told_apart = F.softplus(-logits_real).mean() + F.softplus(logits_fake).mean()
        loss, n = fooled + told_apart, len(fake)
        values = {"loss": loss, "generator": fooled, "logits_real": logits_real.mean()}
        values["logits_fake"] = logits_fake.mean()
        logs = {name: (value * n, n) for name, value in values.items()}
        if batch["penalised"][0]:
            penalty = squared_gradient(self.discriminator, real).mean()
            logs["squared_gradient"] = (penalty * n, n)
            loss = loss + self.config.r1_weight / 2 / self.config.r1_share * penalty
        return loss, logs

    def strip(self) -> Tensor:
        return self.model.sample(16)


def squared_gradient(discriminator: nn.Module, images: Tensor) -> Tensor:
    """R1's |dD(x)/dx|² of each image `(B,)`, through which parameters get a gradient in turn."""
    with torch.enable_grad():
        images = images.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    return gradient.square().flatten(1).sum(1)


def augment(images: Tensor, random: Tensor, config: GANConfig) -> Tensor:
    """Change colours, shift and cut images `(B, 3, H, W)` as the numbers in [0, 1) `random` (B, 7) say."""
    brightness, saturation, contrast = random[:, :3, None, None, None].unbind(1)
    x = images + config.colour * (brightness - 0.5)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (1 + config.colour * (2 * saturation - 1))
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + (x - mean) * (1 + config.colour * (contrast - 0.5))
    n, _, height, width = x.shape
    rows, columns = torch.arange(height, device=x.device), torch.arange(width, device=x.device)
    side = torch.tensor([height, width], device=x.device)
    move = ((2 * random[:, 3:5] - 1) * (config.shift * side + 0.5)).round().long()
    far = (config.shift * side).long()
    move = move.clamp(-far, far)
    padded = F.pad(x, (1, 1, 1, 1))  # what moves in is grey
    down = (rows + 1 + move[:, :1]).clamp(0, height + 1)
    right = (columns + 1 + move[:, 1:]).clamp(0, width + 1)
    each = torch.arange(n, device=x.device)[:, None, None]
    x = padded.permute(0, 2, 3, 1)[each, down[:, :, None], right[:, None, :]].permute(0, 3, 1, 2)
    centre = (random[:, 5:] * side).long()
    half = config.cutout * side / 2
    inside = [
        (axis - at[:, None]).abs() < reach
        for axis, at, reach in zip((rows, columns), centre.unbind(1), half, strict=True)
    ]
    return x * ~(inside[0][:, :, None] & inside[1][:, None, :])[:, None]
