"""What a codebook learns without gradients: moving averages in closed form, and restarts."""

import pytest
import torch

from ldm_tutorial.first_stage import Codebook, VQAutoencoder, VQConfig, code_counts, perplexity, usage

CLUSTERS = torch.tensor([[-4.0, 0.0], [4.0, 0.0], [0.0, 6.0], [0.0, -6.0]])


def latents(seed, n=60, spread=0.3):
    """`(1, 2, 1, n)`: as many around each of the four clusters."""
    noise = torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))
    return (CLUSTERS.repeat(n // 4, 1) + spread * noise).T.reshape(1, 2, 1, n)


def codebook(codes=4, start=None, **options):
    torch.manual_seed(0)
    book = Codebook(codes, 2, **options)
    if start is not None:
        with torch.no_grad():
            book.weight.copy_(start)
    return book


def feed(book, z):
    quantised = book(z)
    book.learn(z, quantised.codes)
    return quantised


def test_codes_are_the_moving_average_of_what_chose_them_in_closed_form():
    """e(T) = sum_t g^(T-t) S_t / sum_t g^(T-t) n_t over a stream of batches (van den Oord 2017, A.1)."""
    decay, steps = 0.8, 7
    book = codebook(start=CLUSTERS / 2, ema_decay=decay)
    sums, counts = torch.zeros(4, 2, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    for t in range(steps):
        z = latents(seed=t)
        codes = feed(book, z).codes.flatten()
        vectors = z.reshape(2, -1).T.double()
        for k in range(4):
            sums[k] = decay * sums[k] + vectors[codes == k].sum(0)
            counts[k] = decay * counts[k] + (codes == k).sum()
    torch.testing.assert_close(book.weight.double(), sums / counts[:, None], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(book.counts.double(), (1 - decay) * counts, rtol=1e-5, atol=1e-6)


def test_without_memory_a_code_is_the_mean_of_its_latents():
    book = codebook(start=CLUSTERS / 2, ema_decay=0.0)
    z = latents(seed=0)
    feed(book, z)
    torch.testing.assert_close(book.weight, z.reshape(2, 15, 4).mean(1).T, rtol=1e-5, atol=1e-5)


def test_a_code_that_nobody_chooses_stays():
    far = torch.cat([CLUSTERS / 2, torch.tensor([[100.0, 100.0]])])
    book = codebook(5, start=far, ema_decay=0.5)
    for seed in range(5):
        feed(book, latents(seed))
    assert torch.equal(book.weight[4], far[4]) and book.weight.isfinite().all()


def test_averaged_codes_take_no_gradient_and_only_commitment_is_left_of_the_loss():
    book = codebook(start=CLUSTERS / 2, ema_decay=0.9, commitment=0.25)
    assert not list(book.parameters())
    z = latents(0).requires_grad_()
    quantised = book(z)
    difference = (z - quantised.z).detach()
    torch.testing.assert_close(quantised.loss.detach(), 0.25 * difference.square().mean())
    quantised.loss.backward()
    torch.testing.assert_close(z.grad, 2 * 0.25 * difference / z.numel())


def test_looking_changes_nothing():
    book = codebook(start=CLUSTERS / 2, ema_decay=0.9, restart=0.1)
    before = {k: v.clone() for k, v in book.state_dict().items()}
    book(latents(0))
    assert all(torch.equal(v, before[k]) for k, v in book.state_dict().items())


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_dead_codes_are_moved_onto_latents_and_collapse_is_cured(ema_decay):
    start = torch.full((16, 2), 50.0)
    start[0] = 0  # all latents choose it
    collapsed = codebook(16, start, ema_decay=0.9)
    cured = codebook(16, start, ema_decay=ema_decay, restart=0.1)
    for seed in range(30):
        feed(collapsed, latents(seed)), feed(cured, latents(seed))
    counts = [code_counts(book(latents(99)).codes, 16) for book in (collapsed, cured)]
    assert usage(counts[0]) == 1 / 16 and perplexity(counts[0]) == pytest.approx(1)
    assert usage(counts[1]) > 0.7 and perplexity(counts[1]) > 8
    assert (cured(latents(99)).z - latents(99)).square().mean() < 0.1


def test_a_revived_code_is_a_latent_and_codes_in_use_are_left_alone():
    start = torch.cat([CLUSTERS, torch.full((2, 2), 90.0)])
    book = codebook(6, start, restart=0.5)
    z = latents(3)
    feed(book, z)
    assert torch.equal(book.weight[:4], CLUSTERS)
    vectors = z.reshape(2, -1).T
    assert all((vectors == code).all(1).any() for code in book.weight[4:])
    assert not torch.equal(book.weight[4], book.weight[5]), "two dead codes should not land on one latent"
    torch.testing.assert_close(book.counts[4:], book.counts.new_tensor(0.01 * 60 / 6).expand(2))


def test_restarts_depend_on_the_number_of_updates_alone():
    books = []
    for seed in (1, 2):
        book = codebook(8, torch.full((8, 2), 50.0), ema_decay=0.9, restart=0.1)
        torch.manual_seed(seed)
        for step in range(4):
            feed(book, latents(step))
        books.append(book)
    assert torch.equal(books[0].weight, books[1].weight), "the global seed should not matter"


def test_state_of_a_plain_codebook_is_its_codes_alone():
    assert set(Codebook(4, 2).state_dict()) == {"weight"}
    assert set(Codebook(4, 2, restart=0.1).state_dict()) == {"weight", "counts", "updates"}
    assert set(Codebook(4, 2, ema_decay=0.9).state_dict()) == {"weight", "counts", "updates", "sums"}


def test_codes_counted_over_an_epoch():
    torch.manual_seed(0)
    vq = VQAutoencoder(VQConfig(channels=8, channel_mult=(1, 2), res_blocks=1, codes=12, norm_groups=4))
    torch.nn.init.normal_(vq.codebook.weight)
    images = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1
    counts = vq.count_codes(images.split(2))
    assert counts.sum() == 5 * 8 * 8 and torch.equal(counts, code_counts(vq.encode_codes(images), 12))
    assert 1 <= perplexity(counts) <= 12 * usage(counts) + 1e-6
    codes = vq.encode_codes(images)
    torch.testing.assert_close(vq.decode_codes(codes), vq.decode(vq.encode(images)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ema_decay": 1.0}, "ema_decay is 1.0"),
        ({"restart": 1.5}, "restart is 1.5"),
        ({"restart": -1}, "restart"),
    ],
)
def test_settings_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        Codebook(4, 2, **options)
