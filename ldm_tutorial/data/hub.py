"""Image sets of the Hugging Face hub, and what to say when it can't be reached."""

import contextlib
from dataclasses import dataclass, field
from functools import partial

import datasets
from datasets import load_dataset

from ldm_tutorial.data.splits import canonical, divided
from ldm_tutorial.data.table import Table, undecoded


@dataclass(frozen=True)
class HubSet:
    """A set of the hub: its name there, its size in pixels, and the hub's name for each split of ours."""

    name: str
    size: int = 64
    splits: dict[str, str] = field(
        default_factory=lambda: {"train": "train", "valid": "validation", "test": "test"}
    )


_TRAIN_AND_VALIDATION = {"train": "train", "valid": "validation"}
# LSUN has no split that is both held out and called so: what the hub calls test is what LSUN calls val.
_LSUN = {"train": "train", "valid": "test", "test": "test"}
HUB_SETS = {
    "celebahq256": HubSet("korexyz/celeba-hq-256x256", 256, _TRAIN_AND_VALIDATION),
    "celebahq1024": HubSet("mattymchen/celeba-hq", 1024, _TRAIN_AND_VALIDATION),
    "ffhq256": HubSet("merkol/ffhq-256", 256, {"train": "train"}),
    "ffhq64": HubSet("Dmini/FFHQ-64x64", 64, {"train": "train"}),
    "lsun-bedrooms": HubSet("pcuenq/lsun-bedrooms", 256, _LSUN),
    "lsun-churches": HubSet("tglcourse/lsun_church_train", 256, _LSUN),
}


def open_hub(source: str, hub: HubSet, split: str, streaming: bool = False) -> Table:
    """The rows of one split of a hub set; one that has only `train` is divided as `splits.divide` says.

    Raises ConnectionError, saying what to do instead, when the hub or the set can't be reached.
    """
    split = canonical(split)
    only_train = set(hub.splits) == {"train"}
    if split not in hub.splits and not only_train:
        raise ValueError(f"split '{split}' is not in {source}; it has: {', '.join(hub.splits)}")
    try:
        dataset = load_dataset(hub.name, split=hub.splits.get(split, "train"), streaming=streaming)
    except ValueError:
        raise  # The hub answered: a split or an argument is wrong.
    except Exception as error:  # Without it, each of the libraries below raises something of its own.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConnectionError(
            f"{source} can't be loaded from the hub as {hub.name} ({reason}); pass a copy on this disk, "
            f"open_images('{source}', path='folder of parquet files or images'), or use the bundled 'peeps'"
        ) from error
    dataset = undecoded(dataset)
    size = None if streaming else (len(dataset), dataset.info.dataset_size)
    stamp = f"{hub.name} {split} {size}"
    table = Table(title=f"{source} ({split})", dataset=dataset, stamp=stamp, identity=partial(str, stamp))
    return divided(table, split) if only_train else table


@contextlib.contextmanager
def quiet():
    """Without the progress bars of `datasets`, which notebooks would store."""
    were_off = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not were_off:
            datasets.enable_progress_bars()
