"""Tiles against the whole: the same numbers, in memory that doesn't grow with the image."""

from dataclasses import asdict, replace

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from ldm_tutorial.data import open_images, to_float
from ldm_tutorial.first_stage import (
    KLAutoencoder,
    KLConfig,
    PlainAutoencoder,
    PlainConfig,
    VQAutoencoder,
    VQConfig,
    decode_tiled,
    encode_tiled,
)
from ldm_tutorial.first_stage.tiled import Tiling, windows_along
from ldm_tutorial.training import load_checkpoint

F8 = KLConfig(channels=8, channel_mult=(1, 2, 2), res_blocks=1, mid_attention=True, stem=2, norm_groups=4)


def random_stage(config=F8, kind=KLAutoencoder):
    """All weights random, also those that start at zero, so that every layer has a say."""
    torch.manual_seed(0)
    stage = kind(config).eval().requires_grad_(False)
    for p in stage.parameters():
        if p.ndim > 1:
            torch.nn.init.normal_(p, std=0.8 * (2 / p[0].numel()) ** 0.5)
    return stage


def picture(size):
    """Four portraits, enlarged until they fill `size` x `size` pixels: flat areas here, lines there."""
    x = to_float(open_images("peeps", "valid", limit=4).pixels())
    x = F.interpolate(x, size=(size // 2, size // 2), mode="bilinear")
    return torch.cat([torch.cat([x[0], x[1]], 2), torch.cat([x[2], x[3]], 2)], 1)[None]


def differs(a, b):
    """The largest difference, as a share of the range."""
    return ((a - b).abs().max() / (b.max() - b.min())).item()


@torch.no_grad()
def test_a_large_image_through_f_8():
    stage, x = random_stage(replace(F8, channel_mult=(1, 2), stem=4)), picture(1024)
    z = stage.encode(x)
    assert z.shape == (1, 4, 128, 128)
    assert differs(encode_tiled(stage, x, tile=512), z) < 1e-2
    assert differs(decode_tiled(stage, z, tile=512), stage.decode(z)) < 1e-2


@pytest.mark.parametrize("name", ["peeps-kl-f4"])
@torch.no_grad()
def test_a_trained_stage_leaves_no_seams_where_statistics_of_its_own_would(name):
    stage, x = load_checkpoint(name), picture(256)
    z = stage.encode(x)
    y = stage.decode(z)
    side = 128 // stage.downsampling
    rows = [torch.cat([stage.decode(part) for part in row.split(side, 3)], 3) for row in z.split(side, 2)]
    assert differs(torch.cat(rows, 2), y) > 0.1, "tiles each for itself are far off"
    for overlap in (None, 32):
        assert differs(encode_tiled(stage, x, 128, overlap), z) < 1e-3
        assert differs(decode_tiled(stage, z, 128, overlap), y) < 1e-2


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (replace(F8, stem=1, res_blocks=2), KLAutoencoder),
        (replace(F8, attention=(4,)), KLAutoencoder),
        (replace(F8, channel_mult=(1,)), KLAutoencoder),
        (PlainConfig(**asdict(F8)), PlainAutoencoder),
    ],
    ids=["no stem", "attention", "one level", "plain"],
)
@torch.no_grad()
def test_every_shape_of_network(config, kind):
    stage, x = random_stage(config, kind), picture(256)[:, :, :, :192]
    stage.measure_scale([x])
    z = stage.encode(x)
    assert differs(encode_tiled(stage, x, tile=128), z) < 1e-2
    assert differs(decode_tiled(stage, z, tile=128), stage.decode(z)) < 1e-2


@torch.no_grad()
def test_a_codebook_quantises_before_the_tiles():
    stage, x = random_stage(VQConfig(**asdict(F8), codes=32), VQAutoencoder), picture(256)
    stage.codebook.weight.normal_()
    z = stage.encode(x)
    assert differs(decode_tiled(stage, z, tile=128), stage.decode(z)) < 1e-2


@torch.no_grad()
def test_one_tile_is_the_whole():
    stage, x = random_stage(), picture(64)
    torch.testing.assert_close(encode_tiled(stage, x, tile=512), stage.encode(x))
    torch.testing.assert_close(decode_tiled(stage, stage.encode(x)), stage.decode(stage.encode(x)))


def test_memory_does_not_grow_with_the_image():
    class Largest(TorchDispatchMode):
        numel = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **kwargs or {})
            for tensor in out if isinstance(out, tuple | list) else (out,):
                if isinstance(tensor, torch.Tensor):
                    self.numel = max(self.numel, tensor.numel())
            return out

    def largest(function, *arguments):
        with Largest() as mode:
            function(*arguments)
        return mode.numel

    stage = random_stage(replace(F8, channels=32, mid_attention=False))
    x, z = torch.zeros(1, 3, 256, 256), torch.zeros(1, 4, 32, 32)
    assert min(largest(stage.encode, x), largest(stage.decode, z)) > 2.5 * x.numel(), "this is what to avoid"
    assert largest(encode_tiled, stage, x, 64, 16) <= x.numel(), "nothing should be larger than the image"
    assert largest(decode_tiled, stage, z, 64, 16) <= x.numel(), "nothing should be larger than the image"


@pytest.mark.parametrize(
    ("length", "tile", "overlap"), [(256, 64, 16), (200, 64, 24), (64, 64, 32), (40, 64, 0)]
)
def test_weights_of_the_tiles_add_up_to_one(length, tile, overlap):
    total = torch.zeros(length)
    for start, weight in windows_along(length, Tiling(tile, overlap), torch.device("cpu")):
        total[start : start + len(weight)] += weight
        assert start == 0 or overlap == 0 or weight[0] == 0, "what lies at an inner edge should not be used"
    torch.testing.assert_close(total, torch.ones(length))


@pytest.mark.parametrize(
    ("size", "tile", "overlap", "message"),
    [
        ((1020, 1024), 512, None, "height 1020 is not a multiple of the downsampling factor 8; pad or crop"),
        ((1024, 1024), 500, None, "tile 500 is not a multiple of the downsampling factor 8"),
        ((1024, 1024), 512, 30, "overlap 30 is not a multiple of the downsampling factor 8"),
        ((1024, 1024), 64, 64, "overlap 64 must be smaller than tile 64"),
    ],
)
def test_sizes_that_do_not_divide(size, tile, overlap, message):
    with pytest.raises(ValueError, match=message):
        encode_tiled(random_stage(), torch.zeros(1, 3, *size), tile, overlap)
