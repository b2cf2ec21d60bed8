"""Workers that are processes: the same bytes as without, whatever dies on the way."""

from __future__ import annotations

import contextlib
import itertools
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curation.data.decisions import DecisionLog
from curation.data.items import Items
from curation.data.parts import here
from curation.data.reading import image_checks
from curation.data.view import View
from curation.engine import elsewhere
from curation.engine import run as running
from curation.engine.plan import plan
from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.engine.workers.base import in_order
from curation.engine.workers.processes import Processes
from curation.engine.workers.spread import ByWorkers
from curation.errors import RunError, SourceError
from curation.maths.selection import rounds
from curation.maths.selection.weighted_facility_location import weighted_facility_location
from curation.maths.similarity.exact import unit
from curation.maths.threads import one_torch_thread
from curation.methods.evidence import neighbours
from curation.methods.pruners import herding
from curation.training import embed, embed_texts
from curation.training.embedding_store import EmbeddingStore
from tests import away
from tests.clusters import RECIPE, bytes_of


@pytest.fixture(scope="module")
def processes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        workers = Processes(2)
        yield workers
        workers.close()
    assert not any(process.poll() is None for process in workers._all)


def test_answers_come_in_the_order_of_the_parts_and_not_of_their_ends(processes):
    parts = [(number, 0.2 if number == 0 else 0.0) for number in range(10)]
    assert list(in_order(processes, away.square, parts)) == [number * number for number in range(10)]


def test_a_few_parts_only_are_handed_out_at_a_time(processes):
    taken = []
    answers = in_order(processes, away.square, ((taken.append(n) or n,) for n in range(100)))
    assert next(answers) == 0
    assert len(taken) == 4
    answers.close()


def test_an_error_on_a_worker_is_the_error_here_in_one_sentence(processes):
    with pytest.raises(SourceError, match=r"^cat\.png cannot be read$"):
        processes.submit(away.refuse, "cat.png").result()
    with pytest.raises(RunError, match=r"^ZeroDivisionError: division by zero$"):
        processes.submit(away.break_down).result()


def test_what_a_killed_process_was_at_is_done_by_another_and_what_kills_them_all_is_said(processes, tmp_path):
    assert processes.submit(away.die_once, str(tmp_path)).result() == "done"
    with pytest.raises(RunError, match=r"4 processes died of it, the last with code -9"):
        processes.submit(away.die).result()
    assert processes.submit(away.square, 3).result() == 9


def test_texts_that_workers_encode_are_the_bytes_that_are_encoded_here(processes, tmp_path, monkeypatch):
    rows = [f"my card number {n % 7} was {word},{word}" for n in range(30) for word in ("lost", "paid", "new")]
    (tmp_path / "d.csv").write_text("\n".join(["text,label", *rows]))
    source = {"use": "table", "path": str(tmp_path / "d.csv"), "text": "text", "label": "label"}
    recipe = parse_recipe({"source": source, "encode": {"use": "lsa", "dim": 4}})
    monkeypatch.setattr(embed_texts, "EmbeddingStore", small_shards)
    files = []
    for name, workers in (("here", None), ("there", processes)):
        monkeypatch.setattr(running, "hired", lambda *_, workers=workers: contextlib.nullcontext(workers))
        run(recipe, tmp_path / name, targets=["encode"], device="cpu")
        folder = next((tmp_path / name / "encode").iterdir())
        files.append({path.name: path.read_bytes() for path in folder.iterdir() if path.name != "card.json"})
    assert len(files[0]) >= 2
    assert files[0] == files[1]


def small_shards(folder: Path, shape: tuple[int, int], dtype: str, shard: int, name: str = "embeddings"):
    return EmbeddingStore(folder, shape, dtype, 16, name)


def test_a_run_on_processes_gives_the_same_bytes_though_one_is_killed(processes, place, alone, monkeypatch):
    assert processes.submit(away.square, 3).result() == 9
    processes._all[-1].kill()  # it waits for work, and is given some
    monkeypatch.chdir(place)
    monkeypatch.setattr(running, "hired", lambda *_: contextlib.nullcontext(processes))
    recipe = parse_recipe(tomllib.loads(RECIPE.format(engine="", name="processes")))
    assert not run(recipe, "processes", device="cpu").failed
    assert bytes_of(place, "processes") == alone


def test_every_kind_of_step_is_the_same_step_when_it_is_unpacked(tmp_path):
    np.savez(tmp_path / "d.npz", features=np.eye(8, dtype=np.float32), labels=np.arange(8) % 2)
    recipe = parse_recipe(
        {
            "source": {"use": "arrays", "path": str(tmp_path / "d.npz")},
            "encode": {"use": "precomputed"},
            "score": [{"use": "margin"}],
            "flag": [{"use": "consensus"}],
            "map": {"use": "umap"},
            "prune": [{"use": "by_score", "by": "margin", "keep": 0.5}],
            "verify": {"use": "logistic"},
            "schedule": {"use": "rs2", "keeps": [0.5]},
            "grow": {"use": "margin", "batch": 2, "simulate": {"start": 2, "rounds": 2}},
        }
    )
    run(recipe, tmp_path / "w", targets=["source"])
    DecisionLog(tmp_path / "w").add([str(number) for number in range(3)], "drop", why="blurred")
    made = plan(recipe, tmp_path / "w")
    reads = elsewhere.sent(made.workspace, made.find("source").key, made.effective)
    assert {step.stage for step in made.steps} >= {"evidence", "score", "flag", "map", "prune", "verify", "growth"}
    for step in made.steps:
        text = elsewhere.packed(step, reads, "cpu")
        again, store, _ = elsewhere.unpacked(text)
        assert again.key == step.key
        assert "blurred" not in text  # what was decided does not travel with every step
    assert store.effective == made.effective


