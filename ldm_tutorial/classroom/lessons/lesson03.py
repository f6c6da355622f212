"""Exercises of lesson 03, Perceptual compression. Two more are in `adaptive.py` and `contest.py`."""

import torch
from torch.nn.functional import relu

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.classroom.lessons.adaptive import adaptive_exercise
from ldm_tutorial.classroom.lessons.contest import separation_exercise


def psnr(copies, images):
    """One number an image, in decibels: the peak squared, 2², over the image's mean squared error."""
    error = (copies - images).square().flatten(1).mean(1)
    return 10 * torch.log10(4 / error)


def _decibels(ratio):
    """Another PSNR: of the squared errors (B, 3 H W), whatever `ratio` makes of them."""
    return lambda copies, images: ratio((copies - images).square().flatten(1))


def _pairs():
    generator = torch.Generator().manual_seed(0)
    images = 2 * torch.rand(3, 3, 8, 8, generator=generator) - 1
    noise = torch.randn(images.shape, generator=generator) * torch.tensor([0.05, 0.2, 0.5]).view(3, 1, 1, 1)
    return [(images + noise, images), (0.5 * images[:2], images[:2])]


psnr_exercise = Exercise(
    name="PSNR",
    solution=psnr,
    cases=_pairs,
    mistakes=(
        Mistake(
            "a peak of 1",
            _decibels(lambda e: 10 * torch.log10(1 / e.mean(1))),
            "That is right for images in [0, 1]. Ours go from -1 to 1: the peak, from black to white, is 2. "
            "(It makes 6 dB, and many published comparisons are off by them.)",
        ),
        Mistake(
            "the peak without its square",
            _decibels(lambda e: 10 * torch.log10(2 / e.mean(1))),
            "The error is squared, so the peak must be squared as well: 4.",
        ),
        Mistake(
            "a peak of 255",
            _decibels(lambda e: 10 * torch.log10(255**2 / e.mean(1))),
            "That is right for images in bytes, 0 to 255. Ours go from -1 to 1: the peak is 2.",
        ),
        Mistake(
            "the sum of the squared errors",
            _decibels(lambda e: 10 * torch.log10(4 / e.sum(1))),
            "MSE is the mean squared error: the mean over channels and places, not their sum.",
        ),
        Mistake(
            "the mean of the PSNRs",
            _decibels(lambda e: (10 * torch.log10(4 / e.mean(1))).mean()),
            "Each image's number is right, but asked for is one number an image: leave the last mean away.",
        ),
        Mistake(
            "one number for the batch",
            _decibels(lambda e: 10 * torch.log10(4 / e.mean())),
            "Asked for is one number an image: average over channels and places, keep the batch. The PSNR of "
            "the mean error is another number than the mean PSNR.",
        ),
        Mistake(
            "the natural logarithm",
            _decibels(lambda e: 10 * torch.log(4 / e.mean(1))),
            "Decibels are tenths of a power of ten: torch.log10.",
        ),
        Mistake(
            "20 instead of 10",
            _decibels(lambda e: 20 * torch.log10(4 / e.mean(1))),
            "20 belongs to a ratio of amplitudes, as in 20 log10(2 / root of the MSE). The MSE is already "
            "squared, so it is 10.",
        ),
        Mistake(
            "upside down",
            _decibels(lambda e: 10 * torch.log10(e.mean(1) / 4)),
            "More decibels stand for a better copy: the error is below the line.",
        ),
    ),
    hints=(
        "First the mean squared error of each image: square the difference, flatten(1), mean(1).",
        "Values run from -1 to 1, so the peak is 2 and its square 4. Then 10 * torch.log10(...).",
    ),
    insight="10 dB more is a tenth of the squared error, 6 dB about half the error.",
)


def hinge(real, fake):
    """What the autoencoder and what the discriminator minimise (Lim & Ye 2017)."""
    discriminator = 0.5 * (relu(1 - real).mean() + relu(1 + fake).mean())
    return -fake.mean(), discriminator


def _logits():
    generator = torch.Generator().manual_seed(0)
    draw = lambda: 1.5 * torch.randn(4, 1, 5, 5, generator=generator)  # noqa: E731
    return [(draw() + 0.3, draw()), (draw() + 2, draw() - 2)]


