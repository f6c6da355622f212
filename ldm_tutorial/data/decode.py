"""One encoded image to one RGB picture, whatever the file holds."""

import io

import numpy as np
from PIL import Image, ImageOps


class BadImageError(ValueError):
    """An image that can't be used; `kind` is the short form that counts are made by."""

    def __init__(self, kind: str, detail: str = ""):
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind


def decode(data: bytes | None) -> Image.Image:
    """Decode one image file to RGB: upright by its EXIF tag, transparency laid onto white.

    Greyscale, palette and CMYK are converted, 16 bits scaled to 8; of an animation the first frame counts.
    Raises BadImageError (empty, not an image, truncated, unreadable, unclear range).
    """
    if not data:
        raise BadImageError("empty", "0 bytes")
    try:
        picture = Image.open(io.BytesIO(data))
    except Image.UnidentifiedImageError:
        raise BadImageError("not an image", f"{len(data)} bytes that start with {data[:8]!r}") from None
    except Exception as error:  # Pillow's parsers raise whatever a malformed header makes them raise
        raise BadImageError("unreadable", str(error)) from None
    try:
        picture.load()
        return _to_rgb(ImageOps.exif_transpose(picture))
    except BadImageError:
        raise
    except Exception as error:
        kind = "truncated" if "truncated" in str(error).lower() else "unreadable"
        raise BadImageError(kind, str(error)) from None


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture
    if picture.mode.startswith("I;16") or picture.mode == "I":
        values = np.asarray(picture).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise BadImageError("unclear range", "32-bit pixels say neither where black nor where white is")
        # convert("RGB") would clip everything above 255 to white.
        return Image.fromarray(np.round(values / 257).astype(np.uint8)).convert("RGB")
    if picture.mode == "F":
        raise BadImageError(
            "unclear range", "floating point pixels say neither where black nor where white is"
        )
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")


def decode_map(data: bytes) -> Image.Image:
    """Decode a map of class indices, a palette or greyscale file, without touching its values."""
    picture = Image.open(io.BytesIO(data))
    if picture.mode not in ("P", "L"):
        raise BadImageError(
            "not a map", f"a picture of mode {picture.mode}; palette indices or greyscale are accepted"
        )
    return picture
