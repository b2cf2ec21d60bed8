"""Hugging Face data set of images: from the hub, or from a folder on this machine.

`name` is what `datasets.load_dataset` takes ("cifar10", "user/flowers", or a folder), or a folder written by
`save_to_disk`. Splits called train, validation, test and so on become Winnow's; others are left out and named in the
notes. Encoded images are written to the workspace as they are, one file each, without being encoded again.

Lhoest et al., Datasets: A Community Library for Natural Language Processing, EMNLP 2021 (system demonstrations).
"""

from __future__ import annotations

import contextlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from curation.card import Card
from curation.data.grouping import column_named
from curation.data.items import Items, make_items
from curation.data.reading.cells import as_class, as_label
from curation.data.reading.image_checks import Facts, as_columns, examine, store_image
from curation.data.reading.split_names import SPLIT_NAMES
from curation.data.safe_open import open_inside
from curation.errors import SourceError, UnavailableError

CARD = Card(
    title="Hugging Face data set",
    cost="a download, once; the images are written to the workspace and decoded once",
    blind_to="columns other than the image and the label",
    paper="https://arxiv.org/abs/2109.02846",
    tags=("images", "download"),
    version=2,
    requires=("datasets",),
)

BATCH = 500  # rows held in memory


def read(
    *,
    name: Annotated[str, Field(min_length=1, description="Name on the hub, or a folder on this machine.")],
    config: Annotated[str | None, Field(description="Configuration, where the data set has several.")] = None,
    revision: Annotated[str | None, Field(description="Branch, tag or commit; a commit pins the data.")] = None,
    image: Annotated[str, Field(description="Column with the image.")] = "image",
    label: Annotated[str, Field(description="Column with the label.")] = "label",
    group: str = "",
    into: Path,
    progress: Callable[..., None],
) -> Items:
    """Items in the order train, validation, test and of the rows; ids "train/0000000", ... Raises SourceError.

    `group` of [source] may name a column.

    Raises UnavailableError when the hub cannot be reached and the data set is not in the local cache.

    >>> read(name="cifar10", image="img", into=into, progress=progress)  # doctest: +SKIP
    """
    if group and column_named(group) is None:
        raise SourceError(f"group = {group!r}: the images of {name} are not separate files; name a column instead")
    columns = [image, label, *([column_named(group)] if group else [])]
    name = os.path.expanduser(name)  # noqa: PTH111 - it need not be a path
    parts = _load(name, config, revision)
    known = {part: SPLIT_NAMES[part.lower()] for part in parts if part.lower() in SPLIT_NAMES}
    left_out = sorted(set(parts) - set(known))
    if not known:
        raise SourceError(f"{name} has no split of a known name; it has: {', '.join(left_out)}")
    ids: list[str] = []
    paths: list[str | None] = []
    labels: list[str | None] = []
    splits: list[str] = []
    groups: list[str | None] = []
    names: list[str] | None = None
    problems: dict[int, str] = {}  # row -> why its image cannot be read, known before it is examined
    total = sum(len(parts[part]) for part in known)
    roots = _roots(name)
    for part, split in known.items():
        rows, names = _columns(parts[part], name, columns)
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            for row, (cell, said) in enumerate(zip(batch[image], batch[label], strict=True), start=start):
                data, problem = _encoded(cell, roots)
                if problem:
                    problems[len(paths)] = problem
                ids.append(f"{part}/{row:07d}")
                paths.append(store_image(into / "files", len(paths), data) if data else None)
                labels.append(_label(said, names, f"{name}, row {row:,} of {part}"))
                splits.append(split)
            groups.extend(as_label(said) for said in batch[columns[-1]] if group)
            progress(len(ids), total, "writing images")
    if not ids:
        raise SourceError(f"{name} has no rows")
    facts = examine(into / "files", paths, progress)
    for row, problem in problems.items():
        facts[row] = Facts(status=problem)
    return make_items(
        ids=ids,
        paths=paths,
        labels=labels,
        splits=splits,
        groups=groups if group else None,
        classes=[known_name for known_name in names if known_name in set(labels)] if names else None,
        **as_columns(facts),
        root=into / "files",
        notes=[f"Splits of other names were left out: {', '.join(left_out)}."] if left_out else [],
    )


