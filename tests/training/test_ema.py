"""The moving average against its recursion written out, and its warm-up."""

import torch
from torch import nn

from ldm_tutorial.training import EMA


def test_average_follows_the_recursion_with_warm_up():
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    ema, expected = EMA(module, 0.9), 0.0
    for k in range(200):
        with torch.no_grad():
            module.weight.fill_(float(k % 7))
        ema.update()
        decay = min(0.9, (1 + k) / (10 + k))
        expected = decay * expected + (1 - decay) * (k % 7)
    assert abs(ema.average[0].item() - expected) < 1e-5


def test_first_average_is_mostly_the_first_weights():
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    ema = EMA(module, 0.9999)
    with torch.no_grad():
        module.weight.fill_(1.0)
    ema.update()
    assert abs(ema.average[0].item() - 0.9) < 1e-6, (
        "warm-up should forget the random start: decay 1/10 at first"
    )


def test_applied_puts_the_weights_back():
    module = nn.Linear(2, 2)
    ema = EMA(module, 0.5)
    before = module.weight.detach().clone()
    with torch.no_grad():
        ema.average[0].zero_()
    with ema.applied():
        assert module.weight.abs().sum() == 0
    assert torch.equal(module.weight, before) and ema.average[0].abs().sum() == 0
