"""`ldm sample`"""

import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import UseAppendAction, arg

from ldm_tutorial.commands.common import (
    SAMPLERS,
    Checkpoint,
    Device,
    SamplerName,
    Spacing,
    at_least,
    load,
    parse,
    progress,
)
from ldm_tutorial.commands.follow import followed
from ldm_tutorial.commands.pictures import draw, save
from ldm_tutorial.conditioning import AttributeConditioner, ComposedConditioner
from ldm_tutorial.first_stage import CodePrior
from ldm_tutorial.latent_diffusion import LatentDiffusion

STATES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


@dataclass(frozen=True)
class Sample:
    """Draw pictures: from captions, from attributes, or from noise alone."""

    checkpoint: Checkpoint
    """a bundled checkpoint (peeps-ldm, celeba64-ldm) or the folder of a run"""
    prompt: Annotated[list[list[str]], UseAppendAction, arg(metavar="TEXT ...")] = field(default_factory=list)
    """captions, in quotes, for a model that reads captions: one row of pictures each"""
    attributes: Annotated[tuple[str, ...], arg(metavar="NAME[=no] ...", help_behavior_hint="")] = ()
    """for a model of attributes: Smiling Eyeglasses=no; what is not named is left to the model"""
    follow: Annotated[Path | None, arg(metavar="PATH", help_behavior_hint="")] = None
    """for a model that follows a picture: an image, of which it sees the edges, or a map of class numbers"""
    n: Annotated[int | None, arg(metavar="INT", help_behavior_hint="(default: 4, or 16)")] = None
    """pictures of every prompt, or in all where there is none"""
    negative_prompt: Annotated[str | None, arg(metavar="TEXT", help_behavior_hint="")] = None
    """a caption of what shall not be in the pictures; needs --prompt, and a guidance scale above 1"""
    guidance_scale: float = 3.0
    """how far to follow the request: 0 not at all, 1 as it was trained, more to exaggerate it"""
    guidance_rescale: float = 0.0
    """0 to 1: how much of the contrast that guidance adds is taken back"""
    guidance_interval: Annotated[tuple[int, int] | None, arg(metavar="LOW HIGH", help_behavior_hint="")] = (
        None
    )
    """guide only at timesteps from LOW to HIGH, of 0 to 999; at others the request is followed plainly"""
    steps: int = 50
    """denoising steps; more are slower and, up to a point, better"""
    seed: int = 0
    """picture i comes from the noise of seed + i: the same seed, the same pictures"""
    eta: float = 0.0
    """for the sampler ddim, fresh noise at every step: 0 is none, 1 as much as ddpm adds"""
    sampler: SamplerName = "ddim"
    """how noise becomes a picture; heun asks the network twice a step, dpm++ needs the fewest steps"""
    spacing: Spacing = "trailing"
    """which noise levels the steps visit"""
    temperature: float = 1.0
    """for a prior over codes: below 1 likely codes become likelier"""
    top_k: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None
    """for a prior over codes: choose among so many of the likeliest"""
    top_p: Annotated[float | None, arg(metavar="FLOAT", help_behavior_hint="")] = None
    """for a prior over codes: choose among the fewest that together have this probability"""
    out: Path = Path("outputs/samples.png")
    """a .png file for one grid, or a folder for one file an image"""
    batch_size: int = 64
    """pictures drawn at a time; fewer take less memory and change nothing else"""
    device: Device = "auto"


