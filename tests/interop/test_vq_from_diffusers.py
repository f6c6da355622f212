"""A VQ autoencoder built from diffusers' weights has their outputs, losses and gradients."""

import pytest
import torch

from ldm_tutorial.first_stage import VQAutoencoder, VQConfig
from ldm_tutorial.interop import vq_config_from_diffusers, vq_from_diffusers

diffusers = pytest.importorskip("diffusers")

VQS = {
    "f4": {
        "block_out_channels": (32, 64, 64),
        "down_block_types": ("DownEncoderBlock2D",) * 3,
        "up_block_types": ("UpDecoderBlock2D",) * 3,
        "layers_per_block": 2,
        "scaling_factor": 1.0,
    },
    "attention": {
        "block_out_channels": (16, 32),
        "down_block_types": ("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
        "up_block_types": ("AttnUpDecoderBlock2D", "UpDecoderBlock2D"),
        "latent_channels": 5,
        "num_vq_embeddings": 700,
        "norm_num_groups": 8,
        "scaling_factor": 1.7,
    },
}


@pytest.fixture(params=VQS)
def pair(request):
    torch.manual_seed(0)
    theirs = diffusers.VQModel(**VQS[request.param])
    with torch.no_grad():
        for parameter in theirs.parameters():  # so that no norm is at 1 and 0
            parameter += 0.02 * torch.randn_like(parameter)
        theirs.quantize.embedding.weight.normal_(std=0.3)  # so that many codes are used
    theirs.quantize.legacy = False  # True has the commitment weight on the codebook's term
    return theirs.eval(), vq_from_diffusers(theirs)


def relative_error(ours, theirs):
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def images(*shape, seed=1):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_outputs_agree(pair):
    theirs, ours = pair
    x = images(2, 3, 32, 48)
    with torch.no_grad():
        their_z = theirs.encode(x).latents
        assert relative_error(ours.latents(x), their_z) < 1e-5
        assert ours.scale == pytest.approx(theirs.config.scaling_factor)
        z = ours.encode(x)
        assert relative_error(z, their_z * theirs.config.scaling_factor) < 1e-5
        assert relative_error(ours.decode(z), theirs.decode(their_z).sample) < 1e-5
        codes = ours.quantise(z).codes
        assert torch.equal(codes.flatten(), theirs.quantize(their_z)[2][2])
    assert len(codes.unique()) > 10, "a test with few codes in use would prove little"


def test_loss_and_gradients_agree(pair):
    theirs, ours = pair
    x, weights = images(2, 3, 32, 32), images(2, 3, 32, 32, seed=2)
    results = []
    for net in pair:
        x_ = x.clone().requires_grad_()
        if net is ours:
            quantised = ours.codebook(ours.latents(x_))
            y, loss = ours.decode_unscaled(quantised.z), quantised.loss
        else:
            y, loss = theirs(x_, return_dict=False)
        ((y * weights).mean() + loss).backward()
        results.append((loss.detach(), x_.grad))
    for mine, reference in zip(*results, strict=True):
        assert relative_error(mine, reference) < 1e-4
    layers = [
        (ours.encoder.conv_in.weight, theirs.encoder.conv_in.weight),
        (ours.encoder.levels[1][0].conv1.weight, theirs.encoder.down_blocks[1].resnets[0].conv1.weight),
        (ours.quant_conv.weight, theirs.quant_conv.weight),
        (ours.codebook.weight, theirs.quantize.embedding.weight),
        (ours.post_quant_conv.weight, theirs.post_quant_conv.weight),
        (ours.last_layer, theirs.decoder.conv_out.weight),
    ]
    for mine, reference in layers:
        assert relative_error(mine.grad, reference.grad) < 1e-4


def test_the_legacy_loss_of_diffusers_is_not_the_papers(pair):
    theirs, ours = pair
    theirs.quantize.legacy = True
    z = ours.latents(images(2, 3, 32, 32)).detach()
    grads = []
    for quantise in (lambda z: ours.codebook(z).loss, lambda z: theirs.quantize(z)[1]):
        leaf = z.clone().requires_grad_()
        quantise(leaf).backward()
        grads.append(leaf.grad)
    # the same value, but there it is the encoder that feels the loss whole, here the codes
    torch.testing.assert_close(grads[1], 4 * grads[0])
    torch.testing.assert_close(ours.codebook.weight.grad, 4 * theirs.quantize.embedding.weight.grad)


def test_full_size_vq_f4_maps_onto_ours():
    """The shape that `VQModel` has in the published pipelines for CelebA-HQ and LSUN bedrooms."""
    with torch.device("meta"):
        theirs = diffusers.VQModel(
            block_out_channels=(128, 256, 512),
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            layers_per_block=2,
            num_vq_embeddings=8192,
        )
        ours = VQAutoencoder(VQConfig())
    assert vq_config_from_diffusers(theirs.config) == VQConfig(norm_groups=32)
    sizes = [sum(p.numel() for p in net.parameters()) for net in (ours, theirs)]
    assert sizes[0] == sizes[1], "the defaults should be the paper's vq-f4"


def test_what_has_no_counterpart_is_refused():
    config = dict(diffusers.VQModel(block_out_channels=(32,)).config)
    for setting in ({"vq_embed_dim": 7}, {"norm_type": "spatial"}, {"act_fn": "gelu"}):
        with pytest.raises(ValueError, match=f"{next(iter(setting))}=.* has no counterpart here"):
            vq_config_from_diffusers(config | setting)
