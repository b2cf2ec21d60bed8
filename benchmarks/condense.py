"""Condensed sets against real ones, within one run: accuracy of fresh students, intervals, and the relations promised.

    python -m benchmarks.condense digits
    python -m benchmarks.condense cifar --cifar cifar10.zip --seconds 60        10,000 images, 10 per class
    python -m benchmarks.condense embeddings --cifar cifar10.zip --labels people.csv    a linear head, lite0 features
    python -m benchmarks.condense pairs                digits and 90 captions of theirs, two linear towers
    python -m benchmarks.condense tradeoff             accuracy against realism, by the depth of the prior, on digits
    python -m benchmarks.condense speed                embedding prototypes of 50,000 x 512

Every cell is one condensation and one student, both of the same seed; `--keep FOLDER` keeps what is done, so that a run
that was stopped goes on. Seconds are processor seconds of this process: other work on the machine does not count.
Relations are paired differences over test items and seeds (two-way random effects) with 95 % intervals.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.__main__ import machine
from curation.data.items import make_items
from curation.data.results import Condensed
from curation.data.view import Images, View
from curation.engine.registry import get
from curation.maths.clusters import means
from curation.maths.threads import one_blas_thread, one_torch_thread
from curation.maths.uncertainty import accuracy, difference
from curation.methods.encoders import lite0
from curation.training import nets, two_towers
from curation.training.condensed import training_view
from curation.training.condensing import Watch
from curation.training.embed import embed
from curation.training.realism import realism


@dataclass(frozen=True)
class Way:
    """One row of a table: a condenser with its parameters and a budget of processor seconds, 0 for none."""

    name: str
    method: str
    params: Mapping[str, object] = field(default_factory=dict)
    seconds: float = 0.0


# (ours, items per class, other, points it is to be better by)
Relation = tuple[str, int, str, float]

SOFT = {"soft": True}
DIGITS = (
    *(Way(m, m) for m in ("random_real", "medoids", "herding", "centroids", "dm", "cafe", "idm", "dream", "dsa", "dc")),
    *(Way(m, m) for m in ("mtt", "prior_dm")),
    Way("random_real + soft", "random_real", SOFT),
    Way("rded", "rded"),
)
DIGITS_RELATIONS: Sequence[Relation] = (
    ("dm", 1, "random_real", 12),
    ("dm", 10, "random_real", 1),
    ("dm", 1, "centroids", -3),
    ("dm", 10, "centroids", -3),
)


def cifar_ways(seconds: float) -> tuple[Way, ...]:
    return (
        *(Way(m, m) for m in ("random_real", "medoids", "real_mosaic")),
        Way("idm", "idm", {"iterations": 100_000}, seconds),
        Way("dm", "dm", {"iterations": 100_000}, seconds),
        Way("real_mosaic + soft", "real_mosaic", SOFT),
        Way("rded", "rded"),
    )


CIFAR_RELATIONS: Sequence[Relation] = (
    ("idm", 10, "random_real", 12),
    ("idm", 10, "medoids", 5),
    ("idm", 10, "real_mosaic", 5),
    ("idm", 10, "real_mosaic + soft", -2),
)


IN_PLACE = {"space": "embeddings"}
EMBEDDINGS = (
    *(Way(m, m, IN_PLACE) for m in ("random_real", "medoids", "herding", "centroids")),
    Way("embedding", "embedding"),
    Way("embedding, ridge", "embedding", {"method": "ridge"}),
)
EMBEDDINGS_RELATIONS = {
    "clean": (("embedding", 10, "random_real", 6),),
    "40 % wrong": (("embedding", 10, "centroids", 20),),
}
PAIRS = {
    "random": {},
    "medoids": {"method": "medoids"},
    "centres": {"method": "centres"},
    "trajectory": {},
    "medoids + soft": {"method": "medoids", "soft": True},
    "centres + soft": {"method": "centres", "soft": True},
}
PAIRS_RELATIONS: Sequence[Relation] = (("trajectory", 30, "medoids", 6), ("medoids + soft", 90, "medoids", 15))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=list(ALL))
    parser.add_argument("--cifar", type=Path, help="CIFAR-10 as a zip of JPEGs: train/<class>/*, test/<class>/*")
    parser.add_argument("--labels", type=Path, help="embeddings: CSV of path, label, what people said of train images")
    parser.add_argument("--features", type=Path, help="npz of names, features: of images of CIFAR-10, instead of lite0")
    parser.add_argument("--items", type=int, default=10_000, help="images of CIFAR-10 to condense")
    parser.add_argument("--per-class", type=int, nargs="*", help="default: 1 10 on digits, 10 on CIFAR-10")
    parser.add_argument("--only", nargs="*", help="these rows alone")
    parser.add_argument("--seconds", type=float, default=60.0, help="processor seconds for dm and idm on CIFAR-10")
    parser.add_argument("--student", default="convnet")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="folder of finished cells")
    given = parser.parse_args()
    with one_torch_thread(), one_blas_thread():
        ALL[given.what](given)
    print(f"\n{machine()}")


def digits(given: argparse.Namespace) -> None:
    train, test = read_digits()
    table(DIGITS, DIGITS_RELATIONS, train, test, given.per_class or [1, 10], given)


def read_digits() -> tuple[View, View]:
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    pixels = np.repeat((found.images * 255 / 16).round().astype(np.uint8)[..., None], 3, axis=3)
    embeddings, labels = found.data.astype(np.float32) / 16, found.target
    return tuple(
        View.of(pixels=pixels[rows], embeddings=embeddings[rows], labels=labels[rows])
        for rows in (order[:1000], order[1000:])
    )


def cifar(given: argparse.Namespace) -> None:
    train, test = read_cifar(given.cifar, given.items, given.features, given.keep)
    table(cifar_ways(given.seconds), CIFAR_RELATIONS, train, test, given.per_class or [10], given)


def embeddings(given: argparse.Namespace) -> None:
    """On true labels, and on labels of which 40 % are wrong as people are wrong: drawn from what people said instead of
    each class where they erred."""
    train, test = read_cifar(given.cifar, given.items, given.features, given.keep)
    head = argparse.Namespace(**vars(given) | {"student": "head"})
    wrong = _mistaken(train, given.labels, 0.4)
    for name, labels in (("clean", train.labels), ("40 % wrong", wrong)):
        given.what = head.what = f"embeddings, {name}"
        print(f"\n{name}")
        view = View.of(embeddings=train.embeddings, labels=labels, classes=train.classes)
        everything = get("students", "head")
        right = everything.call(view, **everything.validated({}, "head"), seed=0, device="cpu").logits(test)
        print(f"everything {np.mean(right.argmax(axis=1) == test.labels):.1%}")
        table(EMBEDDINGS, EMBEDDINGS_RELATIONS[name], view, test, given.per_class or [10], head)


def _mistaken(train: View, path: Path, share: float) -> np.ndarray:
    """int64 [n]: the labels, a share of them replaced by what people confuse that class with. path: a CSV of path,
    label, clean_label."""
    with path.open(newline="") as file:
        said = [(row["clean_label"], row["label"]) for row in csv.DictReader(file)]
    wrong = np.zeros((len(train.classes),) * 2)
    at = {name: i for i, name in enumerate(train.classes)}
    for true, given in said:
        wrong[at[true], at[given]] += true != given
    rng = np.random.default_rng(0)
    labels = train.labels.copy()
    for row in rng.permutation(len(labels))[: round(share * len(labels))]:
        labels[row] = rng.choice(len(wrong), p=wrong[labels[row]] / wrong[labels[row]].sum())
    return labels


def pairs(given: argparse.Namespace) -> None:
    """Recall@1 of 90 captions for an image of the digits: nine sorts of every digit, a random vector for each."""
    train, test = read_digits()
    rng, caption = np.random.default_rng(1), {}
    for code in range(10):
        sorts = means(train.embeddings[train.labels == code], 9, rng).centres
        for name, view in (("train", train), ("test", test)):
            own = np.flatnonzero(view.labels == code)
            far = np.square(view.embeddings[own][:, None] - sorts).sum(axis=2)
            caption.setdefault(name, np.empty(len(view), int))[own] = 9 * code + far.argmin(axis=1)
    said = (rng.normal(size=(10, 64))[np.arange(90) // 9] + rng.normal(size=(90, 64))).astype(np.float32)
    texts = said[caption["train"]]
    view = View.of(embeddings=train.embeddings, text_embeddings=texts)
    everything = [recalled(view.embeddings, texts, None, test, said, caption["test"], s) for s in range(given.seeds)]
    print(f"everything {np.mean(everything):.1%}")
    right: dict[tuple[str, int], np.ndarray] = {}
    for many in (30, 90):
        for name, params in PAIRS.items():
            found = []
            for seed in range(given.seeds):
                if name == "random":
                    rows = np.random.default_rng(seed).permutation(len(view))[:many]
                    made = (view.embeddings[rows], texts[rows], None)
                else:
                    method = get("condensers", "pairs")
                    done = method.call(view, many, seed=seed, **method.validated(params, name))
                    made = (done.values, done.texts, done.soft)
                found.append(recalled(*made, test, said, caption["test"], seed))
            right[name, many] = np.stack(found)
            low, high = accuracy(right[name, many]).interval()
            print(f"{name:20} {many:4} {right[name, many].mean():6.1%} ({low:.1%} to {high:.1%})", flush=True)
    told(PAIRS_RELATIONS, right)


def recalled(images, texts, soft, test: View, said: np.ndarray, wanted: np.ndarray, seed: int) -> np.ndarray:
    """bool [tests]: whether towers trained on a set put the right caption first."""
    import torch

    weights = two_towers.fit(two_towers.pairs(images, texts, soft=soft), seed=seed)
    placed = []
    for asked, known in ((test.embeddings, images), (said, texts)):
        mean, scale = nets.statistics(torch.from_numpy(np.array(known)))
        placed.append((torch.from_numpy(np.array(asked)) - mean) / scale)
    return two_towers.similarity(weights, *placed).argmax(dim=1).numpy() == wanted


def tradeoff(given: argparse.Namespace) -> None:
    train, test = read_digits()
    ways = [Way(depth, "prior_dm", {"depth": depth}) for depth in ("latent", "middle", "pixels")]
    table([Way("random_real", "random_real"), *ways], (), train, test, given.per_class or [10], given)
    print("ratios to real images, over seeds: distance to the nearest one, what the components leave; out of range")
    for way in ways:
        found = [realism(condensed(way, 10, seed, train)[0], train) for seed in range(given.seeds)]
        nearest, left, out = np.mean([[r.ratio, r.residual_ratio, r.out_of_range] for r in found], axis=0)
        print(f"{way.name:24} {nearest:.2f} {left:.2f} {out:.1%}", flush=True)


def speed(given: argparse.Namespace) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=50_000)
    centres = rng.normal(size=(10, 512))
    x = (centres[labels] + rng.normal(size=(50_000, 512))).astype(np.float32)
    view = View.of(embeddings=x, labels=labels)
    for way in (EMBEDDINGS[-2], EMBEDDINGS[-1]):
        begin = time.perf_counter()
        _, seconds = condensed(way, 10, 0, view)
        print(f"{way.name:24} {seconds:.1f} s of one processor, {time.perf_counter() - begin:.1f} s by the clock")


def table(
    ways: Sequence[Way],
    relations: Sequence[Relation],
    train: View,
    test: View,
    per_class: Sequence[int],
    given: argparse.Namespace,
) -> None:
    """Print a row for every way, and what became of the relations."""
    right: dict[tuple[str, int], np.ndarray] = {}
    kept = Kept(given.keep and given.keep / f"{given.what}.jsonl")
    print(f"{'':24} per class  accuracy (95 %)        seconds      bytes")
    for way in ways:
        if given.only and way.name not in given.only:
            continue
        for many in per_class:
            cells = [
                kept.cell(
                    (way.name, many, seed, given.student), partial(cell, way, many, seed, train, test, given.student)
                )
                for seed in range(given.seeds)
            ]
            right[way.name, many] = np.stack([unpacked(c["right"], len(test)) for c in cells])
            estimate = accuracy(right[way.name, many])
            low, high = estimate.interval()
            print(
                f"{way.name:24} {many:9}  {estimate.value:6.1%} ({low:.1%} to {high:.1%})  "
                f"{np.mean([c['seconds'] for c in cells]):7.1f}  {cells[0]['bytes']:9,}",
                flush=True,
            )
    told(relations, right)


def told(relations: Sequence[Relation], right: Mapping[tuple[str, int], np.ndarray]) -> None:
    """Print what became of the relations. right: (row, items per class) -> bool [seeds, tests]."""
    for ours, many, other, points in relations:
        if (ours, many) in right and (other, many) in right:
            gain = difference(right[ours, many], right[other, many])
            low, high = gain.interval()
            kept_word = "kept" if gain.value >= points / 100 else "MISSED"
            print(
                f"{kept_word}: {ours} >= {other} {points:+} at {many}: {100 * gain.value:+.1f} "
                f"({100 * low:+.1f} to {100 * high:+.1f})"
            )


def cell(way: Way, per_class: int, seed: int, train: View, test: View, student: str) -> dict:
    """One condensation and one student trained on it."""
    made, seconds = condensed(way, per_class, seed, train)
    judge = get("students", student)
    taught = judge.call(
        training_view(made, train.classes),
        **judge.validated({}, student),
        **{k: v for k, v in {"seed": seed, "device": "cpu"}.items() if k in judge.injected},
    )
    right = taught.logits(test).argmax(axis=1) == test.labels
    return {"right": np.packbits(right).tobytes().hex(), "seconds": seconds, "bytes": made.nbytes, "notes": made.notes}


def condensed(way: Way, per_class: int, seed: int, train: View) -> tuple[Condensed, float]:
    """The set, and processor seconds."""
    method = get("condensers", way.method)
    params = method.validated(way.params, way.name)
    watch = Watch(seconds=way.seconds, clock=time.process_time)
    offer = {"seed": seed, "device": "cpu", "watch": watch, "progress": None}
    begin = time.process_time()
    made = method.call(train, per_class, **params, **{k: v for k, v in offer.items() if k in method.injected})
    return made, time.process_time() - begin


def unpacked(text: str, n: int) -> np.ndarray:
    """bool [n]."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8))[:n].astype(bool)


