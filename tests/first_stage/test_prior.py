"""The prior over codes: causal, fast with a memory, and drawing from the distribution it says."""

from dataclasses import asdict

import pytest
import torch
from tiny import KL

from ldm_tutorial.first_stage import CodePrior, PriorConfig, VQConfig
from ldm_tutorial.first_stage.prior import draw

VQ = VQConfig(**asdict(KL), codes=20)
CONFIG = PriorConfig(VQ, image_size=16, dim=24, depth=2, heads=3)


@pytest.fixture(scope="module")
def prior():
    torch.manual_seed(0)
    prior = CodePrior(CONFIG).eval().requires_grad_(False)
    for parameter in prior.transformer.parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.3)
    torch.nn.init.normal_(prior.first_stage.codebook.weight)
    return prior


def some_codes(n=3, seed=1):
    return torch.randint(20, (n, 8, 8), generator=torch.Generator().manual_seed(seed))


def test_a_code_is_predicted_from_those_before_it_and_from_no_other(prior):
    codes = some_codes(1)
    before = prior(codes)
    for place in (0, 17, 63):
        changed = codes.clone().flatten(1)
        changed[0, place] = (changed[0, place] + 1) % 20
        difference = (prior(changed.view_as(codes)) - before).abs().amax(2)[0]
        assert difference[: place + 1].max() == 0, f"code {place} should not be seen up to its own place"
        assert place == 63 or difference[place + 1] > 1e-4, "and it should be seen by the next"


def test_cached_logits_are_the_uncached_ones(prior):
    codes = some_codes()
    whole, caches = prior(codes), prior.transformer.empty_caches(3)
    previous = torch.full((3,), prior.transformer.start)
    for place in range(64):
        step = prior.transformer.step(previous, place, caches)
        torch.testing.assert_close(step, whole[:, place], rtol=0, atol=1e-5)
        previous = codes.flatten(1)[:, place]


def test_loss_is_in_nats_per_code(prior):
    codes = some_codes()
    log_p = prior(codes).log_softmax(-1).gather(2, codes.flatten(1)[..., None])
    torch.testing.assert_close(prior.loss(codes), -log_p[..., 0].mean(1))
    torch.manual_seed(0)
    fresh = CodePrior(CONFIG)
    assert fresh.loss(codes).mean().item() == pytest.approx(torch.log(torch.tensor(20.0)).item(), abs=0.1)


def test_samples_follow_the_chain_rule():
    """Two codes, four places: frequencies of whole images against the product of probabilities."""
    torch.manual_seed(0)
    small = CodePrior(PriorConfig(VQConfig(**asdict(KL), codes=2), image_size=4, dim=8, depth=1, heads=1))
    small.requires_grad_(False)
    for parameter in small.transformer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    every = torch.cartesian_prod(*[torch.arange(2)] * 4).view(16, 2, 2)
    p = (-4 * small.loss(every)).exp()
    assert p.sum().item() == pytest.approx(1, abs=1e-5), "probabilities of all images should add up to 1"
    n = 4000
    drawn = small.sample_codes(n, seed=5).view(n, 4) @ torch.tensor([8, 4, 2, 1])
    share = torch.bincount(drawn, minlength=16) / n
    assert ((share - p).abs() < 4 * (p * (1 - p) / n).sqrt()).all(), "within four standard errors"


def test_an_image_has_no_batch_mates_and_its_seed_decides(prior):
    codes = prior.sample_codes(3, seed=7)
    assert torch.equal(prior.sample_codes(1, seed=9), codes[2:])
    assert torch.equal(prior.sample_codes(3, seed=7), codes)
    assert not torch.equal(prior.sample_codes(3, seed=8), codes)
    images = prior.sample(3, seed=7, batch_size=2)
    assert images.shape == (3, 3, 16, 16) and images.abs().max() <= 1
    torch.testing.assert_close(images, prior.first_stage.decode_codes(codes).clamp(-1, 1))


def test_the_likeliest_code_alone(prior):
    greedy = prior.sample_codes(2, seed=0, top_k=1)
    assert torch.equal(greedy[0], greedy[1]), "with one code to choose from the seed should not matter"
    assert torch.equal(prior(greedy).argmax(-1), greedy.flatten(1))
    assert torch.equal(prior.sample_codes(2, seed=0, temperature=1e-6), greedy)


@pytest.mark.parametrize(
    "options",
    [{}, {"top_k": 5}, {"top_p": 0.7}, {"top_k": 8, "top_p": 0.8}, {"temperature": 0.5}, {"top_p": 1e-9}],
)
def test_draws_have_the_probabilities_of_transformers_warpers(options):
    transformers = pytest.importorskip("transformers")
    logits = 2 * torch.randn(1, 12, generator=torch.Generator().manual_seed(3))
    warped = logits / options.get("temperature", 1.0)
    if "top_k" in options:
        warped = transformers.TopKLogitsWarper(options["top_k"])(None, warped)
    if "top_p" in options:
        warped = transformers.TopPLogitsWarper(options["top_p"])(None, warped)
    n = 20_000
    uniform = (torch.arange(n) + 0.5) / n  # every part of [0, 1) alike, so shares are exact to 1/n
    share = torch.bincount(draw(logits.expand(n, -1), uniform, **options), minlength=12) / n
    torch.testing.assert_close(share, warped.softmax(1)[0], rtol=0, atol=2e-4)


def test_draws_at_the_ends_of_the_interval():
    logits = torch.tensor([[0.0, 5.0, -torch.inf, 1.0]])
    ends = torch.tensor([0.0, 1 - 2**-24])
    assert draw(logits.expand(2, -1), ends).tolist() == [1, 0], "likeliest first, an impossible one never"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "temperature is 0.0; it must be above 0"),
        ({"top_k": 0}, "top_k is 0"),
        ({"top_p": 0.0}, "top_p is 0.0"),
        ({"top_p": 1.5}, "top_p is 1.5"),
    ],
)
def test_settings_out_of_range(prior, options, message):
    with pytest.raises(ValueError, match=message):
        prior.sample_codes(1, **options)


def test_what_does_not_fit(prior):
    with pytest.raises(ValueError, match=r"codes must have shape \(B, 8, 8\), got \(2, 4, 4\)"):
        prior(torch.zeros(2, 4, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match="image_size is 17; the first stage needs a multiple of 2"):
        CodePrior(PriorConfig(VQ, image_size=17))
    with pytest.raises(ValueError, match="dim 24 is not a multiple of heads 5"):
        CodePrior(PriorConfig(VQ, image_size=16, dim=24, heads=5))
