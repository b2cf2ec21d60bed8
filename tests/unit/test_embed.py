"""The embedding loop: order, kills, memory, bad files. Every encoder here is a line or two of arithmetic."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from curation.data.items import make_items
from curation.data.view import Images, View
from curation.errors import InputError, RunError, SourceError
from curation.training import embed as loop
from curation.training.device import autocast, is_out_of_memory, pick
from curation.training.embed import Encoder, embed

N = 40


def quiet(*_):
    pass


def grey(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L"))


def summary(batch: torch.Tensor) -> torch.Tensor:
    """[b, 2]: mean and first pixel."""
    flat = batch.flatten(1).float()
    return torch.stack([flat.mean(1), flat[:, 0]], 1)


def images(n: int = N) -> Images:
    pixels = np.random.default_rng(0).integers(0, 256, (n, 4, 4), dtype=np.uint8)
    items = make_items(ids=[f"i{i}" for i in range(n)], labels=["a"] * n, splits=["train"] * n, images=pixels)
    return Images(items, np.arange(n))


def encoder(forward=summary, batch: int = 3, prepare=grey) -> Encoder:
    return Encoder(dim=2, prepare=prepare, forward=forward, batch=batch)


def run(folder: Path, made: Encoder | None = None, **options) -> np.ndarray:
    options = {"shard": 8, "workers": 0, "dtype": "float32"} | options
    folder.mkdir(exist_ok=True)
    return embed(made or encoder(), images(), folder, device="cpu", progress=quiet, **options)


def on_disk(folder: Path) -> bytes:
    return (folder / "embeddings.npy").read_bytes()


# -- what comes out --------------------------------------------------------------------------------------------


def test_each_image_gets_its_row_in_order(tmp_path):
    pixels = images().items.images.reshape(N, -1).astype(np.float32)
    made = run(tmp_path)
    np.testing.assert_allclose(made, np.stack([pixels.mean(1), pixels[:, 0]], 1), rtol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["embeddings.npy"]


def test_a_cut_and_reordered_set_of_images_is_followed(tmp_path):
    whole = run(tmp_path / "whole")
    part = images().take(np.array([30, 2, 17]))
    (tmp_path / "part").mkdir()
    made = embed(encoder(), part, tmp_path / "part", device="cpu", progress=quiet, dtype="float32")
    np.testing.assert_array_equal(made, whole[[30, 2, 17]])


def test_batch_shard_and_workers_change_nothing(tmp_path):
    plain = run(tmp_path / "plain")
    for name, batch, options in [("batch", 7, {}), ("shard", 3, {"shard": 1000}), ("workers", 3, {"workers": 2})]:
        np.testing.assert_array_equal(run(tmp_path / name, encoder(batch=batch), **options), plain)


def test_float16_is_the_default_and_the_rounding_of_float32(tmp_path):
    (tmp_path / "half").mkdir()
    half = embed(encoder(), images(), tmp_path / "half", device="cpu", progress=quiet)
    assert half.dtype == np.float16
    np.testing.assert_array_equal(half, run(tmp_path / "full").astype(np.float16))


def test_progress_reaches_the_number_of_images(tmp_path):
    seen = []
    embed(encoder(), images(), tmp_path, device="cpu", progress=lambda *said: seen.append(said[:2]), workers=0)
    assert seen[0] == (0, N)
    assert seen[-1] == (N, N)
    assert seen == sorted(seen)


def test_values_too_large_for_half_precision_are_an_error_not_infinity(tmp_path):
    with pytest.raises(RunError, match="not finite as float16 within rows 0 to 7"):
        run(tmp_path, encoder(lambda batch: summary(batch) * 1e6), dtype="float16")


# -- killed and called again -----------------------------------------------------------------------------------


class Stops:
    """Breaks off at the given image count, and remembers the sizes of the batches it was given."""

    def __init__(self, after: int):
        self.left, self.sizes = after, []

    def __call__(self, batch):
        self.sizes.append(len(batch))
        self.left -= len(batch)
        if self.left < 0:
            raise KeyboardInterrupt
        return summary(batch)


def test_a_broken_run_goes_on_at_the_first_missing_shard_with_the_same_bytes(tmp_path):
    run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", encoder(Stops(after=20)))
    assert len((tmp_path / "broken" / "shards.done").read_text().splitlines()) == 1 + 2  # the layout and two shards
    second = Stops(after=1000)
    run(tmp_path / "broken", encoder(second))
    assert sum(second.sizes) == N - 16
    assert on_disk(tmp_path / "broken") == on_disk(tmp_path / "whole")
    assert not (tmp_path / "broken" / "shards.done").exists()


def test_a_finished_folder_is_not_encoded_again(tmp_path):
    run(tmp_path)
    run(tmp_path, encoder(Stops(after=0)))


def test_a_line_cut_short_by_the_kill_is_not_believed(tmp_path):
    run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", encoder(Stops(after=20)))
    log = tmp_path / "broken" / "shards.done"
    log.write_bytes(log.read_bytes()[:-1])  # the second shard's line has lost its end
    second = Stops(after=1000)
    run(tmp_path / "broken", encoder(second))
    assert sum(second.sizes) == N - 8
    assert on_disk(tmp_path / "broken") == on_disk(tmp_path / "whole")


def test_shards_of_another_layout_are_not_used(tmp_path):
    run(tmp_path / "whole", shard=10)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", encoder(Stops(after=20)))
    second = Stops(after=1000)
    run(tmp_path / "broken", encoder(second), shard=10)
    assert sum(second.sizes) == N
    assert on_disk(tmp_path / "broken") == on_disk(tmp_path / "whole")


KILLED = """
import sys, time
sys.path.insert(0, {here!r})
from pathlib import Path
import test_embed as t

