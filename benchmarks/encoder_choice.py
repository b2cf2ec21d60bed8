"""Which encoder suits which small images, without a hub: linear accuracy of lite0, patches and pixels.

    python -m benchmarks.encoder_choice                          scikit-learn's digits and images made for this
    python -m benchmarks.encoder_choice --cifar cifar10.zip      and CIFAR-10, in colour and in grey

What the app proposes rests on this table (docs/start.md). Every set has 1,200 images of 32 x 32 or 8 x 8, of which the
classifier sees 900; letters are tested in fonts it has not seen. Its strength is the better of two, for each encoder.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from curation.data.items import make_items
from curation.data.textures import coarse
from curation.data.view import Images, View
from curation.methods.encoders import lite0, patches, pixels
from curation.training.embed import embed

SIDE, N = 32, 1_200
Pictures = tuple[np.ndarray, np.ndarray, np.ndarray]  # uint8 [n, h, w, 3], classes [n], which are for training [n]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar", type=Path, help="CIFAR-10 as a zip of JPEGs")
    given = parser.parse_args()
    print("| images | coarse | lite0 | patches | pixels |\n|---|---|---|---|---|")
    for name, (images, labels, train) in sets(given.cifar):
        share = np.median([coarse(Image.fromarray(image)) for image in images[:: N // 200]])
        found = [accuracy(encoder, images, labels, train) for encoder in ("lite0", "patches", "pixels")]
        print(f"| {name} | {share:.2f} | {' | '.join(f'{100 * value:.1f}' for value in found)} |", flush=True)


def accuracy(use: str, images: np.ndarray, labels: np.ndarray, train: np.ndarray) -> float:
    """Of a logistic regression on the features of one encoder, on the images that are not for training."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    n, (height, width) = len(images), images.shape[1:3]
    items = make_items(
        ids=[str(i) for i in range(n)],
        labels=[str(label) for label in labels],
        splits=np.where(train, "train", "test").tolist(),
        widths=[width] * n,
        heights=[height] * n,
        images=images,
    )
    provide = {"images": lambda rows: Images(items, rows), "train": lambda rows: np.flatnonzero(train[rows])}
    view = View(provide, np.arange(n), needs=("images",))
    quiet = {"device": "cpu", "progress": lambda *_: None}
    made = {
        "lite0": lambda: lite0.encode(view, device="cpu"),
        "patches": lambda: patches.encode(view, rng=np.random.default_rng(0), **quiet),
        "pixels": lambda: pixels.encode(view),
    }[use]()
    with tempfile.TemporaryDirectory() as folder:
        x = np.array(embed(made, view.images, Path(folder), **quiet), dtype=np.float32)
    models = (make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=500)) for c in (0.003, 0.03))
    return max(model.fit(x[train], labels[train]).score(x[~train], labels[~train]) for model in models)


def sets(cifar: Path | None) -> Iterator[tuple[str, Pictures]]:
    from sklearn.datasets import load_digits

    if cifar:
        images, labels = photographs(cifar)
        train = np.arange(N) % 4 != 0
        yield "CIFAR-10", (images, labels, train)
        yield "CIFAR-10 in grey", (grey(images @ np.array([0.299, 0.587, 0.114])), labels, train)
    yield "letters, grey and noisy", letters(colour=False)
    yield "letters, flat colours", letters(colour=True)
    yield "spectrograms", spectrograms()
    yield "textures", textures()
    digits = load_digits()
    yield "digits, 8 x 8", (grey(digits.images[:N] * 255 / 16), digits.target[:N], np.arange(N) % 4 != 0)


def photographs(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """As many images of every class, by chance."""
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path) as archive:
        names = np.array(sorted(name for name in archive.namelist() if "train/" in name and name.endswith(".jpg")))
        chosen = rng.permutation(names)[:N]
        images = [np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("RGB")) for name in chosen]
    return np.stack(images), np.unique([Path(name).parent.name for name in chosen], return_inverse=True)[1]


