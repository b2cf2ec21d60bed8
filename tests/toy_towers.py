"""Two towers small enough to train in seconds: OpenCLIP's own code, taught which digit goes with which name.

Saved as a checkpoint, under a model name that open_clip then knows.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
CAPTION = "the number {}"
RATE = 0.004  # of learning, at its height
SHAPE = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 16, "layers": 1, "width": 64, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """uint8 [1797, 16, 16] digits of scikit-learn and their numbers."""
    from sklearn.datasets import load_digits

    grey, number = load_digits(return_X_y=True)
    small = np.round(grey.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    return small.repeat(2, axis=1).repeat(2, axis=2), number


def train(folder: Path, images: np.ndarray, numbers: np.ndarray, *, steps: int = 250, name: str = "digits") -> dict:
    """Train on uint8 [n, 16, 16] images and their numbers; the parameters by which the encoder open_clip finds it."""
    import open_clip
    import torch
    from torch.nn.functional import cross_entropy

    (folder / f"{name}.json").write_text(json.dumps(SHAPE))
    open_clip.add_model_config(folder / f"{name}.json")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = open_clip.create_model(name)
        looks = net.visual.preprocess_cfg
        mean, std = (torch.tensor(looks[part]).view(3, 1, 1) for part in ("mean", "std"))
        x = (torch.tensor(images).float()[:, None].expand(-1, 3, -1, -1) / 255 - mean) / std
        y, words = torch.tensor(numbers), open_clip.get_tokenizer(name)([CAPTION.format(word) for word in NAMES])
        # The names are told apart first, which is quick; pictures are then led to where the names are.
        optimiser = torch.optim.Adam([p for part, p in net.named_parameters() if "visual" not in part], lr=2e-3)
        for _ in range(40):
            text = net.encode_text(words, normalize=True)
            _step(optimiser, cross_entropy(20 * text @ text.T, torch.arange(len(NAMES))))
        text, optimiser = text.detach(), torch.optim.AdamW(net.visual.parameters(), lr=RATE, weight_decay=0.05)
        rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
        for _ in range(steps):
            batch = torch.randint(len(x), (64,))
            _step(optimiser, cross_entropy(10 * net.encode_image(x[batch], normalize=True) @ text.T, y[batch]))
            rate.step()
        torch.save(net.state_dict(), folder / f"{name}.pt")
    return {"model": name, "checkpoint": folder / f"{name}.pt"}


def _step(optimiser, loss) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def write_pairs(folder: Path, images: np.ndarray, captions: list[str]) -> Path:
    """An image folder with metadata.jsonl."""
    (folder / "images").mkdir(parents=True)
    with (folder / "metadata.jsonl").open("w") as out:
        for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
            Image.fromarray(image).save(folder / "images" / f"{i:04d}.png")
            out.write(json.dumps({"file_name": f"images/{i:04d}.png", "text": caption}) + "\n")
    return folder


def swapped(numbers: np.ndarray, share: float, seed: int = 0) -> np.ndarray:
    """The numbers with a share of them permuted among themselves; every permuted one is wrong then."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(numbers), round(share * len(numbers)), replace=False)
    said = numbers.copy()
    for _ in range(1000):
        if (said[rows] != numbers[rows]).all():
            return said
        at = rows[said[rows] == numbers[rows]]
        other = rng.choice(rows, len(at), replace=False)
        said[at], said[other] = said[other], said[at].copy()
    raise AssertionError("no permutation without a fixed point was found")
