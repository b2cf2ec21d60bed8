"""Data sets of Hugging Face as the package `datasets` opens them: from the hub, from its cache, or from a folder."""

from __future__ import annotations

import contextlib
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curation.data.reading.hub_roles import first_cells
from curation.data.reading.parquet import schema_of
from curation.errors import SourceError, UnavailableError


def load(name: str, config: str | None, revision: str | None) -> dict[str, Any]:
    """Split -> `datasets.Dataset`, of a name on the hub or a folder. Raises SourceError.

    Raises UnavailableError when the hub cannot be reached and the data set is not in the local cache.
    """
    import datasets

    with _in_words(name):
        if _is_saved(name):
            loaded = datasets.load_from_disk(name)
        else:
            with contextlib.nullcontext() if Path(name).is_dir() or _hub_answers() else _from_the_cache():
                loaded = datasets.load_dataset(name, config, revision=revision)
    return dict(loaded) if isinstance(loaded, dict) else {"train": loaded}


def outlook(name: str, config: str | None, revision: str | None) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """The types of the columns, and the first cells of those without images; nothing that only a download would tell.

    Raises as `load` does.
    """
    import datasets

    if _is_saved(name):
        rows = next(iter(load(name, config, revision).values()))
        return dict(rows.features), first_cells(rows)
    with _in_words(name), contextlib.nullcontext() if Path(name).is_dir() or _hub_answers() else _from_the_cache():
        builder = datasets.load_dataset_builder(name, config, revision=revision)
        kinds = builder.info.features
        files = [file for part in (builder.config.data_files or {}).values() for file in part]
        if kinds is None and files and files[0].endswith(".parquet") and Path(files[0]).is_file():
            kinds = datasets.Features.from_arrow_schema(schema_of(Path(files[0])))
    kinds = dict(kinds or {})
    return kinds, {column: [] for column, kind in kinds.items() if isinstance(kind, datasets.Value)}


def _is_saved(name: str) -> bool:
    """Whether it is a folder that `save_to_disk` wrote."""
    return any((Path(name) / mark).is_file() for mark in ("dataset_dict.json", "state.json"))


@contextlib.contextmanager
def _in_words(name: str) -> Iterator[None]:
    """What `datasets` raises, as a SourceError of one sentence."""
    from datasets.exceptions import DatasetsError

    try:
        yield
    except ConnectionError:
        raise UnavailableError(
            f"the Hugging Face hub cannot be reached and {name} was not downloaded before; connect to the network, "
            "or give the folder of a copy on this machine"
        ) from None
    except (DatasetsError, OSError, ValueError) as error:
        raise SourceError(f"the Hugging Face data set {name} cannot be loaded ({_line(error)})") from None


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


def roots_of(name: str) -> list[str]:
    """Folders a row may name a file in: the data set's own, and where `datasets` keeps what it downloads."""
    import datasets
    from huggingface_hub.constants import HF_HUB_CACHE

    caches = (datasets.config.HF_DATASETS_CACHE, HF_HUB_CACHE)
    return [os.path.realpath(root) for root in ((name,) if Path(name).is_dir() else caches)]


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
