"""Who pulls at whom: one latent vector, one code, and a decoder that wants something else (lesson 02)."""

import torch
from torch import Tensor

from ldm_tutorial.classroom.lessons.vq_gradients import straight_through

WANTED = (1.2, 0.6)  # the vector that the decoder would like to get
LATENT, CODE = (-1.6, 1.4), (-1.2, -0.8)  # where the two begin


def tug(codes: float, commitment: float, steps: int = 150, rate: float = 0.02) -> Tensor:
    """The places of latent and code while gradient descent goes on, (steps + 1, 2, 2): time, which, x and y.

    Minimised is |e - wanted|^2, with its gradient copied to z, + codes |sg(z) - e|^2
    + commitment |z - sg(e)|^2; the paper has codes = 1. In small steps both come to rest like exp(-s t);
    t is steps times rate and s the smaller real part of
    (codes + commitment) -+ sqrt((codes + commitment)^2 - 4 codes).
    """
    z, e = torch.tensor(LATENT, requires_grad=True), torch.tensor(CODE, requires_grad=True)
    wanted, places = torch.tensor(WANTED), [torch.tensor([LATENT, CODE])]
    for _ in range(steps):
        loss = (straight_through(z, e) - wanted).square().sum()
        loss = loss + codes * (z.detach() - e).square().sum() + commitment * (z - e.detach()).square().sum()
        pulls = torch.autograd.grad(loss, (z, e), allow_unused=True)
        with torch.no_grad():
            for thing, pull in zip((z, e), pulls, strict=True):
                if pull is not None:
                    thing -= rate * pull
        places.append(torch.stack([z, e]).detach().clone())
    return torch.stack(places)


def misses(places: Tensor) -> Tensor:
    """How far the code is from what the decoder wants, at each time: (steps + 1,)."""
    return (places[:, 1] - torch.tensor(WANTED)).norm(dim=1)
