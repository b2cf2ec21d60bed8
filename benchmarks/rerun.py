"""How long the server works for a rerun of Prune and for a change of page, with 50,000 items and 5,000 decisions.

    python -m benchmarks.rerun                 this checkout
    python -m benchmarks.rerun --tree OTHER    another one, such as a worktree of an older commit
    python -m benchmarks.rerun --project W     a workspace that was run before, such as one of benchmarks.scale

Of a workspace given, it also says what the first visit of every page takes, and the memory of the process at the end;
of decisions only that one is added and taken back.

A project is made once per tree (a minute or two): an array source, four scores, three flags, a map, a saved subset.
Then the decisions are made, 2,000 of them relabels the analysis does not know yet, as after an afternoon of review.
Pages run in-process as Streamlit's own tests run them, so this is the script's time without a browser. Medians of
`TIMES` runs, on the clock and of the processor, which other work on the machine does not blur.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ITEMS, CLASSES, TIMES = 50_000, 10, 9
DECISIONS = {"relabel": 2_000, "confirm": 1_500, "drop": 1_000, "keep": 500}
RECIPE = """
[source]
use = "arrays"
path = "{path}"
[encode]
use = "precomputed"
[[score]]
use = "aum"
[[score]]
use = "el2n"
[[score]]
use = "forgetting"
[[score]]
use = "prototype_distance"
[[flag]]
use = "knn_vote"
[[flag]]
use = "duplicates"
[[flag]]
use = "outliers"
[map]
use = "pca"
[[prune]]
name = "a third"
use = "ccs"
by = "aum"
keep = 0.3
balance = true
"""
PAGES = ("map", "review", "prune", "verify", "export")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path, default=Path(__file__).parents[1], help="the checkout to measure")
    parser.add_argument("--project", type=Path, help="a workspace to measure instead of making one")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside is not None:
        print(json.dumps(measured(asked.tree, asked.inside, asked.project is not None)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        tree, home = asked.tree.resolve(), Path(scratch)
        if asked.project is not None:
            home = asked.project.resolve().parent
        env = {**os.environ, "PYTHONPATH": str(tree), "WINNOW_HOME": str(home), "WINNOW_ROOTS": str(home)}
        if asked.project is None:
            made(home, tree, env)
        workspace = asked.project.resolve() if asked.project else home / "project"
        command = [sys.executable, __file__, "--tree", str(tree), "--inside", str(workspace)]
        command += ["--project", str(workspace)] if asked.project else []
        done = subprocess.run(command, cwd=tree, env=env, stdout=subprocess.PIPE, text=True, check=True)
    *before, last = done.stdout.splitlines()
    print(*before, sep="\n")
    print(f"{'':<36} {'clock':>10} {'processor':>10}")
    for what, (clock, processor) in json.loads(last).items():
        print(f"{what:<36} {clock:7,.0f} ms {processor:7,.0f} ms")


def made(home: Path, tree: Path, env: dict) -> None:
    """The project, by the command line of the tree that is measured."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, ITEMS)
    features = rng.normal(size=(ITEMS, 16)).astype(np.float32) + 3 * np.eye(CLASSES, 16, dtype=np.float32)[labels]
    split = np.where(np.arange(ITEMS) % 10 == 0, "test", "train")
    ids = np.array([f"item-{row:05d}" for row in range(ITEMS)])
    np.savez(home / "d.npz", features=features, labels=labels, split=split, ids=ids)
    (home / "recipe.toml").write_text(RECIPE.format(path=home / "d.npz"))
    command = [sys.executable, "-m", "curation", "run", str(home / "recipe.toml"), "-w", str(home / "project")]
    subprocess.run(command, cwd=tree, env=env, stdout=subprocess.DEVNULL, check=True)


def measured(tree: Path, workspace: Path, given: bool) -> dict[str, tuple[float, float]]:
    """{what: milliseconds on the clock and of the processor}, in a process and the folder of the tree.

    given: the workspace is somebody's, so the decisions of an afternoon are not written into it.
    """
    import psutil
    from streamlit.runtime.pages_manager import PagesManager
    from streamlit.testing.v1 import AppTest

    from curation.data.decisions import DecisionLog

    rows = np.random.default_rng(1).permutation(np.flatnonzero(np.arange(ITEMS) % 10))
    for action, count in () if given else DECISIONS.items():
        part, rows = rows[:count], rows[count:]
        for some in np.array_split(part, 100):  # clicks touch a few items each
            value = "3" if action == "relabel" else None
            DecisionLog(workspace).add([f"item-{row:05d}" for row in some], action, value)

    manager = PagesManager.__init__

    def framed(self, *args, **kwargs):  # every run goes through app.py, as on a server
        manager(self, *args, **kwargs)
        PagesManager.uses_pages_directory = False

    PagesManager.__init__ = framed
    app = AppTest.from_file(str(tree / "app.py"), default_timeout=600)
    app.query_params["project"] = workspace.name

    def page(name: str) -> AppTest:
        return app.switch_page(str(tree / "pages" / f"{name}.py"))

    def once(do) -> tuple[float, float]:
        started, used = time.perf_counter(), time.process_time()
        do()
        assert not app.exception, app.exception
        return 1000 * (time.perf_counter() - started), 1000 * (time.process_time() - used)

    def median(do) -> tuple[float, float]:
        do()  # what is read for the first time is not a rerun
        clock, processor = zip(*(once(do) for _ in range(TIMES)), strict=True)
        return statistics.median(clock), statistics.median(processor)

    def choose(method: str) -> None:
        cards = [radio for radio in app.radio if radio.key == "prune_card_a"]  # older trees have a list instead
        (cards[0] if cards else app.selectbox("prune_method_a")).set_value(method).run()

    found: dict[str, tuple[float, float]] = {}
    if given:
        found["the first page"] = once(lambda: app.run())
        for name in PAGES:
            found[f"first visit: {name.capitalize()}"] = once(lambda name=name: page(name).run())
    else:
        app.run()
    page("prune").run()
    choose("ccs")
    found["Prune, ccs: a rerun"] = median(lambda: app.run())
    choose("by_score")
    shares = iter([10.0 + step for step in range(80)])
    found["Prune, by score: the slider moves"] = median(
        lambda: app.slider("prune_keep_a").set_value(next(shares)).run()
    )
    for name, other in zip(PAGES, (*PAGES[1:], PAGES[0]), strict=True):

        def change(name=name, other=other) -> None:
            page(name).run()
            app.switch_page(str(tree / "pages" / f"{other}.py"))

        found[f"a change to {name.capitalize()}"] = median(change)
    if given:
        from curation.ui.state.project import Project

        page("review").run()
        decide, undo = Project(workspace).decide, Project(workspace).undo
        found["a decision, on disk"] = once(lambda: decide([0], "keep"))
        found["Review after it"] = once(lambda: app.run())
        undo()
        memory = psutil.Process().memory_info()
        print(
            f"memory {memory.rss / 2**20:,.0f} MiB, of it {(memory.rss - memory.shared) / 2**20:,.0f} no pages of files"
        )
    return found


if __name__ == "__main__":
    main()
