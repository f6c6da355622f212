"""Every way to condition, on the same portraits: lesson 07 compares them at an equal budget."""

from dataclasses import replace

from ldm_tutorial.recipes.second_stages import SMALL_DIFFUSION, SMALL_UNET
from ldm_tutorial.training import DataConfig, LatentDiffusionRecipe, Part, TrainingConfig

# Narrower than peeps-ldm's network, since there are seven of these: half the time and the weights for a step.
SLIM_UNET = replace(SMALL_UNET, channels=32, norm_groups=8)
EQUAL = replace(SMALL_DIFFUSION, steps=4000)
HALF = replace(SMALL_DIFFUSION, steps=2000)


def portraits(name: str, about: str, *parts: Part, unet=SLIM_UNET, training: TrainingConfig = EQUAL, **more):
    return LatentDiffusionRecipe(
        name,
        about,
        DataConfig("peeps"),
        "peeps-kl-f4",
        unet,
        training,
        parts=parts,
        prediction="v",
        **more,
    )


# The only part of a model is dropped at the recipe's drop_rate; dropping it on its own as well adds nothing.
CROSS_ATTENTION = portraits(
    "peeps-cross-attention",
    "captions by cross-attention: the network looks up words",
    Part("caption", "cross_attention", drop=0.0),
)
CONCATENATION = portraits(
    "peeps-concatenation",
    "captions as channels beside the latent, the same everywhere",
    Part("caption", "concatenation", drop=0.0),
)
SCALE_SHIFT = portraits(
    "peeps-scale-shift",
    "captions scale and shift the features, together with the time",
    Part("caption", "scale_shift", drop=0.0),
)
CLASS_SHIFT = portraits(
    "peeps-class-shift",
    "captions are added to the time's vector, as classes are",
    Part("caption", "class_shift", drop=0.0),
)
UNCONDITIONAL = portraits(
    "peeps-unconditional", "portraits without a wish: what peeps-controlnet steers", training=HALF
)
CONTROLNET = portraits(
    "peeps-controlnet",
    "captions by a ControlNet on the frozen peeps-unconditional",
    Part("caption", "controlnet", drop=0.0),
    training=HALF,  # the other half of its budget went into the model that it steers
    hint_widths=(32,),  # a caption has no places, so that its hint need not be larger than the latent
    start_from="outputs/peeps-unconditional",
)

MAP_TO_PORTRAIT = portraits(
    "peeps-map",
    "portraits from a semantic map, with or without a caption",
    Part("map", "concatenation", fold=4),  # the 4x4 pixels of a latent's place, so that no outline is lost
    Part("caption"),
)
EDGES = portraits(
    "peeps-edges",
    "a ControlNet that draws along edges, on the frozen peeps-ldm",
    Part("caption", drop=0.5),  # as in the paper: half the time the edges must do without words
    Part("edges", "controlnet", drop=None),
    unet=SMALL_UNET,
    training=HALF,  # the frozen network can draw already
    start_from="peeps-ldm",
    drop_rate=0.0,
)