hinge_exercise = Exercise(
    name="the hinge loss",
    solution=hinge,
    cases=_logits,
    mistakes=(
        Mistake(
            "signs swapped",
            lambda real, fake: (-fake.mean(), 0.5 * (relu(1 + real).mean() + relu(1 - fake).mean())),
            "That teaches the discriminator to call copies real. Its loss must be 0 once real logits are "
            "above 1 and those of copies below -1.",
        ),
        Mistake(
            "forgetting the half",
            lambda real, fake: (-fake.mean(), relu(1 - real).mean() + relu(1 + fake).mean()),
            "The two parts are averaged, not added: a half in front.",
        ),
        Mistake(
            "no hinge",
            lambda real, fake: (-fake.mean(), 0.5 * ((1 - real).mean() + (1 + fake).mean())),
            "Without max(0, ...) it is never sure enough, and its logits grow for ever.",
        ),
        Mistake(
            "the mean inside the hinge",
            lambda real, fake: (-fake.mean(), 0.5 * (relu(1 - real.mean()) + relu(1 + fake.mean()))),
            "Each patch has a hinge of its own. First max(0, ...), then the mean.",
        ),
        Mistake(
            "a hinge for the autoencoder, too",
            lambda real, fake: (relu(1 - fake).mean(), 0.5 * (relu(1 - real).mean() + relu(1 + fake).mean())),
            "The autoencoder's loss has no hinge: it is minus the mean logit of its copies. With a hinge, "
            "patches that pass already would teach it nothing.",
        ),
        Mistake(
            "the autoencoder's sign",
            lambda real, fake: (fake.mean(), 0.5 * (relu(1 - real).mean() + relu(1 + fake).mean())),
            "It wants its copies to be taken for real, so high logits must make a low loss: a minus.",
        ),
        Mistake(
            "order swapped",
            lambda real, fake: hinge(real, fake)[::-1],
            "Both losses are right. First the autoencoder's, then the discriminator's.",
        ),
        Mistake(
            "sums for means",
            lambda real, fake: (-fake.sum(), 0.5 * (relu(1 - real).sum() + relu(1 + fake).sum())),
            "A sum grows with the batch and with the number of patches. Take the mean.",
        ),
    ),
    hints=(
        "relu(a) is max(0, a). Return two numbers: the autoencoder's loss, and the discriminator's.",
        "Real patches cost relu(1 - real), copies relu(1 + fake); the mean of each, then half of the sum.",
    ),
    insight="A patch that is judged with certainty teaches the discriminator nothing more.",
)


def latent(size, f, channels):
    """Shape of a latent, and how many times fewer numbers it has than the RGB image."""
    shape = (channels, size // f, size // f)
    return shape, 3 * size**2 / (channels * (size // f) ** 2)


latent_exercise = Exercise(
    name="the size of a latent",
    solution=latent,
    cases=lambda: [(64, 4, 4), (256, 4, 3), (512, 8, 4), (256, 16, 16), (64, 2, 8)],
    mistakes=(
        Mistake(
            "f counted once",
            lambda size, f, channels: ((channels, size // f, size // f), 3 * f / channels),
            "Both sides shrink by f, so there are f² times fewer places.",
        ),
        Mistake(
            "channels forgotten",
            lambda size, f, channels: ((channels, size // f, size // f), float(f**2)),
            "f² counts the places. Each had 3 numbers in the image and has `channels` in the latent.",
        ),
        Mistake(
            "the image's three channels forgotten",
            lambda size, f, channels: ((channels, size // f, size // f), f**2 / channels),
            "The image has 3 numbers at each of its places: a factor of 3 is missing.",
        ),
        Mistake(
            "a ratio rounded down",
            lambda size, f, channels: ((channels, size // f, size // f), 3 * f**2 // channels),
            "The ratio need not be a whole number: divide with / there. (The sides are whole: // is right.)",
        ),
        Mistake(
            "channels last",
            lambda size, f, channels: ((size // f, size // f, channels), 3 * f**2 / channels),
            "The ratio is right. The shape here is channels first, as in PyTorch: (c, h, w).",
        ),
        Mistake(
            "f as a number of halvings",
            lambda size, f, channels: ((channels, size // 2**f, size // 2**f), 3 * 4**f / channels),
            "f is the factor itself, not how often the side is halved: f = 4 is two halvings.",
        ),
        Mistake(
            "upside down",
            lambda size, f, channels: ((channels, size // f, size // f), channels / (3 * f**2)),
            "Asked for is how many times fewer: numbers of the image over numbers of the latent.",
        ),
    ),
    hints=(
        "The image has 3 · size · size numbers. Each side of the latent is size // f.",
        "The ratio is 3 f² / channels.",
    ),
    insight="Four times the channels pay for twice the f: kl-f16's 16 channels hold as much as kl-f8's 4.",
)

EXERCISES = (psnr_exercise, hinge_exercise, adaptive_exercise, separation_exercise, latent_exercise)
