"""What a recipe's model is told of each image, and the model that a run starts from."""

from torch import Tensor

from ldm_tutorial.conditioning import (
    AttributeConfig,
    BertConfig,
    CaptionConditioner,
    CaptionConfig,
    ClipConfig,
    ComposedConditioner,
    ComposedConfig,
    EncoderConfig,
    ImageConfig,
    LabelConfig,
    LayoutConfig,
    MapConfig,
    MiniLMConfig,
    PartConfig,
    boxes_of,
    build_vocabulary,
    edges_of,
    lowered,
)
from ldm_tutorial.data.peeps import MAP_CLASSES
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.training.checkpoint import load_checkpoint
from ldm_tutorial.training.recipe import LatentDiffusionRecipe, Part

ENLARGEMENT = 4  # of a low-resolution image: sixteen times fewer pixels


def read_conditions(recipe: LatentDiffusionRecipe, images, base: LatentDiffusion | None):
    """The conditioner's config and, for every image, what it reads; (None, None) for a model without."""
    if not recipe.parts and recipe.condition is None:
        return None, None
    if not recipe.parts:
        reads = {"captions": "caption", "attributes": "attributes"}[recipe.condition]
        return encoder_of(Part(reads), recipe, images, base)
    parts, columns = [], {}
    for part in recipe.parts:
        encoder, columns[part.reads] = encoder_of(part, recipe, images, base)
        parts.append(PartConfig(part.reads, encoder, part.mechanism, part.drop, part.fold))
    wishes = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return ComposedConfig(tuple(parts), recipe.context_dim), wishes


def encoder_of(
    part: Part, recipe: LatentDiffusionRecipe, images, base: LatentDiffusion | None
) -> tuple[EncoderConfig, list | Tensor]:
    """The config of what reads a part, and what it reads of each image."""
    dim, size = recipe.context_dim, recipe.data.size
    if part.reads in ("map", "layout"):
        maps = images.maps()
        is_peeps = recipe.data.source == "peeps" and recipe.data.path is None
        names = MAP_CLASSES if is_peeps else tuple(str(number) for number in range(int(maps.max()) + 1))
        if part.reads == "map":
            return MapConfig(names, size), maps
        return LayoutConfig(names[1:], dim=dim), [boxes_of(each, names) for each in maps]
    values = values_of(part.reads, images)
    if part.reads == "caption":
        if base is not None and isinstance(base.conditioner, CaptionConditioner):
            return base.conditioner.config, values  # its words keep their numbers
        frozen = {"minilm": MiniLMConfig(recipe.context_length), "clip": ClipConfig(), "bert": BertConfig()}
        own = CaptionConfig(build_vocabulary(values), recipe.context_length, dim, recipe.text_depth)
        return frozen.get(part.encoder, own), values
    if part.reads == "attributes":
        return AttributeConfig(tuple(max(values, key=len)), dim), values
    if part.reads == "label":
        names = images.label_names or [str(number) for number in range(max(values) + 1)]
        return LabelConfig(tuple(names), dim), values
    if part.reads == "edges":
        return ImageConfig(size, channels=1), values
    return ImageConfig(size, hide=float(part.reads == "masked")), values


def values_of(reads: str, images) -> list | Tensor:
    """What a part reads, of each image; what it is not told is made from the pixels."""
    if reads in ("caption", "attributes", "label"):
        return images.values(reads)
    if reads == "map":
        return images.maps()
    pixels = images.pixels()
    if reads == "edges":
        return edges_of(pixels)
    return lowered(pixels, ENLARGEMENT) if reads == "low_resolution" else pixels


def wishes_of(model: LatentDiffusion, images) -> list | None:
    """For each image the wish that asks `model` for it; None of a model that reads nothing."""
    config = model.config.conditioner
    if config is None:
        return None
    if not isinstance(config, ComposedConfig):
        kinds = {AttributeConfig: "attributes", LabelConfig: "label"}
        return values_of(kinds.get(type(config), "caption"), images)
    columns = {}
    for part in config.parts:
        if isinstance(part.encoder, LayoutConfig):
            names = ("background", *part.encoder.names)
            columns[part.name] = [boxes_of(each, names) for each in images.maps()]
        else:
            columns[part.name] = values_of(part.name, images)
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def load_base(recipe: LatentDiffusionRecipe) -> LatentDiffusion:
    """The model of `start_from`; ValueError where it is not a diffusion model of the same first stage."""
    base = load_checkpoint(recipe.start_from)
    if not isinstance(base, LatentDiffusion):
        raise ValueError(f"start_from {recipe.start_from} is a {type(base).__name__}; name a LatentDiffusion")
    if (base.config.prediction, base.config.schedule) != (recipe.prediction, recipe.schedule):
        raise ValueError(
            f"start_from {recipe.start_from} predicts {base.config.prediction} under {base.config.schedule}; "
            "the recipe must say the same"
        )
    return base


def continue_from(base: LatentDiffusion, model: LatentDiffusion) -> None:
    """Give `model` the weights of `base`. With a ControlNet, which starts as a copy, they are frozen.

    Raises ValueError where the two U-Nets differ.
    """
    if base.config.unet != model.config.unet:
        raise ValueError(f"start_from has a U-Net of {base.config.unet}, the recipe {model.config.unet}")
    model.unet.load_state_dict(base.unet.state_dict())
    known = [model.unet]
    if base.conditioner is not None:
        theirs = model.conditioner
        if isinstance(theirs, ComposedConditioner) and not isinstance(base.conditioner, ComposedConditioner):
            theirs = theirs.encoders[theirs.text]
        theirs.load_state_dict(base.conditioner.state_dict())
        known.append(theirs)
    if model.controlnet is not None:
        model.controlnet.copy_from(model.unet)
        for part in known:
            part.requires_grad_(False)
