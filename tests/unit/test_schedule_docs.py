"""docs/schedule.md: its examples run as they stand, from the top, and keep their promises."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from curation.maths.threads import one_torch_thread

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "schedule.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> dict:
    """Everything the examples define, after all of them ran in the order of the page; what each left in `s` as well."""
    found: dict = {"__name__": "docs"}
    kept = []
    with one_torch_thread(), pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("docs"))
        for block in blocks("python"):
            exec(compile(block, "docs/schedule.md", "exec"), found)
            kept.append(found.get("s"))
        found["schedule"] = pq.read_table("rs2.parquet")
    return found | {"kept": kept}


def accuracy(net, names: dict) -> float:
    return float((net(names["x"]).argmax(dim=1) == names["y"]).float().mean())


def test_the_plain_loop_trains_on_half_of_the_passes(names):
    s = names["kept"][0]
    assert s.finished
    assert s.accounting()["train_passes"] == s.planned == 12 * round(len(names["dataset"]) / 2)
    assert accuracy(names["net"], names) > 0.9


def test_the_loop_that_looks_ahead_pays_for_it(names):
    accounts = names["kept"][1].accounting()
    assert accounts["eval_passes"] > 0
    assert accounts["planned"] - 1 <= accounts["train_passes"] + accounts["eval_passes"] / 3 <= accounts["planned"]


def test_lightning_trains_to_the_last_pass_though_epochs_grow(names):
    model, trainer = names["model"], names["trainer"]
    assert model.s.finished
    assert model.s.accounting()["train_passes"] == model.s.planned
    assert trainer.current_epoch == model.s.epoch
    assert accuracy(model.net, names) > 0.85
    assert trainer.optimizers[0].param_groups[0]["lr"] < 1e-4, "the rate ends where the passes end"


def test_lightning_takes_its_checkpoint_back(names):
    """Saved with weights_only in mind: tensors, no pickled numpy."""
    checkpoint: dict = {}
    names["model"].on_save_checkpoint(checkpoint)
    fresh = names["Net"](names["sampler"]("self_paced", n=len(names["dataset"]), epochs=6, keep=0.5))
    fresh.on_load_checkpoint(checkpoint)
    assert fresh.s.accounting() == pytest.approx(names["model"].s.accounting())  # seconds travel as one float32


def test_hugging_face_trains_to_the_last_pass_though_epochs_shrink(names):
    s, hf = names["hf"].s, names["hf"]
    assert s.finished
    assert s.accounting()["train_passes"] == s.planned
    assert accuracy(hf.model, names) > 0.85
    assert hf.lr_scheduler.get_last_lr()[0] < 1e-4


def test_the_exported_schedule_is_the_stream_of_the_sampler(names):
    table, s = names["schedule"], names["sampler"]("rs2", n=len(names["dataset"]), epochs=12, keep=0.5)
    assert table.schema.names == ["epoch", "position", "id", "weight"]
    for epoch in range(12):
        part = table.filter(np.asarray(table["epoch"]) == epoch)
        assert part["id"].to_pylist() == [f"digit-{row:04d}" for row in s]
        assert part["position"].to_pylist() == list(range(len(s)))
        s.end_epoch()
    assert set(table["weight"].to_pylist()) == {1.0}


def test_the_saving_is_that_of_the_passes(names):
    assert names["made"].hours.after == pytest.approx(3.8 / 2, rel=1e-3)


LEFT = """
import json, pathlib
left = [s.accounting() | {"seconds": 0}, s.used.tolist(), [p.sum().item() for p in net.parameters()]]
probe = sampler("divbs", n=101, epochs=2, features=digits.data[:101], labels=digits.target[:101], distributed=True)
ahead = probe.forward_rows
probe.update(ahead, torch.ones(len(ahead)), torch.zeros(len(ahead), 10), forward_only=True)
left.append([len(ahead), len(list(probe)), probe.accounting()["eval_passes"]])
try:
    list(sampler("rs2", n=100, epochs=2, seed=dist.get_rank(), distributed=True))
except Exception as error:
    left.append(f"{type(error).__name__}: {error}")
pathlib.Path(f"left-{dist.get_rank()}.json").write_text(json.dumps(left))
"""


@pytest.mark.slow
def test_two_processes_of_ddp_train_on_the_same_lists(tmp_path):
    """The page's own script, by torchrun, and after it what both ranks hold."""
    script = tmp_path / "train_ddp.py"
    (source,) = blocks("python ddp")
    before, after = source.split("print(", 1)
    script.write_text(before + LEFT + "print(" + after)
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone", str(script)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = (json.loads((tmp_path / f"left-{rank}.json").read_text()) for rank in range(2))
    assert first == second
    accounts, *_, looked, refused = first
    assert looked == [51, 25, 101], "all 101 go forward, shared by the ranks; half of them train"
    assert refused.startswith("RunError: the 2 ranks drew different epochs; give every rank the same sampler, seed")
    # both ranks get equally many, so an epoch may lose one item and the budget ends one short
    assert accounts["planned"] - 1 <= accounts["train_passes"] <= accounts["planned"]
