import io

import torch
from PIL import Image

from ldm_tutorial.classroom.lighter import lighter
from ldm_tutorial.classroom.pictures import grid


def test_a_lighter_picture_looks_the_same():
    smooth = torch.rand(4, 3, 2, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    images = torch.nn.functional.interpolate(smooth, size=64, mode="bilinear")
    heavy = grid(images, title="four")
    light = lighter(heavy)
    assert light.description == "four" and len(light.png) < len(heavy.png) / 2
    a, b = (
        torch.frombuffer(bytearray(Image.open(io.BytesIO(p.png)).convert("RGB").tobytes()), dtype=torch.uint8)
        for p in (heavy, light)
    )
    assert (a.float() - b.float()).abs().mean() < 8, "colours must stay within a few grey levels"
