"""The figures of the schedule: a grid through the engine, a sparse autoencoder, the three levels of a ViT.

    python -m benchmarks.schedule grid                   6 samplers x 3 shares x 3 seeds on digits with `head`
    python -m benchmarks.schedule factors                a sparse autoencoder on 50,000 x 512
    python -m benchmarks.schedule levels                 examples, tokens, attention and all three, ViT on digits
    python -m benchmarks.schedule levels --cifar cifar10.zip --items 2000     the same on images of CIFAR-10

Seconds are of one core, of this process alone: other work on the machine does not count. Levels: every row trains the
same seeds, accuracy is that of the finished student on test items, and multiplications are those of the whole run,
forward and backward, counted from the network's shape.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import zipfile
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.__main__ import machine
from curation.data.view import View
from curation.engine.recipe import parse_recipe
from curation.engine.registry import get
from curation.engine.run import run
from curation.maths.threads import one_blas_thread, one_torch_thread
from curation.training import sparse_autoencoder
from curation.training.sampler import FORWARD, Sampler
from curation.training.scheduled_run import train_scheduled
from curation.training.vit import Shape, multiplications

KEEP, TOKENS, ATTENTION = 0.8, 0.7, 0.3  # shares of each level, as in the paper's middle settings
# row -> (sampler, share of the examples, share of the tokens, share of the connections)
LEVELS = {
    "everything": ("full", 1.0, 1.0, 1.0),
    "example": ("trilevel_examples", KEEP, 1.0, 1.0),
    "token": ("full", 1.0, TOKENS, 1.0),
    "attention": ("full", 1.0, 1.0, ATTENTION),
    "all three": ("trilevel_examples", KEEP, TOKENS, ATTENTION),
    "rs2 on the same passes (control)": ("rs2", KEEP, 1.0, 1.0),
    "everything, fewer epochs (control)": ("full_short", KEEP, 1.0, 1.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["grid", "factors", "levels"])
    parser.add_argument("--cifar", type=Path, help="CIFAR-10 as a zip of JPEGs: train/<class>/*, test/<class>/*")
    parser.add_argument("--items", type=int, default=2000, help="images of CIFAR-10 to train on")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    given = parser.parse_args()
    with one_torch_thread(), one_blas_thread():
        {"grid": grid, "factors": factors, "levels": levels}[given.what](given)
    print(f"\n{machine()}")


def grid(given: argparse.Namespace) -> None:
    """Through the engine: planning, neighbours, 3 x 3 x 6 + 3 cells, their cards, and the report."""
    others = ["infobatch", "self_paced", "orderdp"]  # and rs2 and full_short, which are always there
    section = {"use": "gated_rotation", "others": others, "keeps": [0.3, 0.5, 0.7], "seeds": 3, "noise": 0.2}
    encode = {"use": "pixels", "size": 8, "colour": "grey"}
    recipe = parse_recipe({"source": {"use": "sample"}, "encode": encode, "schedule": section})
    with tempfile.TemporaryDirectory() as folder:
        for words in ("grid of 6 samplers x 3 shares x 3 seeds, and everything", "the same again"):
            begin, used = time.perf_counter(), time.process_time()
            made = run(recipe, folder, device="cpu")
            assert not made.failed
            print(
                f"{words}: {time.process_time() - used:.1f} s of one core ({time.perf_counter() - begin:.1f} s by the "
                f"clock), {len(made.schedule)} trainings"
            )


def factors(given: argparse.Namespace, n: int = 50_000, d: int = 512) -> None:
    """Rows that are sums of 32 of 2,048 directions and noise: what a dictionary can find."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(2048, d)).astype(np.float32) / np.sqrt(d)
    x = 0.05 * rng.normal(size=(n, d)).astype(np.float32)
    for _ in range(32):
        x += rng.exponential(size=(n, 1)).astype(np.float32) * directions[(2048 * rng.random(n) ** 2).astype(int)]
    m, k = sparse_autoencoder.size_for(n, d)
    begin, used = time.perf_counter(), time.process_time()
    found, dead = sparse_autoencoder.fit(x, m=m, k=k, steps=500, seed=0)
    print(
        f"sparse autoencoder on {n:,} x {d}, {m:,} factors, 500 steps: {time.process_time() - used:.1f} s of one core "
        f"({time.perf_counter() - begin:.1f} s by the clock), R^2 {found.r2:.2f}, {dead} dead"
    )