def watches(*, name: str, **params: Any) -> list[Path]:
    """What the result depends on, where the set is a folder on this machine."""
    folder = Path(os.path.expanduser(name))  # noqa: PTH111
    return [folder] if folder.is_dir() else []


def _label(cell: Any, names: Sequence[str] | None, where: str) -> str | None:
    try:
        return as_class(cell, names)
    except SourceError as error:
        raise SourceError(f"{where}: {error}") from None


def _load(name: str, config: str | None, revision: str | None) -> dict[str, Any]:
    """Split -> `datasets.Dataset`."""
    import datasets
    from datasets.exceptions import DatasetsError

    try:
        if any((Path(name) / mark).is_file() for mark in ("dataset_dict.json", "state.json")):
            loaded = datasets.load_from_disk(name)
        else:
            with contextlib.nullcontext() if Path(name).is_dir() or _hub_answers() else _from_the_cache():
                loaded = datasets.load_dataset(name, config, revision=revision)
    except ConnectionError:
        raise UnavailableError(
            f"the Hugging Face hub cannot be reached and {name} was not downloaded before; connect to the network, "
            "or give the folder of a copy on this machine"
        ) from None
    except (DatasetsError, OSError, ValueError) as error:
        raise SourceError(f"the Hugging Face data set {name} cannot be loaded ({_line(error)})") from None
    return dict(loaded) if isinstance(loaded, dict) else {"train": loaded}


def _hub_answers() -> bool:
    """Asked before `datasets` does, which tries for half a minute before it gives up."""
    from huggingface_hub.constants import ENDPOINT

    try:
        urllib.request.urlopen(ENDPOINT, timeout=3).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _from_the_cache() -> Iterator[None]:
    """Both packages' offline switch, which takes what was downloaded before and does not wait for the rest."""
    import datasets
    import huggingface_hub

    switches = (datasets.config, huggingface_hub.constants)
    before = [switch.HF_HUB_OFFLINE for switch in switches]
    try:
        for switch in switches:
            switch.HF_HUB_OFFLINE = True
        yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.HF_HUB_OFFLINE = value


def _columns(rows: Any, name: str, columns: Sequence[str]) -> tuple[Any, list[str] | None]:
    """The columns, of which the first holds images, still encoded, and the second labels; and the class names."""
    import datasets

    image, label, *_ = columns
    for column in columns:
        if column not in rows.column_names:
            raise SourceError(f"{name} has no column {column!r}; its columns are: {', '.join(rows.column_names)}")
    if not isinstance(rows.features[image], datasets.Image):
        raise SourceError(f"the column {image!r} of {name} does not hold images but {rows.features[image]}")
    named = rows.features[label]
    names = named.names if isinstance(named, datasets.ClassLabel) else None
    return rows.select_columns(list(columns)).cast_column(image, datasets.Image(decode=False)), names


def _roots(name: str) -> list[str]:
    """Folders a row may name a file in: the data set's own, and where `datasets` keeps what it downloads."""
    import datasets
    from huggingface_hub.constants import HF_HUB_CACHE

    caches = (datasets.config.HF_DATASETS_CACHE, HF_HUB_CACHE)
    return [os.path.realpath(root) for root in ((name,) if Path(name).is_dir() else caches)]


def _encoded(cell: dict[str, Any] | None, roots: Sequence[str]) -> tuple[bytes | None, str]:
    """The bytes of an image, or why there are none, in words; those of folder data sets lie in a file.

    Raises SourceError where it lies elsewhere.
    """
    if cell is None or cell["bytes"] is not None or cell["path"] is None:
        return (cell or {}).get("bytes"), ""
    real = os.path.realpath(cell["path"])
    root = next((root for root in roots if Path(real).is_relative_to(root)), None)
    if root is None:
        raise SourceError(f"a row names the file {cell['path'][:200]!r}, which is not part of the data set")
    try:
        with open_inside(Path(root), os.path.relpath(real, root)) as handle:
            return handle.read(), ""
    except SourceError as problem:
        return None, f"{os.path.relpath(real, root)}: {problem}"


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
