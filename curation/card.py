"""What a method says about itself, and how a parameter refers to another method.

Every file under `curation/methods/` holds one `CARD`. The registry, the plan, the app, the generated
documentation and the contract tests read it; nothing about a method is written down anywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

# What a method may ask its View for beside evidence. The runner provides exactly these and what evidence `gives`.
NEEDS = (
    *(
        "ids",
        "kinds",
        "images",
        "texts",
        "chats",
        "responses",
        "labels",
        "groups",
        "copies",
        "embeddings",
        "class_embeddings",
        "text_encoder",
        "text_embeddings",
        "features",
    ),
    *("known", "predicted", "costs"),  # queries only
)


@dataclass(frozen=True)
class Kind:
    """One folder of `curation/methods/`, described in its `__init__.py` as `KIND`.

    verb: the name of the one public function in each file. one: what a single method is called ("pruner").
    title: the heading above all of them. what: what they do. returns: what the function gives back.
    """

    verb: str
    one: str
    title: str
    what: str
    returns: str


@dataclass(frozen=True)
class Download:
    """Weights of an encoder that lie on a hub. size, brings: in words; what a person gains by fetching them."""

    repository: str
    file: str
    size: str
    brings: str

    @property
    def command(self) -> str:
        """Fetches the weights to where libraries look for them; for a machine with a network."""
        return f"hf download {self.repository} {self.file}"


@dataclass(frozen=True)
class Card:
    """One method in words.

    title: as a person would say it ("k-center greedy").
    cost: time and memory in the field's notation ("n * budget * d time, n memory").
    blind_to: what the method cannot see, in a few words; every method is blind to something.
    suits: pruners only; when to choose it, in a few words that go on from "suits".
    seconds: pruners only; CPU seconds to take half of 1,000 and of 8,000 items of 512 numbers
        (`python -m benchmarks.pruners --pace`), without what it reads. A page says by it how long it takes.
    grid: pruners only; its mean accuracy in per cent on the benchmark of docs/hybrid.md, 0 where it did not take part.
    needs: what it reads from its View, out of `NEEDS` and what evidence gives.
    paper: address of the paper; the full citation stands in the module's docstring.
    tags: words to filter by. Flags use "mislabel", "duplicate" or "outlier" to say what they look for, and "calibrated"
        where the score is the probability of it.
    version: raised when the same input would give another result; part of every key.
    requires: packages beyond the core (`curation.packages`) that it imports, by import name; a missing one makes the
        method unavailable.
    gives: evidence only; what it is read as beside its own name ("in_fold" of "probabilities").
    rows: "train" (the default), "pool" (train and unlabelled rows), "labelled" (whatever the split) or "all" usable
        rows. What chooses or trains says "train"; what judges rows says "labelled", or "all" if it can do without
        labels: those of "all" are -1 where there is none.
    relative: evidence only; what it says of a row depends on the rows beside it.
    fits_on_train: flags only; learns what is usual from `view.train` or `view.pool` by itself. Any other flag is asked
        twice, so that no held-out row has a say in what it thinks of the others.
    listed: pruners only; the data on whose short list it stands: "labels", "texts" (without labels) and "pairs".
    nested: pruners only; a smaller budget takes a prefix of a larger one (same seed), so a ratio slider is instant.
    rounds: pruners only; chooses in two rounds, in shards, where items are many (`maths/selection/rounds.py`).
    instant: pruners and maps; answers within a blink at 50,000 rows, so a page may ask it without being told to.
    balances: pruners only; gives every class its share itself, so that `balance` need not cut it off from the others.
    class_graph: pruners only; under `balance` every class has the neighbours among its own rows, not of all.
    opens: sources only; endings of the files it reads by a `path`, "/" for a folder.
    holdout: sources only; the share held out as test where neither the source nor the recipe says otherwise.
    beside: sources only; (name, score): the items this score is highest for are a subset of that name, which
        verification always tries beside the others.
    pace: encoders only; seconds per image, roughly, on two cores and on one GPU.
    rank: encoders: the one of the highest rank that can run here in time is proposed, 0 only for want of others.
        Pruners: the order of the short list, the highest first.
    side: encoders only; proposed before those of rank 1 to 3 for images of up to so many pixels on their longer side.
    shapes: encoders only; looks for shapes, so it is not proposed where there are none (`curation.data.textures`).
    download: encoders only; where its default weights come from. It is proposed where they are on this machine.
    why: encoders only; what speaks for it when it is proposed, as a sentence.
    labelled: queries only; classes that must have a label before it can ask, where it fits no model.
    concept: queries only; looks for one class among all others.
    unlabelled: students only; trains on data without labels too, whose items have the label -1.
    own_code: students only; runs code of a person's own, by its path. Never for whoever logs in to a server.
    ending: exporters only; what the file it writes is called by (".csv"), "" for a folder.
    weights: pruners that weigh the rows they take, and students that train with `view.weights`; part of verification's
        keys where both do.
    stochastic: another seed may give another result. When False the seed is left out of the key.
    exceptions: contract tests the method cannot keep, as {test name: reason}; meant to shrink.
    """

    title: str
    cost: str
    blind_to: str = ""
    suits: str = ""
    seconds: tuple[float, float] | None = None
    grid: float = 0.0
    needs: tuple[str, ...] = ()
    paper: str = ""
    tags: tuple[str, ...] = ()
    version: int = 1
    requires: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    rows: str = "train"
    relative: bool = False
    fits_on_train: bool = False
    listed: tuple[str, ...] = ()
    nested: bool = False
    rounds: bool = False
    instant: bool = False
    balances: bool = False
    class_graph: bool = False
    opens: tuple[str, ...] = ()
    holdout: float = 0.2
    beside: tuple[str, str] | None = None
    pace: tuple[float, float] = (0.001, 0.001)
    rank: int = 0
    side: int = 0
    shapes: bool = False
    download: Download | None = None
    why: str = ""
    labelled: int = 0
    concept: bool = False
    unlabelled: bool = False
    own_code: bool = False
    ending: str = ""
    weights: bool = False
    stochastic: bool = True
    exceptions: tuple[tuple[str, str], ...] = ()

    @property
    def cold(self) -> bool:
        """Queries only: whether it can ask before anything has a label."""
        return not self.labelled and "predicted" not in self.needs


@dataclass(frozen=True)
class Later:
    """Marks a parameter that an older method was given later: at its default it is no part of the key, so that results
    from before stay what they are."""


@dataclass(frozen=True)
class Ref:
    """Marks a `str` parameter whose value names another method: `by: Annotated[str, Ref("scores")] = "aum"`.

    A reference to a score is planned in before the method runs, and read by `view.score(by)`.
    A reference to a student is handed over by `view.student(name)`, ready to train.
    """

    kind: str
