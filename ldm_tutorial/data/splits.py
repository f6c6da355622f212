"""Which images train and which are held out, where the source says so and where it doesn't."""

import hashlib

# The names that one split goes by, the course's own first.
ALIASES = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test", "testing"),
    "holdout": ("holdout",),
}
FEWEST_TO_DIVIDE = 20


def split_of(name: str) -> str | None:
    """The split that a file or folder name speaks of: `validation`, `valid-00000-of-00002`; None if of none."""
    stem = name.lower().split(".")[0].replace("_", "-").split("-")[0]
    return next((split for split, names in ALIASES.items() if stem in names), None)


def canonical(split: str) -> str:
    """`validation` -> `valid` and so on; other names stay as they are."""
    return split_of(split) or split


def is_held_out(name: str) -> bool:
    """True for about 1 name in 20, always the same ones."""
    return hashlib.sha256(name.encode()).digest()[0] * 20 < 256


def divide(names: list[str], split: str) -> list[int]:
    """The indices of one split of a source that has none: `valid` is about 1 in 20 by name, `train` the others.

    Whether a name is held out depends on nothing but the name, so images may be added later. Fewer than 20 images
    are all train. `all` is everything.
    Raises ValueError for other splits, and for `valid` where nothing is held out.
    """
    split = canonical(split)
    if split == "all" or (split == "train" and len(names) < FEWEST_TO_DIVIDE):
        return list(range(len(names)))
    if split not in ("train", "valid"):
        raise ValueError(f"split '{split}' is not there; this source has no splits of its own: train, valid, all")
    held_out = [i for i, name in enumerate(names) if is_held_out(name)] if len(names) >= FEWEST_TO_DIVIDE else []
    if split == "valid" and not held_out:
        raise ValueError(
            f"split 'valid' is empty: of {len(names)} images none is held out (1 in 20 is, from "
            f"{FEWEST_TO_DIVIDE} images on); put some into a subfolder 'valid' and the others into 'train'"
        )
    return held_out if split == "valid" else sorted(set(range(len(names))) - set(held_out))
