"""The losses against sums written out, and a discriminator that sees patches of the size it says."""

import pytest
import torch
from torch import nn

from ldm_tutorial.first_stage import (
    PatchDiscriminator,
    adaptive_weight,
    hinge_d_loss,
    hinge_g_loss,
    reconstruction_loss,
)
from ldm_tutorial.first_stage.losses import check_start


def rand(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_reconstruction_is_an_average_over_pixel_values():
    x, y = rand(2, 3, 4, 4), rand(2, 3, 4, 4, seed=1)
    assert reconstruction_loss(y, x).item() == pytest.approx((y - x).abs().sum().item() / 96)
    assert reconstruction_loss(y, x, "l2").item() == pytest.approx(((y - x) ** 2).sum().item() / 96)
    assert reconstruction_loss(y.bfloat16(), x.bfloat16()).dtype == torch.float32
    with pytest.raises(
        ValueError, match=r"copies \(2, 3, 4, 4\) and images \(1, 3, 4, 4\) must have the same"
    ):
        reconstruction_loss(y, x[:1])


def test_hinge_losses_of_known_logits():
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, 0.0, 2.0])
    # max(0, 1 - real) = 0, 0.5, 2;  max(0, 1 + fake) = 0, 1, 3
    assert hinge_d_loss(real, fake).item() == pytest.approx(0.5 * (2.5 / 3 + 4 / 3))
    assert hinge_g_loss(fake).item() == pytest.approx(1 / 3)
    sure = torch.full((4,), 5.0)
    assert hinge_d_loss(sure, -sure).item() == 0, "a discriminator that is sure has nothing left to learn"


def test_adaptive_weight_of_a_net_of_two_layers():
    """copies = w2 (w1 x), |copies - x| and -a copies: both gradients at w2 can be written down."""
    x, a = torch.tensor([1.0, 2.0, -3.0, 0.5]), 0.7
    w1, w2 = nn.Parameter(torch.tensor(0.5)), nn.Parameter(torch.tensor(3.0))
    hidden = w1 * x
    copies = w2 * hidden  # 1.5 x: too large by half of x, so the sign of the error is that of x
    weight = adaptive_weight((copies - x).abs().mean(), -a * copies.mean(), w2)
    rec = (x.sign() * 0.5 * x).mean()  # mean sign(copies - x) hidden
    adv = a * (0.5 * x).mean().abs()
    assert weight.item() == pytest.approx((rec / (adv + 1e-4)).item(), rel=1e-6)
    assert not weight.requires_grad, "the weight is a number, not something to be minimised"
    # at the last layer both losses pull equally hard
    (weight * -a * copies.mean()).backward()
    assert w2.grad.abs().item() == pytest.approx(rec.item(), rel=5e-3)


def test_adaptive_weight_is_bounded():
    w = nn.Parameter(torch.ones(3))
    flat = (w * 0).sum()
    assert adaptive_weight(w.sum(), flat, w).item() == 1e4, "no adversarial gradient: the bound, not infinity"
    assert adaptive_weight(flat, w.sum(), w).item() == 0


@pytest.mark.parametrize(("n_layers", "patch"), [(1, 16), (2, 34), (3, 70)])
def test_a_logit_sees_the_patch_of_the_paper(n_layers, patch):
    """Isola et al. 2017, appendix 6.1.2: 16x16, 34x34 (two layers) and 70x70."""
    torch.manual_seed(0)
    net = PatchDiscriminator(ndf=4, n_layers=n_layers).eval()
    for layer in net.layers:  # so that no path of a gradient is cut
        if isinstance(layer, nn.Conv2d):
            nn.init.constant_(layer.weight, 0.01)
    x = torch.rand(1, 3, 128, 128, requires_grad=True)
    logits = net(x)
    middle = logits.shape[-1] // 2
    logits[0, 0, middle, middle].backward()
    seen = x.grad.abs().sum((0, 1)).nonzero()
    assert (seen.max(0).values - seen.min(0).values + 1).tolist() == [patch, patch]


def test_discriminator_has_the_layers_of_the_release():
    net = PatchDiscriminator()
    assert [m.out_channels for m in net.layers if isinstance(m, nn.Conv2d)] == [64, 128, 256, 512, 1]
    conditional = PatchDiscriminator(channels=6)
    assert sum(p.numel() for p in conditional.parameters()) == 2_768_705, "pix2pix's, which sees two pictures"
    assert net(rand(2, 3, 64, 64)).shape == (2, 1, 6, 6)


def test_discriminator_says_what_it_accepts():
    with pytest.raises(ValueError, match="at least 24 pixels a side, or fewer n_layers"):
        PatchDiscriminator()(rand(1, 3, 16, 64))
    with pytest.raises(ValueError, match="images must have 3 channels, got 1"):
        PatchDiscriminator()(rand(1, 1, 64, 64))
    with pytest.raises(ValueError, match="n_layers is 0"):
        PatchDiscriminator(n_layers=0)


@pytest.mark.parametrize("start", [50_001, 1.0, -0.1, float("nan")])
def test_a_start_beyond_the_run_is_an_error(start):
    with pytest.raises(ValueError, match="it is a fraction of the run"):
        check_start(start)
    check_start(0.5)
