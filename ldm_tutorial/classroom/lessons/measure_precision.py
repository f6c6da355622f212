"""An exercise of lesson 10: precision, by balls around the real points."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake


def precision(samples, reference, k):
    """The share of samples in the ball of any reference point, which reaches to its k-th neighbour."""
    own = torch.cdist(reference, reference)
    radius = own.sort(dim=1).values[:, k]  # place 0 is the point itself
    inside = torch.cdist(samples, reference) <= radius
    return inside.any(1).float().mean().item()


def _reach(points, place):
    return torch.cdist(points, points).sort(dim=1).values[:, place]


def _of(found, place=lambda k: k, radius=lambda r: r):
    """A wrong precision: what is made of the table of who lies in whose ball, and another radius."""

    def answer(samples, reference, k):
        inside = torch.cdist(samples, reference) <= radius(_reach(reference, place(k)))
        return found(inside, k).item()

    return answer


def _share(inside, _k):
    return inside.any(1).float().mean()


def _recall(samples, reference, k):
    return precision(reference, samples, k)


def _around_samples(samples, reference, k):
    inside = torch.cdist(samples, reference) <= _reach(samples, k)[:, None]
    return inside.any(1).float().mean().item()


def _nearest_only(samples, reference, k):
    distance, nearest = torch.cdist(samples, reference).min(1)
    return (distance <= _reach(reference, k)[nearest]).float().mean().item()


def _squared(samples, reference, k):
    inside = torch.cdist(samples, reference).square() <= _reach(reference, k)
    return inside.any(1).float().mean().item()


def _cases():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731
    return [
        (1.3 * draw(40, 2) + 0.3, draw(30, 2), 3),
        (1.6 * draw(50, 2), draw(60, 2), 1),
        (1.2 * draw(90, 4), draw(50, 4), 2),
        (1.5 * draw(90, 4), draw(50, 4), 5),
    ]


precision_exercise = Exercise(
    name="precision",
    solution=precision,
    cases=_cases,
    mistakes=(
        Mistake(
            "a point counted as its own neighbour",
            _of(_share, place=lambda k: k - 1),
            "In the table of the reference with itself each point finds itself first, at distance 0. "
            "Sorted, the k-th neighbour is therefore in place k (counting from 0), not k - 1; with k = 1 "
            "your balls have no size.",
        ),
        Mistake(
            "always the third neighbour",
            _of(_share, place=lambda k: 3),
            "k is an argument: whoever calls the function says how many neighbours. Use it instead of 3.",
        ),
        Mistake(
            "one neighbour too many",
            _of(_share, place=lambda k: k + 1),
            "Sorted, place 0 is the point itself and place k its k-th neighbour. (kthvalue counts from 1, "
            "so that it wants k + 1; indices count from 0.)",
        ),
        Mistake(
            "the roles exchanged",
            _recall,
            "That is recall: the share of the real points that lie in the balls of the samples. Precision "
            "asks of each sample whether it lies among the real ones.",
        ),
        Mistake(
            "balls around the samples",
            _around_samples,
            "The balls belong to the reference. Around samples that lie far out they would be large, and "
            "far out would count as good.",
        ),
        Mistake(
            "the share of all pairs",
            _of(lambda inside, k: inside.float().mean()),
            "A sample counts as soon as it lies in any ball, and it counts once: any over the balls first, "
            "then the mean over the samples.",
        ),
        Mistake(
            "how many balls hold a sample (density)",
            _of(lambda inside, k: inside.float().sum(1).mean() / k),
            "That is density, which counts every ball a sample lies in. Precision asks only whether there "
            "is one.",
        ),
        Mistake(
            "the share of balls that are reached (coverage)",
            _of(lambda inside, k: inside.any(0).float().mean()),
            "Your mean goes over the balls: that is coverage. Precision is the share of the samples, so "
            "`any` runs along the reference, dim=1.",
        ),
        Mistake(
            "all balls instead of any",
            _of(lambda inside, k: inside.all(1).float().mean()),
            "Nothing lies in the balls of all real points at once. One ball is enough: any, not all.",
        ),
        Mistake(
            "only the ball of the nearest point",
            _nearest_only,
            "A sample may lie outside the small ball of the nearest point, and still inside the larger one "
            "of another. Any ball will do.",
        ),
        Mistake(
            "one radius for all",
            _of(_share, radius=lambda r: r.mean()),
            "Each ball has its own radius: small where real points are dense, large where they are rare.",
        ),
        Mistake(
            "squared distances against radii",
            _squared,
            "Distances are compared with radii; squared distances would need squared radii.",
        ),
        Mistake(
            "the samples outside",
            lambda samples, reference, k: 1 - precision(samples, reference, k),
            "That is the share of the samples that lie in no ball.",
        ),
        Mistake(
            "per cent",
            lambda samples, reference, k: 100 * precision(samples, reference, k),
            "Asked for is a share, from 0 to 1.",
        ),
        Mistake(
            "how many instead of which share",
            _of(lambda inside, k: inside.any(1).float().sum()),
            "That is the number of samples inside. Asked for is their share, from 0 to 1.",
        ),
    ),
    hints=(
        "torch.cdist(a, b) is the table of all distances, one row for each point of a.",
        "The radius of a ball: sort each row of torch.cdist(reference, reference) and take place k.",
        "(torch.cdist(samples, reference) <= radius).any(1) says which samples are inside: True or False, "
        "which have no mean before .float() makes them 1 and 0.",
    ),
    insight="Exchange the two sets and the same function is recall.",
)
