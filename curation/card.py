"""What a method says about itself, and how a parameter refers to another method.

Every file under `curation/methods/` holds one `CARD`. The registry, the plan, the app, the generated
documentation and the contract tests read it; nothing about a method is written down anywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

# What a method may ask its View for. The runner provides exactly these, and nothing else is readable.
NEEDS = (
    *("ids", "images", "labels", "groups", "copies", "embeddings", "class_embeddings", "features"),
    *("pixels", "neighbours", "probabilities", "in_fold", "dynamics", "network", "second_opinion"),
    "factors",
    *("known", "predicted", "costs"),  # queries only
)

# The part of NEEDS that is evidence: need -> the file in methods/evidence that gathers it, planned in when asked for.
EVIDENCE = {
    "pixels": "pixels",
    "neighbours": "neighbours",
    "probabilities": "probabilities",
    "in_fold": "probabilities",
    "dynamics": "dynamics",
    "network": "dynamics",
    "second_opinion": "second_opinion",
    "factors": "factors",
    "similarity": "similarity",  # asked for by the engine, where a query looks at neighbours only
}


@dataclass(frozen=True)
class Card:
    """One method in words.

    title: as a person would say it ("k-center greedy").
    cost: time and memory in the field's notation ("n * budget * d time, n memory").
    blind_to: what the method cannot see, in a few words; every method is blind to something.
    needs: what it reads from its View, out of `NEEDS`.
    paper: address of the paper; the full citation stands in the module's docstring.
    tags: words to filter by. Flags use "mislabel", "duplicate" or "outlier" to say what they look for, and "calibrated"
        where the score is the probability of it.
    version: raised when the same input would give another result; part of every key.
    requires: packages beyond the core (`curation.packages`) that it imports, by import name; a missing one makes the
        method unavailable.
    rows: "train" (the default), "pool" (train and unlabelled rows), or "all" usable rows, test included. Only
        label-free preparation may say "all" or "pool".
    nested: pruners only; a smaller budget takes a prefix of a larger one (same seed), so a ratio slider is instant.
    instant: pruners only; answers within a blink at 50,000 rows, so a page may ask it directly.
    balances: pruners only; gives every class its share itself, so that `balance` need not cut it off from the others.
    stochastic: another seed may give another result. When False the seed is left out of the key.
    exceptions: contract tests the method cannot keep, as {test name: reason}; meant to shrink.
    """

    title: str
    cost: str
    blind_to: str = ""
    needs: tuple[str, ...] = ()
    paper: str = ""
    tags: tuple[str, ...] = ()
    version: int = 1
    requires: tuple[str, ...] = ()
    rows: str = "train"
    nested: bool = False
    instant: bool = False
    balances: bool = False
    stochastic: bool = True
    exceptions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Ref:
    """Marks a `str` parameter whose value names another method: `by: Annotated[str, Ref("scores")] = "aum"`.

    A reference to a score is planned in before the method runs, and read by `view.score(by)`.
    A reference to a student is handed over by `view.student(name)`, ready to train.
    """

    kind: str
