"""Two exercises of lesson 05 that count: channels on the way up, and parameters."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

from ldm_tutorial.classroom.exercises import Exercise, Mistake


def channels_on_the_way_up(widths, res_blocks):
    """What the residual blocks on the way up take in: what comes from below, and a skip connection each."""
    skips = [widths[0]]  # of the first convolution
    for level, width in enumerate(widths):
        skips += [width] * res_blocks
        if level < len(widths) - 1:
            skips.append(width)  # of the downsampling
    channels, below = [], widths[-1]
    for width in reversed(widths):
        for _ in range(res_blocks + 1):
            channels.append(below + skips.pop())
            below = width
    return channels


def _on_the_way_up(
    take=lambda skips: skips.pop(),
    joined=lambda below, skip, width: below + skip,
    resampled=lambda level, last: level < last,
    extra=1,
    order=reversed,
):
    """A wrong count: other skips are laid down or taken, or what comes in is put together wrongly."""

    def answer(widths, res_blocks):
        skips, last = [widths[0]], len(widths) - 1
        for level, width in enumerate(widths):
            skips += [width] * (res_blocks + resampled(level, last))
        channels, below = [], widths[-1]
        for width in order(widths):
            for _ in range(res_blocks + extra):
                channels.append(joined(below, take(skips), width))
                below = width
        return channels

    return answer


channels_exercise = Exercise(
    name="channels on the way up",
    solution=channels_on_the_way_up,
    cases=lambda: [((24, 48, 96), 1), ((32, 64), 2), ((320, 640, 1280, 1280), 2)],
    mistakes=(
        Mistake(
            "the oldest skip first",
            _on_the_way_up(take=lambda skips: skips.pop(0)),
            "On the way up the last skip that was laid down is the first that is taken: only that one has "
            "the resolution of the bottom. pop(), from the end.",
        ),
        Mistake(
            "adding instead of concatenating",
            _on_the_way_up(joined=lambda below, skip, width: below),
            "If skips were added, the width would stay. They are concatenated: their channels stand beside "
            "those from below.",
        ),
        Mistake(
            "twice the width of the level",
            _on_the_way_up(joined=lambda below, skip, width: 2 * width),
            "That holds in the middle of a level. Its first block gets the width of the level below, and its "
            "last one a skip that was laid down by the level above.",
        ),
        Mistake(
            "the level's own width from below",
            _on_the_way_up(joined=lambda below, skip, width: width + skip),
            "The first block of a level takes what comes from below, and that still has the width of the "
            "level below.",
        ),
        Mistake(
            "no skips of the downsampling",
            _on_the_way_up(resampled=lambda level, last: False, extra=0),
            "There is one more block on the way up than on the way down: downsampling lays down a skip, too, "
            "and so does the first convolution.",
        ),
        Mistake(
            "a skip after the last level, too",
            _on_the_way_up(resampled=lambda level, last: True),
            "The last level has no downsampling, so nothing is laid down after it. What fills the count is "
            "the skip of the first convolution.",
        ),
        Mistake(
            "no extra block",
            _on_the_way_up(extra=0),
            "On the way up a level has res_blocks + 1 blocks. With fewer, some skips are left over.",
        ),
        Mistake(
            "fine to coarse",
            lambda widths, res_blocks: channels_on_the_way_up(widths, res_blocks)[::-1],
            "The numbers are right, their order is not: the way up begins at the bottom, so the block that "
            "is used first stands first.",
        ),
        Mistake(
            "the levels in the order of the way down",
            _on_the_way_up(order=iter),
            "The way up begins at the bottom: the last of the widths comes first, reversed(widths).",
        ),
    ),
    hints=(
        "Two loops. The first goes down and notes in a list how wide each skip is, the second goes up and "
        "takes them from the end of that list with pop().",
        "Skips: one of the first convolution, res_blocks in each level, and one of each downsampling (the "
        "last level has none). If pop() finds the list empty, one of the three kinds is missing.",
        "A block on the way up takes `below + skips.pop()` channels and gives `width`. Then below = width.",
    ),
    insight="Count the skips and the blocks on the way up: they match, and every resolution fits.",
)


def res_block_parameters(c_in, c_out, time_dim):
    """Two norms, two 3x3 convolutions, a linear layer for the time; a 1x1 convolution if widths differ."""
    norms = 2 * c_in + 2 * c_out
    convolutions = (9 * c_in + 1) * c_out + (9 * c_out + 1) * c_out
    time = (time_dim + 1) * c_out
    skip = (c_in + 1) * c_out if c_in != c_out else 0
    return norms + convolutions + time + skip


def _without(part):
    """A count that leaves something out."""
    return lambda c_in, c_out, time_dim: (
        res_block_parameters(c_in, c_out, time_dim) - part(c_in, c_out, time_dim)
    )


parameters_exercise = Exercise(
    name="the parameters of a residual block",
    solution=res_block_parameters,
    cases=lambda: [(32, 32, 128), (320, 640, 1280), (96, 48, 192)],
    mistakes=(
        Mistake(
            "no biases",
            _without(lambda i, o, t: 3 * o + (o if i != o else 0)),
            "Every convolution and the linear layer have a bias as well, one number for each channel that "
            "comes out.",
        ),
        Mistake(
            "no norms",
            _without(lambda i, o, t: 2 * i + 2 * o),
            "A norm has a weight and a bias for each channel, too: two norms, one of c_in and one of c_out.",
        ),
        Mistake(
            "no 1x1 convolution",
            _without(lambda i, o, t: (i + 1) * o if i != o else 0),
            "Right while the width stays. Where it changes, x can't be added to the result as it is: a 1x1 "
            "convolution fits it.",
        ),
        Mistake(
            "a 1x1 convolution in every block",
            _without(lambda i, o, t: -(i + 1) * o if i == o else 0),
            "Where the width stays, x is added as it is. The 1x1 convolution stands only where it changes.",
        ),
        Mistake(
            "no time",
            _without(lambda i, o, t: (t + 1) * o),
            "The linear layer that brings the time to the width of the block is missing: "
            "(time_dim + 1) c_out.",
        ),
        Mistake(
            "scale-shift",
            _without(lambda i, o, t: -(t + 1) * o),
            "With scale-shift the linear layer gives 2 c_out numbers. Asked for is additive time: c_out.",
        ),
        Mistake(
            "both norms from c_in",
            _without(lambda i, o, t: 2 * o - 2 * i),
            "The second norm stands behind the first convolution: it has c_out channels.",
        ),
        Mistake(
            "the second convolution from c_in",
            _without(lambda i, o, t: 9 * o * o - 9 * i * o),
            "The first convolution has changed the width already: the second goes from c_out to c_out.",
        ),
    ),
    hints=(
        "A k x k convolution has k · k · c_in · c_out weights and c_out biases.",
        "norm1: 2 c_in. conv1: 9 c_in c_out + c_out. time: time_dim c_out + c_out. norm2: 2 c_out. conv2: ?",
        "And (c_in + 1) c_out for the 1x1 convolution, only if c_in and c_out differ.",
    ),
    insight="Parameters go with the product of widths, and widths are largest at the bottom of the U.",
)