class Kept:
    """Finished cells, one a line, so that a run may be stopped."""

    def __init__(self, path: Path | None):
        self.path, self.found = path, {}
        if path is not None and path.exists():
            self.found = {tuple(line["key"]): line for line in map(json.loads, path.read_text().splitlines())}

    def cell(self, key: tuple, make: Callable[[], dict]) -> dict:
        if key not in self.found:
            self.found[key] = {"key": key, **make()}
            if self.path is not None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with self.path.open("a") as file:
                    file.write(json.dumps(self.found[key]) + "\n")
        return self.found[key]


def read_cifar(path: Path, items: int, features: Path | None, keep: Path | None, tests: int = 2000) -> list[View]:
    """Train and test Views of a zip of JPEGs, as many of every class, with ids; embeddings by `lite0`.

    features: npz of names [n] and features [n, d], where somebody has them; those made here are kept in `keep`.
    """
    views, rng = [], np.random.default_rng(0)
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        classes = sorted({name.split("/")[-2] for name in names})
        for split, many in (("train", items), ("test", tests)):
            chosen = []
            for name in classes:
                own = [n for n in names if n.startswith(f"{split}/{name}/")]
                chosen += [own[i] for i in np.sort(rng.permutation(len(own))[: many // len(classes)])]
            pixels = np.stack([np.asarray(Image.open(io.BytesIO(archive.read(n))).convert("RGB")) for n in chosen])
            codes = np.array([classes.index(n.split("/")[-2]) for n in chosen])
            kept = features or (keep and keep / f"lite0-{split}-{len(chosen)}.npz")
            if kept and kept.exists():
                with np.load(kept) as found:
                    at = {name: i for i, name in enumerate(found["names"].tolist())}
                    embeddings = found["features"][[at[name] for name in chosen]].astype(np.float32)
            else:
                embeddings = encoded(pixels)
                if kept:
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    np.savez(kept, names=np.array(chosen), features=embeddings)
            ids = np.array(chosen, object)
            views.append(View.of(ids=ids, pixels=pixels, labels=codes, embeddings=embeddings, classes=classes))
    return views


def encoded(pixels: np.ndarray) -> np.ndarray:
    """float32 [m, d] by `lite0`."""
    names = [str(i) for i in range(len(pixels))]
    sides = [pixels.shape[1]] * len(pixels)
    splits, labels = ["train"] * len(pixels), ["?"] * len(pixels)
    items = make_items(ids=names, labels=labels, splits=splits, widths=sides, heights=sides, images=pixels)
    view = View.of(images=Images(items, np.arange(len(pixels))))
    with tempfile.TemporaryDirectory() as folder:
        made = embed(
            lite0.encode(view, device="cpu"), view.images, Path(folder), device="cpu", progress=lambda *_: None
        )
        return np.array(made, np.float32)


ALL = {
    "digits": digits,
    "cifar": cifar,
    "embeddings": embeddings,
    "pairs": pairs,
    "tradeoff": tradeoff,
    "speed": speed,
}

if __name__ == "__main__":
    main()
