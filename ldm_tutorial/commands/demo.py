"""`ldm demo`"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ldm_tutorial.commands.common import parse
from ldm_tutorial.demo import run


@dataclass(frozen=True)
class Demo:
    """Draw portraits, faces and reconstructions with the bundled weights: one figure and one table."""

    out: Path = Path("outputs/demo.png")
    """where the figure goes, a .png file"""
    steps: int = 50
    """denoising steps"""
    guidance_scale: float = 3.0
    """how far to follow the captions and attributes"""
    seed: int = 0
    """another seed, other pictures"""


def main(arguments: list[str]) -> None:
    options = parse(Demo, "demo", arguments)
    say = partial(print, flush=True)
    run(options.out, options.steps, options.guidance_scale, options.seed, say)
