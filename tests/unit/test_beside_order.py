"""What runs beside the other steps starts as soon as all it reads is there, and no later."""

import numpy as np

from curation.engine import run as runner
from curation.engine.recipe import parse_recipe


def test_the_map_is_started_before_the_scores_and_flags_are_computed(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "d.npz", features=rng.normal(size=(40, 4)), labels=np.arange(40) % 2)
    raw = {
        "source": {"use": "arrays", "path": str(tmp_path / "d.npz")},
        "encode": {"use": "precomputed"},
        "score": [{"use": "margin"}],
        "flag": [{"use": "outliers"}],
        "map": {"use": "pca"},
    }
    there = {}

    class Seen(runner.Beside):
        def __init__(self, step, plan, device):
            there[step.stage] = {other.stage for other in plan.steps if plan.done(other)}
            super().__init__(step, plan, device)

    monkeypatch.setattr(runner, "Beside", Seen)
    first = runner.run(parse_recipe(raw), tmp_path / "w", device="cpu")
    assert there == {"map": {"source", "encode"}}
    assert not any(step["cached"] for step in first.steps)
    there.clear()
    second = runner.run(parse_recipe(raw), tmp_path / "w", device="cpu")
    assert there == {}
    assert all(step["cached"] for step in second.steps)
