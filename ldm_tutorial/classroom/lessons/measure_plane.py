"""Gaussians and sets of points in the plane, whose distances can be seen: material of lesson 10."""

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ldm_tutorial.classroom.lessons.ddpm_points import smiling_face
from ldm_tutorial.classroom.style import COLOURS, INK, Picture, picture, styled
from ldm_tutorial.metrics import Gaussian

BLUE, ORANGE = COLOURS["blue"], COLOURS["orange"]
FIXED = {"middle": (-0.8, -0.4), "long axis": (0.9, 0.3)}
START = {"middle": (0.8, 0.4), "long axis": (-0.3, 1.0)}
SHORT = 0.3  # standard deviation across the long axis
LIMIT = 3.2


def gaussian(points: Mapping[str, tuple[float, float]]) -> Gaussian:
    """The Gaussian around `middle`, as wide along the arrow `long axis` as that is long."""
    middle, axis = (torch.tensor(points[name], dtype=torch.float64) for name in ("middle", "long axis"))
    unit = axis / axis.norm().clamp(min=1e-9)
    across = torch.eye(2, dtype=torch.float64) - torch.outer(unit, unit)
    return Gaussian.known(middle, torch.outer(axis, axis) + SHORT**2 * across)


def matrix_root(cov: Tensor, power: float = 0.5) -> Tensor:
    """A power of a symmetric positive matrix (d, d)."""
    values, vectors = torch.linalg.eigh(cov)
    return (vectors * values.clamp(min=0) ** power) @ vectors.T


def transport(points: Tensor, one: Gaussian, other: Gaussian) -> Tensor:
    """Where points (N, d) of one Gaussian go when it becomes the other with the least squared moves: (N, d).

    The optimal map (Dowson and Landau 1982); one.cov must have full rank.
    """
    root, back = matrix_root(one.cov), matrix_root(one.cov, -0.5)
    matrix = back @ matrix_root(root @ other.cov @ root) @ back
    return other.mean + (points.double() - one.mean) @ matrix


def two_gaussians(points: Mapping[str, tuple[float, float]]) -> Picture:
    """A fixed Gaussian and the one at `points`, arrows from the one to the other, and their distance."""
    one, other = gaussian(FIXED), gaussian(points)
    middles = (one.mean - other.mean).square().sum().item()
    distance = one.distance(other)
    title = f"Fréchet distance {distance:.2f} = middles {middles:.2f} + shapes {distance - middles:.2f}"
    angle = torch.linspace(0, 2 * torch.pi, 100, dtype=torch.float64)
    circle = torch.stack([angle.cos(), angle.sin()], 1)
    with styled():
        figure = Figure((5.2, 4.1), layout="constrained")
        axis = figure.subplots()
        axis.set(xlim=(-LIMIT, LIMIT), ylim=(-0.75 * LIMIT, 0.75 * LIMIT), aspect="equal")
        for each, colour, name in ((one, BLUE, "stays"), (other, ORANGE, "yours")):
            for width in (1, 2):
                ring = each.mean + width * circle @ matrix_root(each.cov)
                axis.plot(
                    *ring.T.tolist(), color=colour, linewidth=3 - width, label=name if width == 1 else None
                )
        starts = one.mean + circle[:-1:8] @ matrix_root(one.cov)
        starts = torch.cat([one.mean[None], starts])
        for start, end in zip(starts.tolist(), transport(starts, one, other).tolist(), strict=True):
            axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": INK, "alpha": 0.6})
        axis.legend(loc="lower right", fontsize=11)
        axis.set_title(title, loc="left", fontsize=12)
    return picture(figure, title)


def sets_of_points(n: int = 600) -> dict[str, Tensor]:
    """A face in the plane, "real", and what five models could make of it: name -> (n, 2)."""

    # From one draw: two faces of their own would both be moved to a mean of exactly 0, and agree too well.
    real, more, other, *rest = smiling_face(8 * n, torch.Generator().manual_seed(0)).split(n)
    noise = torch.randn(2, n, 2, generator=torch.Generator().manual_seed(2))
    rest = torch.cat(rest)
    return {
        "real": real,
        "more of the real": more,
        "a Gaussian": with_moments_of(real, noise[0]),
        "a thick brush": other + 0.15 * noise[1],
        "outline only": rest[rest.norm(dim=1) > 1.2][:n],
        "20 points copied": real[:20].repeat(n // 20, 1),
    }


def with_moments_of(points: Tensor, noise: Tensor) -> Tensor:
    """Noise (N, d), moved and stretched to exactly the mean and the covariance of points (M, d)."""
    noise = noise.double()
    flat = (noise - noise.mean(0)) @ matrix_root(torch.cov(noise.T), -0.5)
    return (flat @ matrix_root(torch.cov(points.double().T)) + points.double().mean(0)).float()


def islands(each: int = 14) -> tuple[Tensor, Tensor]:
    """Real points on three islands, and samples of a model that knows two of them, and draws a few between.

    Returns samples (N, 2) and reference (3 each, 2).
    """
    generator = torch.Generator().manual_seed(1)
    middles = torch.tensor([[-1.4, 1.1], [1.4, 1.0], [0.1, -1.5]])
    spread = torch.tensor([[0.4, 0.3], [0.3, 0.4], [0.45, 0.25]])

    def around(which, n):
        return middles[which] + spread[which] * torch.randn(n, 2, generator=generator)

    reference = torch.cat([around(which, each) for which in range(3)])
    missed = torch.tensor([0.0, 0.2]) + 0.12 * torch.randn(6, 2, generator=generator)
    return torch.cat([around(0, each), around(1, each), missed]), reference
