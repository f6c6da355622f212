"""Every kind of file that turns up among people's images: used where it can be, named where it can't."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
import torch
from datasets import Value
from PIL import Image

from ldm_tutorial.data import open_images
from ldm_tutorial.data.decode import BadImageError, decode

GREY = np.linspace(0, 255, 64 * 64).reshape(64, 64)


@pytest.fixture
def folder(tmp_path, picture):
    """A folder with two good pictures."""
    picture(0).save(tmp_path / "good1.png")
    picture(1).save(tmp_path / "good2.png")
    return tmp_path


def save_truncated(file, picture):
    picture(2, 256).save(file, "JPEG")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


# ---- Usable, in other forms than RGB


def test_greyscale(encoded):
    rgb = np.asarray(decode(encoded(Image.fromarray(GREY.astype(np.uint8)))))
    assert rgb.shape == (64, 64, 3) and (rgb == GREY.astype(np.uint8)[..., None]).all()


def test_black_and_white(encoded):
    picture = Image.fromarray((GREY > 128).astype(np.uint8) * 255).convert("1")
    assert set(np.unique(np.asarray(decode(encoded(picture))))) == {0, 255}


def test_palette_with_transparency_lies_on_white(encoded):
    picture = Image.new("P", (64, 64), 0)
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.paste(1, (0, 0, 32, 64))
    rgb = decode(encoded(picture, transparency=0))
    assert rgb.getpixel((5, 5)) == (200, 100, 50), "an opaque palette entry keeps its colour"
    assert rgb.getpixel((60, 5)) == (255, 255, 255), "the transparent entry shows the white ground"


def test_half_transparent_pixels_mix_with_white(encoded):
    rgb = decode(encoded(Image.new("RGBA", (64, 64), (0, 0, 0, 51))))
    assert rgb.getpixel((0, 0)) == (204, 204, 204), "black at 20% opacity"
    assert decode(encoded(Image.new("LA", (64, 64), (0, 0)))).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(("mode", "key", "other"), [("RGB", (1, 2, 3), (9, 9, 9)), ("L", 7, 9)])
def test_a_colour_declared_transparent_lies_on_white(encoded, mode, key, other):
    picture = Image.new(mode, (64, 64), key)
    picture.paste(other, (0, 0, 32, 64))
    rgb = decode(encoded(picture, transparency=key))
    assert rgb.getpixel((60, 0)) == (255, 255, 255) and rgb.getpixel((0, 0)) == (9, 9, 9)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(encoded, picture, kind):
    original = picture(3)
    data = encoded(original.convert("CMYK"), kind, **({"quality": 95} if kind == "JPEG" else {}))
    with Image.open(io.BytesIO(data)) as stored:
        assert stored.mode == "CMYK"
    difference = np.abs(np.asarray(decode(data)).astype(int) - np.asarray(original)).mean()
    assert difference < 6, "the colours must not come out inverted"


def test_sixteen_bits_are_scaled_not_clipped(encoded):
    values = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    rgb = np.asarray(decode(encoded(Image.fromarray(values))))
    assert np.abs(rgb[..., 0] - values / 257).max() <= 0.5, "0..65535 is mapped to 0..255"
    rgb = np.asarray(decode(encoded(Image.fromarray(values), "TIFF")))
    assert np.abs(rgb[..., 2] - values / 257).max() <= 0.5


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_in_every_kind_of_png(kind, channels):
    values = np.full((64, 64, channels), 0x8000, ">u2")
    values[..., -1] = 0xFFFF if kind in (4, 6) else 0x8000  # Opaque, where there is an alpha channel.
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", 64, 64, 16, kind, 0, 0, 0),
        b"IDAT": zlib.compress(rows),
        b"IEND": b"",
    }
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks.items()
    )
    assert np.abs(np.asarray(decode(png)).astype(int) - 128).max() <= 1, "half of 65535 is half of 255"


def test_floating_point_pixels_are_named_as_unclear(encoded):
    with pytest.raises(BadImageError, match="unclear range: floating point"):
        decode(encoded(Image.fromarray(GREY.astype(np.float32)), "TIFF"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(encoded, orientation):
    upright = Image.new("RGB", (64, 48), "blue")
    upright.paste("red", (0, 0, 20, 12))  # The red corner belongs to the upper left.
    undo = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = upright
    for operation in undo.get(orientation, []):
        stored = stored.transpose(operation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    shown = decode(encoded(stored, "JPEG", exif=exif, quality=95))
    assert shown.size == (64, 48)
    red, _, blue = shown.getpixel((5, 5))
    assert red > 200 and blue < 60, f"orientation {orientation} was not undone"


def test_the_first_frame_of_an_animation(encoded, picture):
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(data).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
def test_every_format_in_a_folder(tmp_path, picture, kind):
    for i in range(2):
        picture(i).save(tmp_path / f"{i}.{kind.lower()}", kind)
    assert len(open_images(tmp_path)) == 2


# ---- Not usable: named, counted, skipped


@pytest.mark.parametrize(
    ("name", "reason", "spoil"),
    [
        ("half.jpg", "truncated: image file is truncated", save_truncated),
        (
            "text.png",
            "not an image: 5 bytes that start with b'hello'",
            lambda file, _: file.write_text("hello"),
        ),
        ("dot.png", "too small: 1x1 pixels, below a quarter of size 64", lambda file, p: p(0, 1).save(file)),
        ("empty.png", "empty: 0 bytes", lambda file, _: file.write_bytes(b"")),
        ("gone.png", "unreadable: No such file or directory", lambda file, _: file.symlink_to("nowhere.png")),
    ],
)
def test_one_bad_file_among_good_ones(folder, picture, name, reason, spoil):
    spoil(folder / name, picture)
    with pytest.warns(UserWarning, match=rf": 2 images, 1 skipped \(.*{name}: {reason}") as caught:
        images = open_images(folder)
    assert len(caught) == 1, "said once"
    assert caught[0].filename == __file__, "the warning points at the line that opened the set"
    assert len(images) == 2 and images.pixels().shape == (2, 3, 64, 64)
    assert len(images.skipped) == 1 and name in images.skipped[0]
    assert [item["image"].shape for item in images] == [(3, 64, 64)] * 2


def test_a_png_whose_end_is_missing(folder, picture):
    picture(4, 200).save(folder / "half.png")
    whole = (folder / "half.png").read_bytes()
    (folder / "half.png").write_bytes(whole[: len(whole) // 2])
    with pytest.warns(UserWarning, match=r"half.png: (truncated|unreadable)"):
        assert len(open_images(folder)) == 2


def test_the_verdict_is_remembered_until_a_file_changes(folder, picture, monkeypatch):
    save_truncated(folder / "half.jpg", picture)
    with pytest.warns(UserWarning, match="1 skipped"):
        first = open_images(folder)
    with monkeypatch.context() as patched:
        patched.setattr("ldm_tutorial.data.items.decode", lambda _: pytest.fail("decoded a second time"))
        with pytest.warns(UserWarning, match="1 skipped"):
            assert open_images(folder).skipped == first.skipped
    picture(2).save(folder / "half.jpg")
    with warnings.catch_warnings(action="error"):
        assert len(open_images(folder)) == 3


def test_without_a_writable_cache_all_is_the_same(folder, picture, monkeypatch):
    (folder / "file").write_text("")
    monkeypatch.setenv("LDM_CACHE", str(folder / "file" / "below"))
    assert len(open_images(folder)) == 2


def test_unchecked_images_fail_by_name_when_they_are_read(folder, picture):
    save_truncated(folder / "half.jpg", picture)
    images = open_images(folder, check=False)
    assert len(images) == 3
    with pytest.raises(
        ValueError, match=r"half.jpg of .* can't be used \(truncated: .*\); open the set anew"
    ):
        images.pixels()
    with pytest.raises(ValueError, match=r"half.jpg of .* can't be used"):
        images[2]


def test_many_bad_files_are_counted_and_some_are_named(folder):
    for i in range(12):
        (folder / f"bad{i}.png").write_text("hello")
    with pytest.warns(UserWarning, match=r"2 images, 12 skipped \(.*bad0.png.*bad4.png.*; and 7 more\)"):
        images = open_images(folder)
    assert len(images.skipped) == 12


def test_limit_counts_usable_images(folder):
    (folder / "bad.png").write_text("hello")
    with pytest.warns(UserWarning, match="1 skipped"):
        assert len(open_images(folder, limit=1)) == 1, "bad.png comes first and does not count"


def test_bad_rows_of_a_parquet_file_are_named_by_number(tmp_path, picture, encoded, write_parquet):
    cut = encoded(picture(1, 256), "JPEG")[:3000]
    cells = [picture(0), {"bytes": cut, "path": None}, None, {"bytes": b"hello", "path": "x.png"}, picture(4)]
    file = write_parquet(tmp_path / "train.parquet", {"image": cells})
    with pytest.warns(
        UserWarning, match=r"2 images, 3 skipped \(row 1: truncated.*; row 2: empty.*; row 3: not an"
    ):
        images = open_images(file)
    assert len(images) == 2 and images.pixels().shape == (2, 3, 64, 64)
    flipped = images.pixels([1]).flip(-1)
    with pytest.warns(UserWarning, match="3 skipped"):
        assert torch.equal(open_images(file, flip=True).pixels([3]), flipped)


def test_values_leave_the_bad_rows_out(tmp_path, picture, write_parquet):
    cells = [picture(0), {"bytes": b"hello", "path": None}, picture(2)]
    columns = {"image": cells, "caption": ["a", "b", None]}
    file = write_parquet(tmp_path / "train.parquet", columns, {"caption": Value("string")})
    with pytest.warns(UserWarning, match="1 skipped"):
        assert open_images(file).values("caption") == ["a", ""]


# ---- Nothing usable: an error that says what was found


def test_an_empty_folder(tmp_path):
    with pytest.raises(ValueError, match=r"holds no images: found no files at all; images end in \.jpg"):
        open_images(tmp_path)


def test_a_folder_of_other_files(tmp_path):
    for name in ("a.txt", "b.txt", "c.pdf", "README", ".hidden.png"):
        (tmp_path / name).write_text("hello")
    with pytest.raises(ValueError, match=r"holds no images: found 2 \.txt, 1 \.pdf, "):
        open_images(tmp_path)


def test_a_folder_of_bad_images_only(tmp_path, picture):
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "more.png").write_text("hello")
    picture(0, 1).save(tmp_path / "dot.png")
    with pytest.raises(
        ValueError, match=r"no usable image: found 2 not an image, 1 too small \(.*dot.png: too small"
    ):
        open_images(tmp_path)


def test_a_parquet_file_without_rows(tmp_path, write_parquet):
    file = write_parquet(tmp_path / "train.parquet", {"image": []})
    with pytest.raises(ValueError, match=r"train.parquet can't be read as an image set: .* no data"):
        open_images(file)