def slow(batch):
    time.sleep(0.02)
    return t.summary(batch)

t.run(Path({folder!r}), t.encoder(slow), workers=2)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_sigkill_in_the_middle_costs_one_shard_at_most(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run(whole)
    here = str(Path(__file__).parent)
    root = str(Path(__file__).parents[2])
    code = KILLED.format(here=here, folder=str(killed))
    process = subprocess.Popen([sys.executable, "-c", code], cwd=root, env=os.environ | {"PYTHONPATH": root})
    log, deadline = killed / "shards.done", time.monotonic() + 100
    while not (log.exists() and log.read_bytes().count(b"\n") >= 3):  # two shards of five are safe
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    safe = log.read_bytes().count(b"\n") - 1
    second = Stops(after=1000)
    run(killed, encoder(second))
    assert sum(second.sizes) == N - 8 * safe
    assert on_disk(killed) == on_disk(whole)


# -- memory ----------------------------------------------------------------------------------------------------


class Small:
    """A device that holds at most `most` images."""

    def __init__(self, most: int, error: Exception | None = None):
        self.most, self.sizes = most, []
        self.error = error or torch.OutOfMemoryError("CUDA out of memory")

    def __call__(self, batch):
        self.sizes.append(len(batch))
        if len(batch) > self.most:
            raise self.error
        return summary(batch)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("full"), RuntimeError("MPS backend out of memory")])
def test_the_batch_is_halved_until_it_fits_and_stays_so(tmp_path, error):
    small = Small(most=2, error=error)
    made = run(tmp_path / "small", encoder(small, batch=8))
    assert small.sizes[:3] == [8, 4, 2]
    assert max(small.sizes[2:]) == 2
    np.testing.assert_array_equal(made, run(tmp_path / "large"))


def test_a_resumed_run_starts_with_the_batch_that_fitted(tmp_path):
    class Both(Small):
        def __call__(self, batch):
            if len(self.sizes) > 8:
                raise KeyboardInterrupt
            return super().__call__(batch)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, encoder(Both(most=2), batch=8))
    second = Small(most=2)
    run(tmp_path, encoder(second, batch=8))
    assert max(second.sizes) == 2


def test_when_not_even_one_image_fits_one_sentence_says_so(tmp_path):
    with pytest.raises(RunError, match="memory of cpu is too small for this encoder and a single image"):
        run(tmp_path, encoder(Small(most=0), batch=8))


def test_any_other_error_of_the_encoder_is_not_swallowed(tmp_path):
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        run(tmp_path, encoder(Small(most=0, error=RuntimeError("shapes cannot be multiplied"))))


# -- files that change under the run ---------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 2])
def test_a_vanished_file_is_named(tmp_path, workers):
    names = [f"{i}.png" for i in range(5)]
    for name in names:
        Image.new("L", (4, 4)).save(tmp_path / name)
    (tmp_path / "3.png").unlink()
    items = make_items(ids=names, paths=names, labels=["a"] * 5, splits=["train"] * 5, root=tmp_path)
    found = Images(items, np.arange(5))
    with pytest.raises(SourceError) as error:
        embed(encoder(), found, tmp_path, device="cpu", progress=quiet, workers=workers)
    assert str(error.value).startswith("3.png can no longer be read (the file is missing)")
    assert "\n" not in str(error.value)


def test_workers_are_chosen_only_where_they_pay(monkeypatch):
    monkeypatch.setattr(loop.os, "sched_getaffinity", lambda _: range(4), raising=False)
    assert [loop._workers(seconds) for seconds in (0.1, 1000)] == [0, 4]
    monkeypatch.setattr(loop.os, "sched_getaffinity", lambda _: range(64), raising=False)
    assert loop._workers(1000) == 8
    monkeypatch.setattr(loop.os, "sched_getaffinity", lambda _: range(1), raising=False)
    assert loop._workers(1000) == 0


def test_without_shared_memory_workers_hand_their_images_over_through_a_pipe(tmp_path, monkeypatch):
    plain = run(tmp_path / "plain")
    monkeypatch.setattr(loop, "_shared_memory", lambda: 0)
    np.testing.assert_array_equal(run(tmp_path / "piped", workers=2), plain)


# -- devices ---------------------------------------------------------------------------------------------------


def test_the_device_is_found_without_being_asked_for():
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert pick() == pick("auto") == expected


def test_a_device_that_is_not_there_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match="'cuda' was asked for but this machine has only cpu; use --device auto"):
        pick("cuda")
    with pytest.raises(InputError, match="no device 'tpu'"):
        pick("tpu")
    assert pick("auto") == "cpu"


def test_half_precision_is_off_on_the_cpu():
    with autocast("cpu"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_out_of_memory_is_told_from_other_errors():
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("device-side assert triggered"))
    assert not is_out_of_memory(ValueError("out of memory"))


# -- what encoders may fit on ----------------------------------------------------------------------------------


def test_a_view_names_its_train_rows_by_position_also_after_a_cut():
    train = np.array([True, False, True, True])
    view = View({"train": lambda rows: np.flatnonzero(train[rows])}, np.arange(4), needs=())
    assert view.train.tolist() == [0, 2, 3]
    assert view.subset(np.array([1, 3])).train.tolist() == [1]
    assert View.of(labels=np.array([0, 1])).train.tolist() == [0, 1]  # nothing said: all of them
