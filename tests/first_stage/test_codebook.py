"""The codebook chooses the nearest code, and its gradients go where the paper sends them."""

import pytest
import torch
import torch.nn.functional as F

from ldm_tutorial.first_stage import Codebook, code_counts, nearest_code, perplexity, usage


def randn(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("d", [2, 4, 64, 256])
@pytest.mark.parametrize("K", [1, 2, 511, 512, 513, 4096])  # around the borders of its tiles
def test_nearest_code_is_that_of_all_distances(d, K):
    z, codebook = randn(1500, d), randn(K, d, seed=1)
    found = nearest_code(z, codebook)
    assert found.dtype == torch.int64 and found.shape == (1500,)
    exact = torch.cdist(z.double(), codebook.double())
    same = found == exact.argmin(1)
    # where float32 may decide otherwise, two codes are as near as rounding can tell
    excess = exact.gather(1, found[:, None])[:, 0] - exact.amin(1)
    assert same.float().mean() > 0.999, "the indices should be those of float64 distances"
    assert excess.max() < 1e-5, "and where they are not, the two codes should be equally near"
    assert torch.equal(nearest_code(z.double(), codebook.double()), exact.argmin(1))
    assert (found == torch.cdist(z, codebook).argmin(1)).float().mean() > 0.999, "and those of cdist"


def test_nearest_code_takes_the_first_of_equals_and_an_empty_batch():
    codebook = randn(600, 3).repeat(2, 1)
    assert nearest_code(codebook, codebook).tolist() == [*range(600), *range(600)]
    assert nearest_code(codebook[:0], codebook).shape == (0,)


def test_nearest_code_tells_a_fresh_codebook_apart_from_far_away():
    """Codes start within 1/K of zero: |z|^2 would drown their differences, but it need not be computed."""
    z, codebook = 10 * randn(500, 4), (randn(1024, 4, seed=1) / 1024)
    exact = torch.cdist(z.double(), codebook.double(), compute_mode="donot_use_mm_for_euclid_dist").argmin(1)
    assert torch.equal(nearest_code(z, codebook), exact)


def test_nearest_code_is_as_sharp_under_autocast_and_searches_half_precision_in_float32():
    z, codebook = randn(400, 8), randn(2000, 8, seed=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(nearest_code(z, codebook), torch.cdist(z, codebook).argmin(1))
    half = nearest_code(z.bfloat16(), codebook.bfloat16())
    assert torch.equal(half, nearest_code(z.bfloat16().float(), codebook.bfloat16().float()))


def test_nearest_code_never_holds_the_table_of_distances():
    class Largest(torch.utils._python_dispatch.TorchDispatchMode):
        numel = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **kwargs or {})
            for tensor in out if isinstance(out, tuple | list) else (out,):
                if isinstance(tensor, torch.Tensor):
                    self.numel = max(self.numel, tensor.numel())
            return out

    def largest(N, K):
        with Largest() as mode:
            nearest_code(torch.zeros(N, 2), torch.zeros(K, 2))
        return mode.numel

    assert largest(4096, 32768) == largest(4096, 1024), "memory should not grow with K"


@pytest.mark.parametrize(
    ("z", "codebook"), [((5, 3), (8, 4)), ((5,), (8, 4)), ((5, 4), (8,)), ((5, 4), (0, 4))]
)
def test_nearest_code_says_what_does_not_fit(z, codebook):
    with pytest.raises(ValueError, match="same d and at least one code"):
        nearest_code(torch.zeros(z), torch.zeros(codebook))


@pytest.fixture
def codebook():
    torch.manual_seed(0)
    codebook = Codebook(codes=16, dim=3, commitment=0.25)
    torch.nn.init.normal_(codebook.weight)
    return codebook


def test_quantised_latents_are_the_nearest_codes_to_the_last_bit(codebook):
    z = randn(2, 3, 4, 5)
    quantised = codebook(z)
    assert quantised.codes.shape == (2, 4, 5) and quantised.codes.dtype == torch.int64
    assert torch.equal(quantised.z, codebook.look_up(quantised.codes))
    for b, i, j in [(0, 0, 0), (1, 2, 3), (1, 3, 4)]:
        k = (codebook.weight - z[b, :, i, j]).square().sum(1).argmin()
        assert quantised.codes[b, i, j] == k, "positions should not be mixed up by the reshaping"
        assert torch.equal(quantised.z[b, :, i, j], codebook.weight[k])
    assert torch.equal(codebook(quantised.z.detach()).codes, quantised.codes), "codes should be fixed points"


def test_straight_through_gradient_is_the_identity(codebook):
    z = randn(2, 3, 4, 5).requires_grad_()
    gradient = randn(2, 3, 4, 5, seed=1)
    codebook(z).z.backward(gradient)
    assert torch.equal(z.grad, gradient), "the gradient of the codes should be copied to the latents"
    assert codebook.weight.grad is None, "and should not reach the codebook"


@pytest.mark.parametrize("commitment", [0.0, 0.25, 2.0])
def test_commitment_weighs_the_term_that_moves_the_encoder(codebook, commitment):
    codebook.commitment = commitment
    z = randn(2, 3, 4, 5).requires_grad_()
    quantised = codebook(z)
    quantised.loss.backward()
    difference = (z - quantised.z).detach()
    expected = 2 * commitment * difference / z.numel()
    torch.testing.assert_close(z.grad, expected, msg="sg(e): latents should feel commitment times the pull")
    pull = torch.zeros(16, 3).index_add_(
        0, quantised.codes.flatten(), -2 * difference.permute(0, 2, 3, 1).reshape(-1, 3) / z.numel()
    )
    torch.testing.assert_close(codebook.weight.grad, pull, msg="sg(z): codes should feel it whole")
    torch.testing.assert_close(quantised.loss.detach(), (1 + commitment) * difference.square().mean())


def test_nan_is_not_hidden_by_the_look_up(codebook):
    z = randn(1, 3, 2, 2)
    z[0, 0, 1, 1] = torch.nan
    quantised = codebook(z)
    assert quantised.loss.isnan() and quantised.z.isnan().sum() == 1


def test_gradient_descent_on_the_loss_is_online_k_means():
    """Three clusters and three codes: the codes should end in the clusters' means."""
    centres = torch.tensor([[-4.0, 0.0], [4.0, 0.0], [0.0, 6.0]])
    z = (centres.repeat(50, 1) + 0.3 * randn(150, 2)).T.reshape(1, 2, 10, 15)
    torch.manual_seed(0)
    codebook = Codebook(3, 2)
    with torch.no_grad():
        codebook.weight.copy_(centres / 4)
    optimizer = torch.optim.SGD(codebook.parameters(), lr=1.0)
    for _ in range(200):
        optimizer.zero_grad()
        codebook(z).loss.backward()
        optimizer.step()
    means = z.reshape(2, 50, 3).mean(1).T
    torch.testing.assert_close(codebook.weight.detach(), means, atol=1e-4, rtol=0)


@pytest.mark.parametrize("shape", [(2, 4, 5, 5), (3, 5, 5), (7, 3)])
def test_codebook_says_which_dimension_it_has(codebook, shape):
    with pytest.raises(ValueError, match=r"latents must have shape \(B, 3, h, w\) .* got \("):
        codebook(torch.zeros(shape))


@pytest.mark.parametrize("codes", [1, 0, -3])
def test_a_codebook_of_one_is_refused(codes):
    with pytest.raises(ValueError, match=f"codes is {codes}; a codebook needs at least 2"):
        Codebook(codes, 3)


def test_usage_and_perplexity_of_known_counts():
    even = code_counts(torch.arange(8).repeat(5).reshape(5, 2, 4), 8)
    assert even.tolist() == [5] * 8
    assert usage(even) == 1 and perplexity(even) == pytest.approx(8)
    collapsed = code_counts(torch.full((2, 4, 4), 3), 8)
    assert usage(collapsed) == 1 / 8 and perplexity(collapsed) == pytest.approx(1)
    mixed = torch.tensor([2, 1, 1, 0])
    assert usage(mixed) == 0.75 and perplexity(mixed) == pytest.approx(2**1.5), "entropy is 1.5 bits"
    assert code_counts(torch.tensor([0, 0, 1, 2]), 4).tolist() == mixed.tolist()
    with pytest.raises(ValueError, match="counts are all zero"):
        perplexity(torch.zeros(8, dtype=torch.int64))


def test_mean_squared_error_is_averaged_over_all_numbers(codebook):
    """The original release averages VQ losses, unlike the KL, so the batch size doesn't change them."""
    z = randn(2, 3, 4, 4)
    assert codebook(z.repeat(3, 1, 2, 1)).loss.item() == pytest.approx(codebook(z).loss.item(), rel=1e-6)
    expected = 1.25 * F.mse_loss(codebook(z).z, z).item()
    assert codebook(z).loss.item() == pytest.approx(expected, rel=1e-6)
