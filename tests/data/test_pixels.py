import pytest
import torch

from ldm_tutorial.data import to_float, to_uint8


def test_every_byte_survives_the_round_trip():
    bytes_ = torch.arange(256, dtype=torch.uint8)
    images = to_float(bytes_)
    assert images.dtype == torch.float32
    assert images[0] == -1 and images[255] == 1, "black is -1 and white is 1"
    assert torch.equal(to_uint8(images), bytes_)


def test_values_outside_are_clipped_not_wrapped():
    assert to_uint8(torch.tensor([-7.0, -1.001, 1.001, 7.0])).tolist() == [0, 0, 255, 255]


def test_input_is_not_changed():
    images = torch.zeros(3)
    to_uint8(images)
    assert torch.equal(images, torch.zeros(3))


@pytest.mark.parametrize(
    ("function", "wrong"), [(to_float, torch.zeros(2)), (to_uint8, torch.zeros(2).byte())]
)
def test_the_wrong_form_is_refused(function, wrong):
    with pytest.raises(ValueError, match=r"must be (uint8|floating point).*got torch\."):
        function(wrong)