def levels(given: argparse.Namespace) -> None:
    x, y, train, name = _cifar(given.cifar, given.items) if given.cifar else _digits()
    side = x.shape[1]
    size = {"patch": 2, "width": 32, "depth": 4, "from_layer": 1}
    if side > 16:
        size = {"patch": 4, "width": 64, "depth": 6, "from_layer": 2}
    names, test = [str(c) for c in range(int(y.max()) + 1)], np.setdiff1d(np.arange(len(y)), train)
    view, tested = (View.of(pixels=x[r], labels=y[r], classes=names) for r in (train, test))
    base: np.ndarray = np.zeros(0)
    whole = 0.0
    print(f"\n{name}: ViT {size}, {given.epochs} epochs, {given.seeds} seeds\n")
    print("| level | accuracy | against everything | multiplications | of one image | passes | CPU s |")
    print("|---|---|---|---|---|---|---|")
    for row, (use, keep, tokens, attention) in LEVELS.items():
        method, vit = get("samplers", use), get("students", "vit")
        augment = "crop_flip" if given.cifar else "none"
        params = {**size, "keep_tokens": tokens, "keep_attention": attention, "augment": augment}
        student = partial(vit.call, device="cpu", **vit.validated(params, "vit"))
        accuracy, work, used, share = [], 0.0, time.process_time(), 0.0
        for seed in range(given.seeds):
            rule = method.call(view, keep, seed=seed, **method.validated({}, use))
            made = train_scheduled(student, view, tested, Sampler(rule, given.epochs, use), seed=seed)
            accuracy.append(made.accuracy)
            share = made.accounting["train_passes"] + FORWARD * made.accounting["eval_passes"]
            shape = Shape(side, classes=len(names), **size, keep_tokens=tokens, keep_attention=attention)
            work = 3 * multiplications(shape) * share
        seconds = (time.process_time() - used) / given.seeds
        if row == "everything":
            base, whole, image, passes = np.array(accuracy), work, multiplications(shape), share
        gap = 100 * (np.array(accuracy) - base)
        error = gap.std(ddof=1) / np.sqrt(len(gap)) if len(gap) > 1 else float("nan")
        against = "" if row == "everything" else f"{gap.mean():+.1f} ± {error:.1f}"
        print(
            f"| {row} | {100 * np.mean(accuracy):.1f} | {against} | {work / whole:.0%} | "
            f"{multiplications(shape) / image:.0%} | {share / passes:.0%} | {seconds:.0f} |",
            flush=True,
        )


def _digits():
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.repeat((digits.images * 15.9).astype(np.uint8)[..., None], 3, axis=3)
    order = np.random.default_rng(0).permutation(len(pixels))
    return pixels, digits.target.astype(np.int64), np.sort(order[:1437]), "digits, 1,437 images of 8 x 8"


def _cifar(source: Path, items: int):
    from PIL import Image

    with zipfile.ZipFile(source) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        classes = sorted({name.split("/")[1] for name in names})
        part = {
            split: [[n for n in names if n.startswith(f"{split}/{c}/")] for c in classes] for split in ("train", "test")
        }
        chosen = [n for of in part["train"] for n in of[: items // 10]] + [n for of in part["test"] for n in of[:200]]
        pixels = np.stack([np.asarray(Image.open(archive.open(name)).convert("RGB")) for name in chosen])
    labels = np.array([classes.index(name.split("/")[1]) for name in chosen])
    train = np.flatnonzero([name.startswith("train/") for name in chosen])
    return pixels, labels, train, f"CIFAR-10, {len(train):,} images, 2,000 test images"


if __name__ == "__main__":
    main()
