"""Samplers for your own training loop: which items to train on, epoch by epoch. docs/schedule.md has whole loops.

    from curation import indexed, sampler

    s = sampler("rs2", n=len(dataset), epochs=12, keep=0.5)
    loader = DataLoader(indexed(dataset), batch_size=64, sampler=s)
    while not s.finished:
        for x, y, ids in loader:
            logits = model(x)
            losses = cross_entropy(logits, y, reduction="none")
            (losses * torch.as_tensor(s.weights(ids))).mean().backward()
            ...
            s.update(ids, losses, logits)
        s.end_epoch()

Importing this costs numpy; what a method needs is imported when it is made.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from curation.errors import InputError, RecipeError
from curation.training.batch_input import as_array
from curation.training.sampler import Sampler

SMALL_EPOCH = 20  # items; batch normalisation was seen to fail on batches below


def sampler(
    name: str,
    *,
    n: int,
    epochs: int,
    keep: float = 0.5,
    seed: int = 0,
    features: Any = None,
    labels: Any = None,
    scores: Mapping[str, Any] | None = None,
    distributed: bool = False,
    **params: Any,
) -> Sampler:
    """A sampler over rows 0..n-1 by the method `name` (docs/methods.md lists them).

    keep: share of the items an epoch takes. epochs: how many such epochs are paid for: the budget is keep * n * epochs
    passes, whatever lengths a method gives its epochs. features: float [n, d], of an encoder that is frozen, and
    labels: [n] of any type, where the method needs them. scores: {name: [n], higher = harder} for methods that go by a
    score; without it the score is computed where features and labels suffice. distributed: this process is a rank of
    torch.distributed. params: the method's own parameters.

    Raises InputError where something is missing or out of bounds.

    >>> s = sampler("rs2", n=10, epochs=4, keep=0.5)
    >>> first = list(s)
    >>> s.end_epoch()
    >>> sorted(first + list(s)), s.planned
    ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 20)
    """
    from curation.engine import registry
    from curation.training.ranks import Ranks

    if n < 1:
        raise InputError(f"n = {n}: a sampler needs at least one item")
    if not 0 < keep <= 1:
        raise InputError(f"keep = {keep}: expected the share of the items an epoch takes, above 0 and at most 1")
    if epochs < 1:
        raise InputError(f"epochs = {epochs}: expected at least 1")
    method = registry.get("samplers", name, "sampler")
    given = method.validated(params, name)
    view = _view(n, seed, method, features, labels, scores)
    rule = method.call(view, keep, seed=seed, **given)
    if rule.size < SMALL_EPOCH <= n:
        warnings.warn(
            f"keep = {keep} of {n:,} items leaves epochs of {rule.size}: batches that small upset batch normalisation; "
            "raise keep, or train without it",
            stacklevel=2,
        )
    return Sampler(rule, epochs, name, given, Ranks() if distributed else None)


class indexed:
    """A map-style dataset whose items also tell their row: (x, y) -> (x, y, row), a dict gets "row", else (item, row).

    >>> indexed([("a", 0), ("b", 1)])[1]
    ('b', 1, 1)
    >>> indexed([{"text": "a"}])[0]
    {'text': 'a', 'row': 0}
    """

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, row: int):
        item = self.dataset[row]
        if isinstance(item, Mapping):
            return {**item, "row": row}
        return (*item, row) if isinstance(item, tuple | list) else (item, row)


def export_schedule(schedule: Sampler, path: Path | str, ids: Any = None) -> int:
    """Write every epoch's list to a parquet, for loops in other languages; returns the number of rows.

    Columns: epoch int32 and position int32 from 0, id (of `ids` [n], default the row number int64), weight float32.
    Only for a sampler that looks at nothing and has not begun; it is used up by it.
    Raises InputError for one that chooses by losses: its lists are not known before the run.

    >>> import tempfile
    >>> export_schedule(sampler("rs2", n=10, epochs=4), Path(tempfile.mkdtemp()) / "rs2.parquet")
    20
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from curation.data.writing.atomic import atomic

    if schedule.rule.reads:
        raise InputError(
            f"{schedule.name} chooses by {' and '.join(schedule.rule.reads)}, so its epochs are not known before the "
            "run; export one that does not, such as rs2, curriculum or sae_coverage"
        )
    if schedule.spent or schedule.epoch:
        raise InputError(f"this {schedule.name} has begun; export a new one")
    names = np.arange(schedule.rule.n) if ids is None else np.asarray(ids)
    if len(names) != schedule.rule.n:
        raise InputError(f"{len(names):,} ids for {schedule.rule.n:,} items: give one for each")
    written = 0
    with atomic(Path(path)) as file:
        writer = None
        while not schedule.finished:
            rows = np.fromiter(schedule, np.int64, len(schedule))
            table = pa.table(
                {
                    "epoch": np.full(len(rows), schedule.epoch, np.int32),
                    "position": np.arange(len(rows), dtype=np.int32),
                    "id": names[rows],
                    "weight": schedule.weights(rows),
                }
            )
            writer = writer or pq.ParquetWriter(file, table.schema)
            writer.write_table(table)
            schedule.end_epoch()
            written += len(rows)
        writer.close()
    return written


