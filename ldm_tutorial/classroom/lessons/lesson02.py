"""Exercises of lesson 02, the VQ codebook. Gradients are in `vq_gradients.py`, counting in `vq_counts.py`."""

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.classroom.lessons.vq_counts import ema_exercise, perplexity_exercise
from ldm_tutorial.classroom.lessons.vq_gradients import straight_through_exercise, vq_loss_exercise


def words(z, codebook):
    """The first three of the six steps: one vector a place, all distances, the nearest code of each."""
    B, d, h, w = z.shape
    vectors = z.permute(0, 2, 3, 1).reshape(-1, d)
    distances = torch.cdist(vectors, codebook)
    return distances.argmin(dim=1).view(B, h, w)


def _chosen(score, largest=False, moved=True):
    """Another choice: by `score` of vectors (N, d) and codebook (K, d), perhaps the largest, or misread."""

    def answer(z, codebook):
        B, d, h, w = z.shape
        vectors = z.permute(0, 2, 3, 1).reshape(-1, d) if moved else z.reshape(-1, d)
        table = score(vectors, codebook)
        return (table.argmax(1) if largest else table.argmin(1)).view(B, h, w)

    return answer


def _words_cases():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731
    return [(draw(2, 2, 3, 4), draw(6, 2)), (draw(1, 4, 5, 5), 2 * draw(16, 4))]


words_exercise = Exercise(
    name="from latents to words",
    solution=words,
    cases=_words_cases,
    mistakes=(
        Mistake(
            "reshaped without moving the axis",
            _chosen(torch.cdist, moved=False),
            "z.reshape(-1, d) cuts the numbers in the order in which they lie: first all of channel 0. A row "
            "then holds neighbours of one channel. Move the channels to the end first: permute(0, 2, 3, 1).",
        ),
        Mistake(
            "h and w swapped",
            lambda z, codebook: words(z.transpose(2, 3), codebook).reshape(len(z), *z.shape[2:]),
            "permute(0, 3, 2, 1) cuts column by column, view(B, h, w) puts back row by row. Keep h before w "
            "in both: permute(0, 2, 3, 1).",
        ),
        Mistake(
            "a map on its side",
            lambda z, codebook: words(z, codebook).transpose(1, 2),
            "The codes are right, but rows became columns: the answer has the axes B, w, h. Keep h before w.",
        ),
        Mistake(
            "the farthest code",
            _chosen(torch.cdist, largest=True),
            "argmax of the distances is the code that fits worst.",
        ),
        Mistake(
            "the largest product",
            _chosen(lambda z, e: z @ e.T, largest=True),
            "The product z e is large for long codes in about this direction. |z - e|² is |z|² - 2 z e + "
            "|e|²: you may leave out |z|², the same for all codes, but not the codes' own |e|².",
        ),
        Mistake(
            "a sign in the square",
            _chosen(lambda z, e: e.square().sum(1) + 2 * z @ e.T),
            "|z - e|² has -2 z e in it. With a plus it is the distance to -e.",
        ),
        Mistake(
            "differences added without a square",
            _chosen(lambda z, e: (z[:, None] - e).abs().sum(2)),
            "That is the way along the axes (L1). Nearest is meant as the crow flies: squares.",
        ),
        Mistake(
            "one code for the whole batch",
            lambda z, codebook: (
                torch.cdist(z.permute(0, 2, 3, 1).reshape(-1, z.shape[1]), codebook).argmin(0).view(-1)
            ),
            "argmin over dim=0 finds the nearest vector of each code. Asked for is the nearest code of each "
            "vector: dim=1.",
        ),
    ),
    hints=(
        "A row a place: channels to the end with permute(0, 2, 3, 1), then reshape(-1, d).",
        "torch.cdist(vectors, codebook) is the table of all distances, a row a vector, a column a code.",
        "argmin along the codes, then view(B, h, w): the places are in the order in which you cut them.",
    ),
    insight="An image is now a small map of whole numbers, and a text could be made of it.",
)


