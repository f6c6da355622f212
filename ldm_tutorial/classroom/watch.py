"""Training that a reader watches."""

from torch import Tensor

from ldm_tutorial.classroom.pictures import grid
from ldm_tutorial.classroom.progress import Live


def watch(objective, live: Live) -> list[Tensor]:
    """Move `live` with every step of `objective` and show its fixed-seed samples as they are drawn.

    Returns the list that fills with those samples (N, 3, H, W) while `train` runs.
    """
    strips, draw = [], objective.strip

    def advance(_module, _inputs, output):
        live.step(live.bar.value + 1, f"loss {output[0].item():.3f}")

    def strip():
        strips.append(draw().cpu())
        live.show(grid(strips[-1], title=f"after {live.bar.value} of {live.total} steps"))
        return strips[-1]

    objective.register_forward_hook(advance)
    objective.strip = strip
    return strips