def main(arguments: list[str]) -> None:
    options = parse(Sample, "sample", arguments)
    prompts = [prompt for group in options.prompt for prompt in group]
    if options.n is not None:
        at_least("n", options.n)
    at_least("batch-size", options.batch_size)
    model = load(options.checkpoint, options.device, (LatentDiffusion, CodePrior), "sample")
    wishes = requests(model, options.checkpoint, prompts, options.attributes)
    if options.follow is not None:
        picture = followed(model, options.checkpoint, options.follow)
        wishes = [picture | {model.conditioner.text: prompt} for prompt in prompts] or [picture]
    if options.negative_prompt is not None:
        if not prompts:
            raise ValueError("--negative-prompt needs a --prompt beside it, if only an empty one")
        warn_of_unknown_words(model, options.checkpoint, options.negative_prompt)
    each = options.n or (4 if prompts or options.follow else 16)
    repeated = None if wishes is None else [wish for wish in wishes for _ in range(each)]
    n = each if repeated is None else len(repeated)
    if isinstance(model, CodePrior):
        sampler, chosen = (
            "codes, one after the other",
            ("seed", "batch_size", "temperature", "top_k", "top_p"),
        )
        images = model.sample(n, **{name: getattr(options, name) for name in chosen}).cpu()
    else:
        kind = SAMPLERS[options.sampler]
        sampler, chosen = f"{kind.__name__}, {options.spacing}", ("steps", "guidance_scale", "seed", "eta")
        chosen = {name: getattr(options, name) for name in chosen}
        chosen |= {"sampler": kind, "spacing": options.spacing}
        chosen |= {
            n: getattr(options, n) for n in ("negative_prompt", "guidance_rescale", "guidance_interval")
        }
        images = draw(model, repeated, n, options.batch_size, progress(), **chosen)
    files = {name: str(path) for name in ("out", "follow") if (path := getattr(options, name))}
    record = asdict(options) | {"prompt": prompts, "n": n, "sampler": sampler} | files
    save(images, options.out, each if len(prompts) > 1 else min(each, 8), record)
    for row, prompt in enumerate(prompts if len(prompts) > 1 else (), 1):
        print(f"row {row}: {prompt}")
    print(f"{n} pictures of {images.shape[-1]}x{images.shape[-2]} pixels, in {options.out}")


def requests(
    model: LatentDiffusion | CodePrior, name: str, prompts: list[str], attributes: tuple[str, ...]
) -> list | None:
    """What to draw, in the form that the model's conditioner reads; None for no wish.

    Raises ValueError where the model reads another form. Warns of words that it doesn't know.
    """
    conditioner = getattr(model, "conditioner", None)
    if prompts and attributes:
        raise ValueError("give --prompt or --attributes, not both: a model reads one of them")
    if prompts and not reads_captions(conditioner):
        raise ValueError(f"--prompt is for models that read captions; {name} {reads(conditioner)}")
    if attributes and not isinstance(conditioner, AttributeConditioner):
        raise ValueError(f"--attributes is for models that read attributes; {name} {reads(conditioner)}")
    if attributes:
        wish = dict(map(state, attributes))
        conditioner.tokenize([wish])  # refuses an unknown name before anything is drawn
        return [wish]
    for prompt in prompts:
        warn_of_unknown_words(model, name, prompt)
    return prompts or None


def warn_of_unknown_words(model: LatentDiffusion, name: str, prompt: str) -> None:
    if unknown := model.conditioner.unknown_words(prompt):
        words = ", ".join(f"'{word}'" for word in unknown)
        print(f'ldm: warning: {name} has never read {words}, in "{prompt}"', file=sys.stderr)


def reads_captions(conditioner) -> bool:
    """Whether a wish may be a caption: also of a model that reads captions beside something else."""
    return getattr(conditioner, "text", None) is not None or (
        hasattr(conditioner, "unknown_words") and not isinstance(conditioner, ComposedConditioner)
    )


def reads(conditioner) -> str:
    if conditioner is None:
        return "takes no wishes and draws from noise alone"
    if reads_captions(conditioner):
        return 'reads captions: --prompt "..."'
    if not isinstance(conditioner, AttributeConditioner):
        return "reads what can't be typed: --follow a file, or ask in Python with sample(...)"
    names = conditioner.config.names
    return f"reads attributes: --attributes {' '.join(names[:3])}{' ...' if len(names) > 3 else ''}"


def state(text: str) -> tuple[str, bool]:
    """Smiling, Smiling=yes or Smiling=no as a name and a bool."""
    name, _, value = text.partition("=")
    if value.lower() not in STATES and value:
        raise ValueError(f"--attributes has {text}; write {name}, {name}=yes or {name}=no")
    return name, STATES.get(value.lower(), True)