def _view(n: int, seed: int, method, features, labels, scores):
    """The rows as a method sees them: what is given, and what can be computed from it."""
    from curation.data.view import View
    from curation.engine import registry

    x = None if features is None else as_array(features).astype(np.float32, copy=False)
    for what, values in (("features", x), ("labels", labels), *(scores or {}).items()):
        if values is not None and len(values) != n:
            raise InputError(f"{what} has {len(values):,} rows and n is {n:,}: give one for every item")
    if x is not None and x.ndim != 2:
        raise InputError(f"features of shape {x.shape}: expected [n, d]")
    classes, codes = ((), None) if labels is None else np.unique(as_array(labels), return_inverse=True)

    def gathered(evidence: str) -> Callable:
        return lambda rows: _gather(registry.get("evidence", evidence), view, seed)

    provide = {name: gathered(name) for name in ("neighbours", "factors")} if x is not None else {}
    if x is not None:
        provide["embeddings"] = lambda rows: np.ascontiguousarray(x[rows])
    if codes is not None:
        provide["labels"] = lambda rows: codes[rows].astype(np.int64)

    def score(name: str, rows: np.ndarray) -> np.ndarray:
        if name in (scores or {}):
            return np.asarray(scores[name], np.float64)[rows]
        try:
            found = registry.get("scores", name)
        except RecipeError as error:
            raise InputError(f"{method.id}: {error}, or give it as scores = {{{name!r}: values}}") from None
        _require(found, provide, f"{method.id} by {name}", f", or give it as scores = {{{name!r}: values}}")
        return _call(found, view, seed)[rows]

    view = View(provide, np.arange(n), [str(c) for c in classes], scores=score)
    _require(method, provide, method.id)
    return view


def _require(method, provide: Mapping, who: str, otherwise: str = "") -> None:
    """Raise InputError where a method reads what cannot be had."""
    words = {"embeddings": "features", "neighbours": "features", "factors": "features", "labels": "labels"}
    for need in method.card.needs:
        if need not in provide:
            raise InputError(f"{who} needs {words.get(need, need)}: give {words.get(need, need)} [n, ...]{otherwise}")


def _gather(method, view, seed: int):
    made = _call(method, view, seed)
    return made[0] if isinstance(made, tuple) else made


def _call(method, view, seed: int):
    offer = {"rng": np.random.default_rng(seed), "seed": seed, "device": "cpu", "progress": lambda *a, **k: None}
    injected = {name: value for name, value in offer.items() if name in method.injected}
    params = method.validated({}, method.id)
    method.check(params)
    return method.call(view, **params, **injected)
