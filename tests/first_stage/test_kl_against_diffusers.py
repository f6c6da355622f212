"""The KL autoencoder's loss and gradients are those of diffusers with the same weights and the same noise."""

import pytest
import torch
from tiny import KL

from ldm_tutorial.first_stage import KLAutoencoder
from ldm_tutorial.interop import kl_from_diffusers
from ldm_tutorial.training import FirstStageObjective
from ldm_tutorial.training.start import HeldPixels

diffusers = pytest.importorskip("diffusers")

KLS = {
    "f4": {
        "block_out_channels": (16, 32, 32),
        "down_block_types": ("DownEncoderBlock2D",) * 3,
        "up_block_types": ("UpDecoderBlock2D",) * 3,
        "layers_per_block": 2,
        "latent_channels": 4,
        "norm_num_groups": 8,
    },
    "f2": {
        "block_out_channels": (24, 48),
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "layers_per_block": 1,
        "latent_channels": 3,
        "norm_num_groups": 6,
    },
}


def relative_error(ours, theirs):
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


@pytest.mark.parametrize("name", KLS)
def test_loss_and_gradients_of_a_training_step(name):
    torch.manual_seed(0)
    theirs = diffusers.AutoencoderKL(**KLS[name])
    with torch.no_grad():
        for p in theirs.parameters():
            p += 0.02 * torch.randn_like(p)
    ours = kl_from_diffusers(theirs)
    pixels = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    objective = FirstStageObjective(ours, HeldPixels(pixels), torch.zeros(1, 3, 32, 32), kl_weight=0.01)
    batch = objective.randomness(torch.arange(2), torch.Generator().manual_seed(1)) | {"pixels": pixels}
    loss, _ = objective(batch)
    loss.backward()

    x = pixels.float() / 127.5 - 1
    posterior = theirs.encode(x).latent_dist
    copies = theirs.decode(posterior.mean + posterior.std * batch["noise"]).sample
    # the original release sums over an image and averages over the batch; ours is that per pixel value
    expected = ((copies - x).abs().sum() + 0.01 * posterior.kl().sum()) / 2 / (3 * 32 * 32)
    expected.backward()
    assert relative_error(loss, expected) < 1e-5
    pairs = [
        (ours.encoder.conv_in, theirs.encoder.conv_in),
        (ours.encoder.levels[1][0].conv1, theirs.encoder.down_blocks[1].resnets[0].conv1),
        (ours.quant_conv, theirs.quant_conv),
        (ours.post_quant_conv, theirs.post_quant_conv),
        (ours.decoder.conv_out, theirs.decoder.conv_out),
    ]
    for mine, reference in pairs:
        assert relative_error(mine.weight.grad, reference.weight.grad) < 1e-4


def test_images_that_are_none_or_not_numbers_are_refused():
    kl = KLAutoencoder(KL)
    with pytest.raises(ValueError, match="images is an empty batch"):
        kl.posterior(torch.zeros(0, 3, 16, 16))
    with pytest.raises(ValueError, match="images hold NaN or infinite values at index 1"):
        kl.encode(torch.stack([torch.zeros(3, 16, 16), torch.full((3, 16, 16), torch.nan)]))
