"""Portraits as vectors: the small autoencoder that lesson 01 trains in seconds, with and without a KL term.

Its first and last layer are fixed: the principal axes of the data, along which pictures vary most. A turn of
the axes keeps squared errors as they are, so nothing in the theory changes, and the layers that learn between
them see a few hundred numbers instead of twelve thousand.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_tutorial.classroom.progress import Live
from ldm_tutorial.first_stage import DiagonalGaussian


class PrincipalAxes(nn.Module):
    """Images `(B, C, H, W)` <-> their coordinates `(B, count)` along the axes of largest variance.

    images: the pictures to learn the axes from, `(N, C, H, W)`; count: how many axes, at most N.
    Pearson 1901. The axes are found by random projections (Halko et al. 2011), drawn with `seed`.
    """

    def __init__(self, images: Tensor, count: int = 256, seed: int = 0):
        super().__init__()
        if count > len(images):
            raise ValueError(f"count is {count}, but {len(images)} images have no more axes than that")
        pixels = images.flatten(1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            axes = torch.svd_lowrank(pixels - pixels.mean(0), count, niter=1)[2]
        self.shape = images.shape[1:]
        self.register_buffer("mean", pixels.mean(0))
        self.register_buffer("axes", axes)  # (C H W, count), orthonormal columns

    def coordinates(self, images: Tensor) -> Tensor:
        return (images.flatten(1) - self.mean) @ self.axes

    def images(self, coordinates: Tensor) -> Tensor:
        """Pictures of coordinates `(B, k)` along the first k axes; the others count as 0."""
        axes = self.axes[:, : coordinates.shape[1]]
        return (coordinates @ axes.T + self.mean).unflatten(1, self.shape)


class VectorAutoencoder(nn.Module):
    """Images `(B, C, H, W)` <-> vectors `(B, latents)`: a perceptron on either side of a bottleneck.

    The encoder gives a mean and a log-variance for every number of the vector; a plain autoencoder uses only
    the means. scale: what coordinates are divided by, so that the perceptrons see numbers near 1.
    """

    def __init__(self, axes: PrincipalAxes, scale: float, latents: int = 32, width: int = 384):
        super().__init__()
        count = axes.axes.shape[1]
        self.axes, self.scale, self.latents = axes, scale, latents
        self.encoder = perceptron(count, width, 2 * latents)
        self.decoder = perceptron(latents, width, count)

    def posterior(self, images: Tensor) -> DiagonalGaussian:
        """q(z | x), over vectors `(B, latents)`."""
        return self.read(self.axes.coordinates(images))

    def decode(self, z: Tensor) -> Tensor:
        """Images of vectors `(B, latents)`."""
        return self.axes.images(self.write(z))

    def read(self, coordinates: Tensor) -> DiagonalGaussian:
        mean, logvar = self.encoder(coordinates / self.scale).chunk(2, dim=1)
        return DiagonalGaussian(mean, logvar.clamp(-20, 20))

    def write(self, z: Tensor) -> Tensor:
        return self.scale * self.decoder(z)


def perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    layers = nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def negative_elbo(coordinates: Tensor, copies: Tensor, posterior: DiagonalGaussian, beta: float) -> Tensor:
    """1/2 squared error + beta KL, both summed over an image, averaged over the batch: one number."""
    error = 0.5 * F.mse_loss(copies, coordinates, reduction="none").sum(1)
    return (error + beta * posterior.kl()).mean()


def fit(model: VectorAutoencoder, coordinates: Tensor, beta: float, steps: int = 800, seed: int = 0) -> None:
    """Train on coordinates `(N, count)`, 128 at a time, with the loss `negative_elbo`, showing a bar.

    beta 0 is a plain autoencoder: there the noise would only disturb, so none is drawn.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, fused=True)
    rise_and_fall = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(20 * step / steps, 1, 1.5 * (1 - step / steps))
    )
    with Live(steps, f"training, beta = {beta:g}") as live:
        for step in range(steps):
            x = coordinates[torch.randint(len(coordinates), (128,), generator=generator)]
            posterior = model.read(x)
            z = posterior.sample(generator) if beta else posterior.mode()
            loss = negative_elbo(x, model.write(z), posterior, beta)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rise_and_fall.step()
            if step % 25 == 24:
                live.step(step + 1, f"loss {loss.item():.1f}")


def trained(axes: PrincipalAxes, images: Tensor, beta: float, steps: int = 800) -> VectorAutoencoder:
    """An autoencoder of images `(N, C, H, W)`, trained from scratch; the same start for every beta."""
    coordinates = axes.coordinates(images)
    torch.manual_seed(0)
    model = VectorAutoencoder(axes, scale=3 * coordinates.std().item()).to(images.device)
    fit(model, coordinates, beta, steps)
    return model.eval().requires_grad_(False)
