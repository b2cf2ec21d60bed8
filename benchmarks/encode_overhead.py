"""What the embedding loop costs on top of a bare loop of decode + forward: the same model, batch and workers.

    python -m benchmarks.encode_overhead                        synthetic JPEGs, random weights
    python -m benchmarks.encode_overhead --images 3000 --pairs 7 --workers 0 2 --device cuda
    python -m benchmarks.encode_overhead --only lite0 --workers 0

Bare loop and `embed` take turns (A B, B A, A B, ...) on the same files in the same process; the ratio is taken within
each pair, and the median ratio is what counts. On a machine that is busy with other things look at the processor
seconds (workers included): waiting for a turn is not in them; one thread (OMP_NUM_THREADS=1) keeps spinning out too.
The bare loop of `lite0` has the network in the same form: folded, channels-last, a few images per core at a time,
bfloat16 where the processor has it. `embed` also writes its result durably and can be resumed; the bare loop only
returns it. Both results are compared.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader

from curation.data.items import make_items
from curation.data.view import Images, View
from curation.methods.encoders import lite0, patches, pixels, timm
from curation.training.device import autocast, pick
from curation.training.embed import Encoder, embed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=600, help="JPEGs to make, 224 x 224")
    parser.add_argument("--pairs", type=int, default=5, help="alternations per row")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--models", nargs="*", default=["resnet18", "mobilenetv4_conv_small"], help="timm models")
    parser.add_argument("--only", default="", help="rows whose encoder starts so")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    device = pick(given.device)
    with tempfile.TemporaryDirectory() as scratch:
        images = photographs(Path(scratch), given.images)
        print(f"{machine(device)}; {len(images):,} JPEGs of 224 x 224, batch {given.batch}, {given.pairs} pairs\n")
        print("| encoder | workers | bare, a second | embed, a second | overhead, median | range | processor time |")
        print("|---|---|---|---|---|---|---|")
        for name, make in encoders(given.models, Path(scratch), given.batch, device).items():
            if not name.startswith(given.only):
                continue
            encoder = make(view(images))
            for workers in given.workers:
                bare, ours = compare(encoder, images, Path(scratch), device, workers, given.pairs)
                wall, processor = (ours / bare - 1).T
                cells = [name, workers, *(f"{len(images) / np.median(loop[:, 0]):.1f}" for loop in (bare, ours))]
                cells += [f"{np.median(wall):+.1%}", f"{wall.min():+.1%} to {wall.max():+.1%}"]
                print("|", " | ".join(map(str, [*cells, f"{np.median(processor):+.1%}"])), "|", flush=True)


def compare(
    encoder: Encoder, images: Images, scratch: Path, device: str, workers: int, pairs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Wall and processor seconds [pairs, 2] of the bare loop and of `embed`."""
    bare_loop(encoder, images.take(np.arange(min(encoder.batch, len(images)))), device, workers)  # warm
    seconds: dict[str, list[tuple[float, float]]] = {"bare": [], "embed": []}
    for turn in range(pairs):
        made = {}
        for which in ("bare", "embed") if turn % 2 == 0 else ("embed", "bare"):
            with tempfile.TemporaryDirectory(dir=scratch) as folder:
                wall, processor = time.perf_counter(), sum(os.times()[:4])
                if which == "bare":
                    made[which] = bare_loop(encoder, images, device, workers)
                else:
                    options = {"device": device, "progress": lambda *_: None, "workers": workers}
                    made[which] = embed(encoder, images, Path(folder), **options)
                seconds[which].append((time.perf_counter() - wall, sum(os.times()[:4]) - processor))
                made[which] = np.array(made[which], dtype=np.float32)
        np.testing.assert_allclose(made["bare"], made["embed"], rtol=0.02, atol=0.02)
    return np.array(seconds["bare"]), np.array(seconds["embed"])


class Plain(torch.utils.data.Dataset):
    def __init__(self, images: Images, encoder: Encoder):
        self.images, self.prepare, self.at_least = images, encoder.prepare, encoder.at_least

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, position: int) -> np.ndarray:
        return self.prepare(self.images.decoded(position, self.at_least))


def bare_loop(encoder: Encoder, images: Images, device: str, workers: int) -> np.ndarray:
    """The loop a person would write: decode, stack, forward, keep."""
    source = Plain(images, encoder)
    loader = DataLoader(source, batch_size=encoder.batch, num_workers=workers, pin_memory=device == "cuda")
    with torch.inference_mode(), autocast(device):
        made = [encoder.forward(batch.to(device, non_blocking=True)).float() for batch in loader]
    return torch.cat(made).cpu().numpy()


def encoders(models: list[str], scratch: Path, batch: int, device: str) -> dict[str, Callable[[View], Encoder]]:
    def of_timm(model: str) -> Callable[[View], Encoder]:
        import timm as library

        torch.save(library.create_model(model).state_dict(), scratch / f"{model}.pth")
        checkpoint = scratch / f"{model}.pth"
        return lambda view: timm.encode(view, device=device, model=model, checkpoint=checkpoint, batch=batch)

    def of_patches(view: View) -> Encoder:
        rng = np.random.default_rng(0)
        made = patches.encode(view, rng=rng, device=device, progress=lambda *_: None, atoms=400)
        return with_batch(made, batch)

    return {f"timm {model}": of_timm(model) for model in models} | {
        "lite0, 224 px": lambda view: lite0.encode(view, device=device, size=224, batch=batch),
        "lite0, 128 px": lambda view: lite0.encode(view, device=device, size=128, batch=batch),
        "patches, 400 atoms": of_patches,
        "pixels (decoding only)": lambda view: with_batch(pixels.encode(view), batch),
    }


def with_batch(encoder: Encoder, batch: int) -> Encoder:
    return replace(encoder, batch=batch)


def photographs(folder: Path, n: int) -> Images:
    """Smooth colour fields with some grain: JPEGs that take as long to decode as photographs of this size."""
    rng = np.random.default_rng(0)
    names = [f"{i:05}.jpg" for i in range(n)]
    for name in names:
        field = Image.fromarray(rng.integers(0, 256, (14, 14, 3), dtype=np.uint8)).resize((224, 224))
        grain = rng.integers(-12, 13, (224, 224, 1), dtype=np.int16)
        Image.fromarray(np.clip(np.asarray(field) + grain, 0, 255).astype(np.uint8)).save(folder / name, quality=90)
    items = make_items(ids=names, paths=names, labels=["a"] * n, splits=["train"] * n, root=folder)
    return Images(items, np.arange(n))


def view(images: Images) -> View:
    return View({"images": lambda rows: images.take(rows)}, np.arange(len(images)), needs=("images",))


def machine(device: str) -> str:
    name = torch.cuda.get_device_name() if device == "cuda" else f"{os.cpu_count()} CPU cores"
    return f"{name}, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    main()