# -- parts -------------------------------------------------------------------------------------------------------


def test_a_part_is_a_file_and_is_made_once(processes, tmp_path):
    spread = ByWorkers(processes, tmp_path / "parts", "cpu", keep=True)
    shared = {"x": np.arange(10.0), "by": 3, "marks": str(tmp_path)}
    parts = [(0, 4), (4, 8), (8, 10)]
    made = [values.tolist() for values, _ in spread(away.multiply, parts, **shared)]
    assert made == [values.tolist() for values, _ in here(away.multiply, parts, **shared)]
    assert made[2] == [24.0, 27.0]
    files = list((tmp_path / "parts").iterdir())
    assert len(files) == 4  # the parts and x
    for mark in tmp_path.glob("made-*"):
        mark.unlink()
    half = itertools.islice(spread(away.multiply, parts, **shared), 2)
    assert [values.tolist() for values, _ in half] == made[:2]
    assert not list(tmp_path.glob("made-*"))  # a run that is started again makes none of them again
    assert [values[0] for values, _ in spread(away.multiply, [(8, 10)], **{**shared, "x": np.ones(10)})] == [3.0]
    assert len(list(tmp_path.glob("made-*"))) == 1  # of other numbers it is another part
    spread.forget()
    assert not (tmp_path / "parts").exists()


def test_images_that_workers_examine_and_encode_are_the_same_bytes(processes, tmp_path, monkeypatch):
    for number in range(30):
        path = tmp_path / "pets" / ("cat", "dog")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(picture).save(path)
    (tmp_path / "pets" / "cat" / "torn.png").write_bytes(path.read_bytes()[:60])
    (tmp_path / "pets" / "dog" / "empty.png").write_bytes(b"")
    monkeypatch.setattr(image_checks, "PART", 7)
    monkeypatch.setattr(embed, "EmbeddingStore", small_shards)
    recipe = parse_recipe({"source": {"use": "folder", "path": str(tmp_path / "pets")}, "encode": {"use": "pixels"}})
    handed: list[str] = []
    monkeypatch.setattr(ByWorkers, "__call__", noting(handed))
    found = []
    for name, workers in (("here", None), ("there", processes)):
        monkeypatch.setattr(running, "hired", lambda *_, workers=workers: contextlib.nullcontext(workers))
        outcome = run(recipe, tmp_path / name, targets=["encode"], device="cpu")
        files = [path for path in (tmp_path / name).glob("[!.]*/*/*") if path.suffix in (".npy", ".parquet")]
        found.append((outcome.notes, {path.relative_to(tmp_path / name): path.read_bytes() for path in files}))
        assert not [*(tmp_path / name).glob(".parts/[!d]*")]
    assert found[0] == found[1]
    assert len(found[0][1]) >= 3
    assert handed == ["examined", "rows_of"]
    statuses = Items.load(next((tmp_path / "there" / "source").iterdir())).column("status")
    assert (statuses != "ok").sum() == 2


def test_neighbours_that_workers_look_for_are_the_same_bytes(processes, tmp_path, monkeypatch):
    x = np.random.default_rng(0).normal(size=(6000, 4)).astype(np.float32)  # two parts
    view, spread = View.of(embeddings=x), ByWorkers(processes, tmp_path / "parts", "cpu", keep=True)
    monkeypatch.setattr(neighbours, "_PART", 2000)
    for more in ({}, {"search": "inverted_file", "exact_up_to": 0}):
        with one_torch_thread():
            graphs = [
                neighbours.gather(view, rng=np.random.default_rng(0), k=5, spread=by, **more)[0]
                for by in (here, spread)
            ]
        assert np.array_equal(graphs[0].indices, graphs[1].indices)
        assert np.array_equal(graphs[0].distances, graphs[1].distances)
    assert (
        len(list((tmp_path / "parts").iterdir())) == 2 + 2 + 1 + 3
    )  # x, its row numbers; parts; the inverted file; parts


def test_what_workers_choose_of_shards_is_the_same_order(processes, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rounds.WHOLE + 200, 3)).astype(np.float32)
    view, orders, covered = View.of(embeddings=x), [], []
    for spread in (here, ByWorkers(processes, tmp_path / "parts", "cpu", keep=True)):
        orders.append(herding.select(view, 5500, spread=spread))
        covered.append(weighted_facility_location(unit(x[:6100]), 230, x[:6100, 0] ** 2, np.ones(6100), spread=spread))
    assert np.array_equal(*orders)
    assert np.array_equal(*covered)
    assert len(np.unique(orders[0])) == 5500
    assert len(list((tmp_path / "parts").glob("?" * 20))) == 10 + 10 + 3  # two rounds, and three shards


def noting(handed):
    plain = ByWorkers.__call__

    def call(self, function, parts, **shared):
        handed.append(function.__name__)
        return plain(self, function, parts, **shared)

    return call
