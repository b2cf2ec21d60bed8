"""Image-text pairs: planted caption swaps, in towers trained in seconds; InstructionGPT-4's selector on its figures.

    python -m benchmarks.pairs                       digits with swapped captions, held-out images, five draws
    python -m benchmarks.pairs --released FOLDER     scores.json, fitting.json and spectral_clusters.json as the authors
                                                     released them (repository waltonfuture/InstructionGPT-4)

The towers are OpenCLIP's own code with one layer each, trained on 1,000 digits of scikit-learn; swaps are permuted
among the other 797, a twentieth of them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from curation.engine import results
from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.maths.selection.quota_order import quota_order
from curation.maths.subset_ridge import learn
from curation.methods.pruners.instructiongpt4 import standardised
from tests import toy_towers

INDICATORS = ("clip", "reward", "length", "gpt")
# Mean accuracy of the models trained on each of the 30 subsets, as the authors' selector/train.py has them.
METRIC = [
    30.86, 31.02, 29.51, 30.57, 30.95, 30.69, 30.45, 30.55, 31.51, 31.20, 31.36, 31.03, 31.69, 31.69, 31.56, 30.09,
    29.93, 30.38, 31.38, 30.96, 31.36, 30.67, 31.33, 31.37, 29.92, 30.15, 29.86, 30.64, 30.31, 31.64,
]  # fmt: skip
TAKEN = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--released", type=Path, help="folder of the released figures")
    given = parser.parse_args()
    released(given.released) if given.released else swaps()


def swaps() -> None:
    images, numbers = toy_towers.pictures()
    order = np.random.default_rng(0).permutation(len(images))
    seen, fresh = order[:1000], order[1000:]
    found = {"caption_swap": [], "clip_score": []}
    with tempfile.TemporaryDirectory() as folder:
        towers = toy_towers.train(Path(folder), images[seen], numbers[seen])
        for seed in range(5):
            said = toy_towers.swapped(numbers[fresh], 0.05, seed)
            captions = [toy_towers.CAPTION.format(toy_towers.NAMES[number]) for number in said]
            top = toy_towers.write_pairs(Path(folder) / str(seed), images[fresh], captions)
            recipe = {
                "source": {"use": "pairs", "path": str(top)},
                "encode": {"use": "open_clip", "model": towers["model"], "checkpoint": str(towers["checkpoint"])},
                "score": [{"use": "clip_score"}],
                "flag": [{"use": "caption_swap"}],
            }
            run(parse_recipe(recipe), top / "w")
            for stage, name, array in (("flag", "caption_swap", "score"), ("score", "clip_score", "value")):
                (card,) = (top / "w" / stage).glob("*/card.json")
                values = results.load(card.parent, array)
                wrong = said != numbers[fresh]
                found[name].append((average_precision_score(wrong, values), roc_auc_score(wrong, values)))
    print("| method | AP, mean (lowest) | AUROC, mean |\n|---|---|---|")
    for name, values in found.items():
        ap, auroc = np.array(values).T
        print(f"| {name} | {ap.mean():.3f} ({ap.min():.3f}) | {auroc.mean():.4f} |")


def released(folder: Path) -> None:
    scores, subsets, clusters = (
        json.loads((folder / f"{name}.json").read_text()) for name in ("scores", "fitting", "spectral_clusters")
    )
    table = np.array([scores[name] for name in INDICATORS]).T
    means = np.array([[np.mean(part) for part in subsets[name]] for name in INDICATORS]).T
    print("| shrink | leave-one-out error | a constant | shuffled metrics as good |\n|---|---|---|---|")
    for shrink in (1, 10, 100):
        made = learn(means, METRIC, shrink)
        print(f"| {shrink} | {made.error:.3f} | {made.constant:.3f} | {made.chance:.0%} |")
    place = {id_: row for row, id_ in enumerate(sorted((i for own in clusters.values() for i in own), key=int))}
    label = np.empty(len(table), np.int64)
    for cluster, own in clusters.items():
        label[[place[id_] for id_ in own]] = int(cluster)
    sizes = np.bincount(label)
    published = np.maximum(1, (204 * sizes / len(table)).astype(int))
    z = {name: standardised(table[:, at]) for at, name in enumerate(INDICATORS)}
    ranked = {**z, "sum of all four": sum(z.values()), "clip + length + reward": z["clip"] + z["length"] + z["reward"]}
    taken = {name: _taken(label, values) for name, values in ranked.items()}
    ours = np.bincount(label[taken["clip"]], minlength=len(sizes))
    print(f"\nplaces of {TAKEN} by cluster, published: {published.tolist()}\nours:{' ' * 35}{ours.tolist()}")
    chance = (ours**2 / sizes).sum()
    print(f"\nshared items of {TAKEN}, same places; by chance {chance:.1f}\n| |{' | '.join(taken)} |")
    for name, rows in taken.items():
        print(f"| {name} | {' | '.join(str(len(np.intersect1d(rows, other))) for other in taken.values())} |")


def _taken(label: np.ndarray, values: np.ndarray) -> np.ndarray:
    place = np.empty(len(values), np.int64)
    place[np.argsort(-values, kind="stable")] = np.arange(len(values))
    return quota_order(label, place)[:TAKEN]


if __name__ == "__main__":
    main()