def letters(*, colour: bool) -> Pictures:
    """26 capitals in the fonts of matplotlib, moved and turned a little; a quarter of the fonts is for testing."""
    import matplotlib

    strange = ("STIXSiz", "STIXNonUni", "cmsy", "cmex", "cmmi", "Display")
    files = sorted(Path(matplotlib.get_data_path(), "fonts/ttf").glob("*.ttf"))
    fonts = [str(file) for file in files if not any(word in file.name for word in strange)]
    rng, images = np.random.default_rng(1), []
    letter, font = rng.integers(26, size=N), rng.integers(len(fonts), size=N)
    for code, number in zip(letter, font, strict=True):
        shades = rng.permutation([rng.integers(0, 90), rng.integers(160, 256)])
        ground, ink = rng.integers(0, 256, (2, 3)) if colour else np.repeat(shades[:, None], 3, axis=1)
        image = Image.new("RGB", (SIDE, SIDE), tuple(ground.tolist()))
        place, size = SIDE / 2 + 2 * rng.standard_normal(2), int(rng.integers(16, 28))
        drawn = ImageFont.truetype(fonts[number], size)
        ImageDraw.Draw(image).text(tuple(place), chr(65 + code), tuple(ink.tolist()), font=drawn, anchor="mm")
        turned = image.rotate(8 * rng.standard_normal(), Image.Resampling.BICUBIC, fillcolor=tuple(ground.tolist()))
        grain = 0 if colour else 8 * rng.standard_normal((SIDE, SIDE, 1))
        images.append(np.clip(np.asarray(turned) + grain, 0, 255).astype(np.uint8))
    return np.stack(images), letter, font % 4 != 0


def textures() -> Pictures:
    """Noise that was filtered to three scales in four directions, with as much white noise on top."""
    rng = np.random.default_rng(2)
    y, x = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE), indexing="ij")
    radius, angle, labels, images = np.hypot(y, x), np.arctan2(y, x), rng.integers(12, size=N), []
    for label in labels:
        scale, direction = 0.08 + 0.09 * (label % 3), np.pi * (label // 3) / 4
        band = np.exp(-(((radius - scale) / 0.05) ** 2)) * np.exp(-((np.sin(angle - direction) / 0.6) ** 2))
        made = np.fft.ifft2(np.fft.fft2(rng.standard_normal((SIDE, SIDE))) * band).real
        images.append(128 + 40 * made / made.std() + 40 * rng.standard_normal((SIDE, SIDE)))
    return grey(np.stack(images)), labels, np.arange(N) % 4 != 0


def spectrograms() -> Pictures:
    """Eight sounds in noise: steady, rising and falling at two speeds, trembling, with a tone above or below."""
    rng = np.random.default_rng(3)
    time, pitch = np.arange(SIDE)[None], np.arange(SIDE)[:, None]
    labels, images = rng.integers(8, size=N), []
    for label in labels:
        start, length, height = rng.uniform(4, 16), rng.uniform(8, 16), rng.uniform(6, 24)
        line = height + (0, 0.6, -0.6, 1.2, -1.2, 0, 0, 0)[label] * (time - start)
        line = line + (2.5 * np.sin(1.2 * (time - start)) if label == 5 else 0)
        second = {6: line + 6, 7: line / 2}.get(label)
        tones = 140 * np.exp(-(((pitch - line) / 0.9) ** 2))
        tones = tones + (0 if second is None else 100 * np.exp(-(((pitch - second) / 0.9) ** 2)))
        images.append(rng.gamma(1.0, 12.0, (SIDE, SIDE)) + tones * ((time > start) & (time < start + length)))
    return grey(np.stack(images)), labels, np.arange(N) % 4 != 0


def grey(values: np.ndarray) -> np.ndarray:
    """float [n, h, w] -> uint8 [n, h, w, 3]."""
    return np.repeat(np.clip(np.round(values), 0, 255).astype(np.uint8)[..., None], 3, axis=3)


if __name__ == "__main__":
    main()
