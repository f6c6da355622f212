"""`ldm sample --follow`: the picture that a model is to follow, from a file."""

from pathlib import Path

from torch import Tensor

from ldm_tutorial.conditioning import ComposedConditioner, edges_of
from ldm_tutorial.data.decode import BadImageError, decode, decode_map
from ldm_tutorial.data.framing import Framing

PICTURES = ("map", "edges", "low_resolution")


def followed(model, name: str, file: Path) -> dict[str, Tensor]:
    """What the model's parts for pictures see in a file: {"map" or "edges" or "low_resolution": tensor}.

    Raises ValueError where the model follows no picture, and where the file is none.
    """
    conditioner = getattr(model, "conditioner", None)
    encoders = conditioner.encoders if isinstance(conditioner, ComposedConditioner) else {}
    sizes = {part: encoders[part].config.size for part in encoders if part in PICTURES}
    if not sizes:
        raise ValueError(
            f"--follow is for models that follow a map or edges, as peeps-edges does; {name} doesn't"
        )
    try:
        data = file.read_bytes()
        return {part: seen(part, data, size) for part, size in sizes.items()}
    except (OSError, BadImageError) as error:
        raise ValueError(f"--follow {file} can't be read: {error}") from None


def seen(part: str, data: bytes, size: int) -> Tensor:
    """An encoded image as a part of a wish, square and of the model's size."""
    if part == "map":
        return Framing(size).indices(decode_map(data))
    pixels = Framing(size).pixels(decode(data))
    return edges_of(pixels[None])[0] if part == "edges" else pixels
