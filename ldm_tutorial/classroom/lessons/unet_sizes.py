"""Three exercises of lesson 05 that count: channels on the way up, the receptive field, parameters."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import math

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
    take=lambda skips: skips.pop(), joined=lambda below, skip, width: below + skip, resampled=True
):
    """A wrong count: the wrong skip is taken, or what comes in is put together wrongly."""

    def answer(widths, res_blocks):
        skips, last = [widths[0]], len(widths) - 1
        for level, width in enumerate(widths):
            skips += [width] * (res_blocks + (level < last and resampled))
        channels, below = [], widths[-1]
        for width in reversed(widths):
            for _ in range(res_blocks + (1 if resampled else 0)):
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
            _on_the_way_up(resampled=False),
            "There is one more block on the way up than on the way down: downsampling lays down a skip, too, "
            "and so does the first convolution.",
        ),
    ),
    hints=(
        "Two loops. The first goes down and notes in a list how wide each skip is, the second goes up and "
        "takes them from the end of that list with pop().",
        "Skips: one of the first convolution, res_blocks in each level, and one of each downsampling.",
        "A block on the way up takes `below + skips.pop()` channels and gives `width`. Then below = width.",
    ),
    insight="Count the skips and the blocks on the way up: they match, and every resolution fits.",
)


def receptive_field(layers):
    """The side of the square of inputs that one output sees, through layers of (kernel, stride)."""
    side, stride = 1, 1
    for kernel, step in layers:
        side += (kernel - 1) * stride
        stride *= step
    return side


def _too_early(layers):
    side, stride = 1, 1
    for kernel, step in layers:
        stride *= step
        side += (kernel - 1) * stride
    return side


def _from_nothing(layers):
    side, stride = 0, 1
    for kernel, step in layers:
        side += kernel * stride
        stride *= step
    return side


field_exercise = Exercise(
    name="the receptive field",
    solution=receptive_field,
    cases=lambda: [([(3, 1)] * 4,), ([(3, 1), (3, 2), (3, 1), (3, 1)],), ([(5, 2), (3, 2), (3, 1), (1, 1)],)],
    mistakes=(
        Mistake(
            "strides left out",
            lambda layers: 1 + sum(kernel - 1 for kernel, _ in layers),
            "Behind a layer of stride 2, neighbours are two inputs apart: what follows widens the field by "
            "twice as much.",
        ),
        Mistake(
            "a stride that counts too early",
            _too_early,
            "A layer's own stride spaces its outputs. It matters to the layers behind it, not to itself.",
        ),
        Mistake(
            "kernels added up",
            _from_nothing,
            "A 3x3 kernel reaches one further on both sides: it widens the field by kernel - 1. Begin with "
            "1, the place itself.",
        ),
        Mistake(
            "kernels multiplied",
            lambda layers: math.prod(kernel for kernel, _ in layers),
            "Neighbouring kernels overlap. Two 3x3 convolutions see 5x5, not 9x9.",
        ),
        Mistake(
            "the number of inputs",
            lambda layers: receptive_field(layers) ** 2,
            "Asked for is the side of the square, not its area.",
        ),
    ),
    hints=(
        "Begin with a field of 1. What does a 3x3 convolution add? And one behind a stride of 2?",
        "Keep two numbers: the side of the field, and how many inputs apart two neighbours are by now.",
        "side += (kernel - 1) * stride, and then stride *= step.",
    ),
    insight="Convolutions add to the field, strides multiply what is added: that is why a U goes down.",
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
