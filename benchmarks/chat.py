"""Conversations at size: generated ShareGPT records with faults planted in them, read, checked and written back.

    python -m benchmarks.chat                    50,000 conversations
    python -m benchmarks.chat --items 200000

Texts are words drawn by Zipf's law, so they have as many different words as texts have, and no meaning. Planted are
exact copies under another id, near copies (a few words changed), and faults of form. Prints the seconds of every step,
and how many of the planted faults were found.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from benchmarks.__main__ import machine
from curation.data.items import Items
from curation.engine import results
from curation.engine.plan import plan
from curation.engine.recipe import parse_recipe
from curation.engine.run import run

WORDS = 40_000
FAULTS = ("roles", "empty", "refusal", "fence", "template", "images", "urls", "copy", "near")
EACH = 0.002  # share of the conversations that get each fault


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=50_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch)
        planted = generate(top / "chat.jsonl", given.items)
        recipe = parse_recipe(
            {
                "source": {"use": "chat", "path": str(top / "chat.jsonl")},
                "score": [{"use": "length"}, {"use": "msttr"}],
                "flag": [{"use": "chat_quality"}, {"use": "near_duplicates"}],
                "export": [{"use": "chat", "path": str(top / "kept.jsonl"), "prune": "full"}],
            }
        )
        started = time.perf_counter()
        made = run(recipe, top / "w")
        seconds = time.perf_counter() - started
        for step in made.steps:
            print(f"{step['stage']} {step['use']:<20} {step['seconds']:6.1f} s")
        print(f"together {seconds:.1f} s, {psutil.Process().memory_info().rss / 2**30:.2f} GiB at the end")
        same = (top / "kept.jsonl").read_bytes() == (top / "chat.jsonl").read_bytes()
        print(f"written back {'byte for byte as read' if same else 'OTHERWISE THAN READ'}")
        found(plan(recipe, top / "w"), planted)
    print(f"\n{machine()}")


def generate(path: Path, n: int) -> dict[str, set[str]]:
    """Write n conversations; fault -> the ids that have it."""
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = np.array(["".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(WORDS)])
    chances = 1 / np.arange(1, WORDS + 1)
    chances = np.cumsum(chances / chances.sum())

    def text(low: int, high: int) -> list[str]:
        return words[np.searchsorted(chances, rng.random(int(rng.integers(low, high))))].tolist()

    fault_of = dict(enumerate(FAULTS))
    drawn = rng.choice(n, (len(FAULTS), round(EACH * n)), replace=False)
    has = {int(row): fault_of[at] for at, rows in enumerate(drawn) for row in rows}
    planted: dict[str, set[str]] = {name: set() for name in FAULTS}
    clean: list[tuple[list[str], list[str]]] = []
    with path.open("w") as out:
        for i in range(n):
            asked, answered, fault = text(8, 40), text(60, 300), has.get(i)
            if fault in ("copy", "near") and clean:
                asked, answered = (list(part) for part in clean[int(rng.integers(len(clean)))])
                for at in rng.integers(0, len(answered), 2 if fault == "near" else 0):
                    answered[at] = text(1, 2)[0]
            elif fault is None:
                clean = [*clean[-500:], (asked, answered)]
            turns = [
                {"from": "human", "value": f"{' '.join(asked)}?"},
                {"from": "gpt", "value": f"{' '.join(answered)}."},
            ]
            spoil(turns, fault)
            if fault:
                planted[fault].add(f"c{i}")
            out.write(json.dumps({"id": f"c{i}", "conversations": turns, "meta": {"n": i}}) + "\n")
    return planted


def spoil(turns: list[dict[str, str]], fault: str | None) -> None:
    said = {
        "empty": " ",
        "refusal": "As an AI language model, I cannot do that.",
        "fence": "```python\nx = 1",
        "template": f"{turns[1]['value']}<|im_end|>",
        "urls": "https://a.example/1 https://b.example/2",
    }
    if fault in said:
        turns[1]["value"] = said[fault]
    elif fault == "roles":
        turns.reverse()
    elif fault == "images":
        turns[0]["value"] = f"<image> {turns[0]['value']}"


def found(the_plan, planted: dict[str, set[str]]) -> None:
    """Of each planted fault how many were flagged, and how many conversations without one were."""
    ids = Items.load(the_plan.workspace.path("source", the_plan.find("source").key)).column("id")
    flagged = {}
    for step in the_plan.of("flag"):
        folder = the_plan.workspace.path("flag", step.key)
        rows = results.load(folder, "rows")[results.load(folder, "flagged")]
        flagged[step.name] = set(ids[rows])
    for fault, names in planted.items():
        by = "near_duplicates" if fault in ("copy", "near") else "chat_quality"
        print(f"{fault:<10} {len(names & flagged[by]):5,} of {len(names):,} by {by}")
    every = set().union(*planted.values())
    for name, hits in flagged.items():
        print(f"{name} flags {len(hits - every):,} of {len(ids) - len(every):,} without a planted fault")


if __name__ == "__main__":
    main()