def chances(logits, temperature, top_k):
    """The probabilities that the next code is drawn with."""
    scaled = logits / temperature
    least = scaled.topk(top_k, dim=-1).values[..., -1:]
    return torch.softmax(scaled.masked_fill(scaled < least, -torch.inf), dim=-1)


def _kept(p, top_k):
    return torch.where(p >= p.topk(top_k, dim=-1).values[..., -1:], p, 0.0)


def _chances_cases():
    generator = torch.Generator().manual_seed(0)
    return [(3 * torch.randn(4, 12, generator=generator), T, k) for T, k in ((0.7, 5), (1.3, 3), (0.5, 12))]


chances_exercise = Exercise(
    name="temperature and top-k",
    solution=chances,
    cases=_chances_cases,
    mistakes=(
        Mistake(
            "times the temperature",
            lambda logits, temperature, top_k: chances(logits, 1 / temperature, top_k),
            "Divide by the temperature: below 1 it must make large differences larger, and cold is careful.",
        ),
        Mistake(
            "shares that don't add up",
            lambda logits, temperature, top_k: _kept(torch.softmax(logits / temperature, -1), top_k),
            "What top-k threw away is missing in the sum. Divide by what is left, or cut before the softmax.",
        ),
        Mistake(
            "zero in place of minus infinity",
            lambda logits, temperature, top_k: torch.softmax(_kept(logits / temperature, top_k), -1),
            "A logit of 0 is not a chance of 0, since exp(0) is 1. What is excluded gets a logit of -inf.",
        ),
        Mistake(
            "temperature on the probabilities",
            lambda logits, temperature, top_k: torch.softmax(
                _cut(torch.softmax(logits, -1), top_k) / temperature, -1
            ),
            "The temperature divides logits, not probabilities. A softmax of probabilities is nearly flat.",
        ),
        Mistake(
            "temperature forgotten",
            lambda logits, temperature, top_k: chances(logits, 1.0, top_k),  # noqa: ARG005
            "Top-k is right; the logits were not divided by the temperature. (Dividing probabilities by it "
            "does nothing: they are made to add up to 1 again, and the temperature cancels.)",
        ),
        Mistake(
            "logits in place of probabilities",
            lambda logits, temperature, top_k: _cut(logits / temperature, top_k),
            "Temperature and top-k are right. Last comes the softmax, which turns logits into probabilities.",
        ),
        Mistake(
            "one too few",
            lambda logits, temperature, top_k: _without_last(logits / temperature, top_k),
            "top_k - 1 are left: the k-th largest was thrown away, too. Compare with < in place of <=.",
        ),
        Mistake(
            "softmax along the batch",
            lambda logits, temperature, top_k: torch.softmax(_cut(logits / temperature, top_k), 0),
            "Each row is a question of its own, and its probabilities add up to 1: softmax over dim=-1.",
        ),
        Mistake(
            "top-k forgotten",
            lambda logits, temperature, top_k: torch.softmax(logits / temperature, -1),  # noqa: ARG005
            "The temperature is right; all codes are still possible.",
        ),
    ),
    hints=(
        "Divide the logits first. Which of them is the k-th largest? .topk(top_k).values[..., -1:]",
        "What lies below gets -inf (masked_fill), then softmax.",
    ),
    insight="Both make likely codes likelier: fewer slips, and less variety.",
)


def _cut(values, top_k):
    return values.masked_fill(values < values.topk(top_k, dim=-1).values[..., -1:], -torch.inf)


def _without_last(values, top_k):
    least = values.topk(top_k, dim=-1).values[..., -1:]
    return torch.softmax(values.masked_fill(values <= least, -torch.inf), dim=-1)


EXERCISES = (
    words_exercise,
    straight_through_exercise,
    vq_loss_exercise,
    ema_exercise,
    perplexity_exercise,
    chances_exercise,
)
