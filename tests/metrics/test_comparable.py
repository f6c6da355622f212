"""Ranges that are taken for one another, and what is no set of images at all."""

import numpy as np
import pytest
import torch
from means import Means, pictures

from ldm_tutorial.data import to_float
from ldm_tutorial.metrics import compare


@pytest.mark.parametrize(
    "mistaken", [lambda x: (x + 1) / 2, lambda x: 0.05 + 0.45 * (x + 1), lambda x: 0.2 * (x + 1)]
)
def test_a_set_with_nothing_below_zero_beside_one_that_has(mistaken):
    reference = to_float(pictures(10))
    with pytest.raises(ValueError, match=r"samples has values in \[.*2 \* images - 1"):
        compare(mistaken(reference), reference, Means(), progress=False)
    with pytest.raises(ValueError, match=r"reference has values in \[.*2 \* images - 1"):
        compare(reference, mistaken(reference), Means(), progress=False)


def test_what_is_no_set_of_images():
    images = pictures(10)
    for wrong in (images.numpy(), list(images), None):
        with pytest.raises(TypeError, match=r"samples is of type .*; a torch tensor \(N, 3, H, W\)"):
            compare(wrong, images, Means(), progress=False)
    with pytest.raises(ValueError, match=r"samples has shape \(10, 3, 0, 8\)"):
        compare(images[:, :, :0], images, Means(), progress=False)
    with pytest.raises(TypeError, match="of type ndarray"):
        compare(images, np.zeros((10, 3, 8, 8)), Means(), progress=False)


def test_plain_white_is_a_set_in_the_right_range():
    white = torch.ones(12, 3, 8, 8)
    assert compare(white, -white, Means(), progress=False).values["FD-means"] > 1
