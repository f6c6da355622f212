"""Opening a set of images by name or by path."""

from dataclasses import replace
from pathlib import Path

from ldm_tutorial.data.bundled import bundled
from ldm_tutorial.data.celeba import aligned_folder, find_celeba, open_celeba
from ldm_tutorial.data.folder import open_folder
from ldm_tutorial.data.framing import Crop, Framing
from ldm_tutorial.data.hub import HUB_SETS, HubSet, open_hub
from ldm_tutorial.data.image_set import ImageSet
from ldm_tutorial.data.lsun import lsun_environments, open_lsun
from ldm_tutorial.data.parquet import open_parquet, parquet_files
from ldm_tutorial.data.stream import ImageStream
from ldm_tutorial.data.table import Table

NAMES = ("peeps", "celeba64", "celeba128", *HUB_SETS)


def open_images(
    source: str | Path,
    split: str = "train",
    size: int | None = None,
    crop: Crop = None,
    flip: bool = False,
    streaming: bool = False,
    limit: int | None = None,
    *,
    path: str | Path | None = None,
    check: bool = True,
) -> ImageSet | ImageStream:
    """Open images by name or by path; see ImageSet for what its items are, ImageStream for a streamed one's.

    source: "peeps" (bundled); "celeba64", "celeba128" (in `path`, LDM_CELEBA or `../shared/data/<name>`);
        of the hub "celebahq256", "celebahq1024", "ffhq256", "ffhq64", "lsun-bedrooms", "lsun-churches" or
        "hub:owner/name"; or a path: a folder of images, a parquet file or a folder of them, the original
        files of CelebA or LSUN.
    split: "train", "valid", "test"; "holdout" for peeps. `splits.divide` makes them where a source has none.
    size: in pixels; None is the set's own, 64 for a path.
    crop: see Framing; None is the largest centred square, for CelebA's original pictures the box of the DDIM
        paper.
    flip: the mirror images as well.
    limit: the first so many usable images; of a stream the first so many rows.
    path: a copy of a named set on this disk.
    check: False opens at once, without decoding every image first.
    Raises ValueError or FileNotFoundError for what can't be opened, ConnectionError without network.
    """
    source = str(source)
    name = source if source in NAMES or source.startswith("hub:") else None
    if name is None and path is not None:
        raise ValueError(
            f"path is for a copy of a named set ({', '.join(NAMES)}); got source '{source}' as well"
        )
    if name is None:
        path = source
    celeba = name in ("celeba64", "celeba128")
    if celeba and path is None:
        path = _celeba_path(name)
    if path is not None:
        path = Path(path).expanduser()
        celeba = celeba or aligned_folder(path) is not None
        aliases = HUB_SETS[name].splits if name in HUB_SETS else {}
        table = open_path(path, split, streaming, aliases)
    elif name == "peeps":
        table = replace(
            open_parquet(bundled("peeps"), split, streaming), title=f"peeps ({split})", trusted=True
        )
    else:
        hub = HUB_SETS.get(name) or HubSet(name.removeprefix("hub:"))
        table = open_hub(name, hub, split, streaming)
    if not check:
        table = replace(table, trusted=True)
    own_size = HUB_SETS[name].size if name in HUB_SETS else 128 if name == "celeba128" else 64
    framing = Framing(
        size=own_size if size is None else size,
        crop="celeba" if celeba and crop is None else crop,
        filter="box" if celeba else "bicubic",
    )
    return (ImageStream if streaming else ImageSet)(table, framing, flip, limit)


def open_path(path: Path, split: str, streaming: bool, aliases: dict[str, str]) -> Table:
    """Whatever image set a path leads to."""
    if not path.exists():
        raise FileNotFoundError(
            f"no file or folder {path}, and no set of that name; named sets: {', '.join(NAMES)}"
        )
    if path.suffix == ".parquet" or (path.is_dir() and parquet_files(path)):
        return open_parquet(path, split, streaming, aliases)
    if path.is_file():
        raise ValueError(f"{path} is one file; a folder of images or a .parquet file is accepted")
    if lsun_environments(path):
        return open_lsun(path, split)
    if aligned_folder(path) is not None:
        return open_celeba(aligned_folder(path), split)
    return open_folder(path, split)


def _celeba_path(name: str) -> Path:
    found = find_celeba(name)
    if found is None:
        raise FileNotFoundError(
            f"{name} is not on this disk, and its terms forbid bundling it; get the aligned images from its "
            f"authors and pass open_images('{name}', path='folder with img_align_celeba'), or use 'peeps'"
        )
    return found
