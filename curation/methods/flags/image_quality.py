"""Image quality: pictures too dark, too bright, blurred, blank, or of an odd size or shape.

Six measures, each with a limit. Dark: even the brightest 1 % of pixels are dim. Bright: even the darkest 5 % are
nearly white. Blurred: blurring the picture once more changes little. Blank: brightness hardly varies. Size: sides far
longer or shorter than is usual here. Shape: one side much longer than the other. The score is the worst of the six;
to see one of them alone, add the flag again under a name of its own with `check` set. Blind to what a picture shows,
and to flaws only a person sees; a picture meant to be dark, plain or soft is flagged as well, and in data made of such
pictures its limit should be moved or switched off.

Brightness is ITU-R BT.601 luma in 0..1. Blur: Crete, Dolmiere, Ladret & Nicolas, The Blur Effect: Perception and
Estimation with a New No-reference Perceptual Blur Metric, SPIE Human Vision and Electronic Imaging 2007. Blankness is
the standard deviation of luma, the contrast of Peli, Contrast in Complex Images, JOSA A 1990. Shape: Gadre, Ilharco,
Fang et al., DataComp, NeurIPS 2023, whose basic filter allows 3 : 1.
Differs: photographs are judged as they look at 512 pixels on the longer side, since every large photograph is soft
when looked at pixel by pixel; limits other than that of the shape are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from PIL import Image
from pydantic import Field

from curation.card import Card
from curation.data.view import Flags, Images, View

CARD = Card(
    title="Image quality",
    cost="n decoded images time, about 1 ms each for small ones; n memory",
    blind_to="what a picture shows, and flaws only a person sees",
    needs=("images",),
    paper="https://doi.org/10.1117/12.702790",
    tags=("outlier", "images", "label-free"),
    requires=("scipy",),
    stochastic=False,
)

CHECKS = ("dark", "bright", "blurred", "blank", "size", "shape")
_SIDE = 512  # longer side at which brightness and blur are judged
_TAPS = 9  # of the filter that blurs once more


def flag(
    view: View,
    *,
    progress: Callable[..., None] = lambda done, total, message="": None,
    check: Annotated[
        Literal["all", "dark", "bright", "blurred", "blank", "size", "shape"],
        Field(description="The one measure to go by, or all of them."),
    ] = "all",
    dark: Annotated[
        float, Field(ge=0, le=1, description="Dark: the 99th percentile of brightness is below this; 0 is never.")
    ] = 0.25,
    bright: Annotated[
        float, Field(ge=0, le=1, description="Bright: the 5th percentile of brightness is above this; 1 is never.")
    ] = 0.95,
    blurred: Annotated[
        float, Field(gt=0, le=1, description="Blurred: the blur metric, 0 sharp to 1, is above this; 1 is never.")
    ] = 0.6,
    blank: Annotated[
        float, Field(ge=0, le=0.5, description="Blank: brightness deviates by less than this; 0 is never.")
    ] = 0.03,
    size: Annotated[
        float, Field(ge=1, le=1e6, description="Odd size: sides this many times longer or shorter than the median.")
    ] = 5.0,
    shape: Annotated[
        float, Field(ge=1, le=1e6, description="Odd shape: the longer side is this many times the shorter.")
    ] = 3.0,
) -> Flags:
    """score float64 [m] in [0, 1], the worst measure; above 0.5 exactly where flagged, that is beyond its limit.

    >>> from curation.data.items import make_items
    >>> pictures = np.random.default_rng(0).integers(0, 256, size=(3, 20, 20), dtype=np.uint8)
    >>> pictures[1], pictures[2] = pictures[1] // 10, 200
    >>> items = make_items(ids=["noise", "dim", "grey"], labels=["x"] * 3, splits=["train"] * 3, images=pictures)
    >>> flag(View.of(images=Images(items, np.arange(3)))).flagged.tolist()
    [False, True, True]
    """
    low, high, contrast, blur, width, height = _measured(view.images, progress).T
    side, ratio = np.sqrt(width * height), np.maximum(width, height) / np.minimum(width, height)
    usual = np.median(side) if len(side) else 1.0
    beyond = {  # how far beyond its limit; 1 is at the limit
        "dark": _over(dark, high),
        "bright": _over(1 - bright, 1 - low),
        "blurred": _over(blur * (1 - blurred), (1 - blur) * blurred),
        "blank": _over(blank, contrast),
        "size": np.maximum(side / usual, usual / side) / size,
        "shape": ratio / shape,
    }
    worst = np.max([beyond[name] for name in CHECKS if check in ("all", name)], axis=0)
    return Flags(score=worst / (1 + worst), flagged=worst > 1)


def _over(a, b) -> np.ndarray:
    """a / b, at most a million; 0 where a is 0."""
    return np.where(np.asarray(a) > 0, a / np.maximum(b, 1e-6 * np.asarray(a) + 1e-12), 0.0)


def _measured(images: Images, progress: Callable) -> np.ndarray:
    """float64 [m, 6]: 5th and 99th percentile and deviation of luma, blur, width, height; one image at a time."""
    columns = [np.asarray(images.items.column(name), float) for name in ("width", "height")]
    known = np.stack(columns, axis=1)[images.rows]
    made = np.empty((len(images), 6))
    for i, row in enumerate(images.rows):
        sized = np.isfinite(known[i]).all()  # then a large JPEG need not be decoded in full
        image = images.items.image(int(row), at_least=_SIDE if sized else None)
        made[i, 4:] = known[i] if sized else image.size
        grey = image.convert("L")
        if max(grey.size) > _SIDE:
            grey.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
        made[i, :3] = _brightness(grey)
        made[i, 3] = blur_effect(np.asarray(grey, np.float32))
        if i % 256 == 255 or i + 1 == len(images):
            progress(i + 1, len(images))
    return made


def _brightness(grey: Image.Image) -> tuple[float, float, float]:
    count = np.array(grey.histogram(), float)
    share, level = np.cumsum(count) / count.sum(), np.arange(256) / 255
    mean = level @ count / count.sum()
    low, high = np.searchsorted(share, [0.05, 0.99], side="left")
    return level[min(low, 255)], level[min(high, 255)], np.sqrt((level - mean) ** 2 @ count / count.sum())


def blur_effect(grey: np.ndarray) -> float:
    """0 (sharp) to 1: the share of the steps between neighbouring pixels of [h, w] that blurring leaves, in the
    direction where it leaves more. 0 where nothing varies.

    >>> edge = np.repeat([[0.0, 1.0]], 16, axis=1).repeat(4, axis=0)
    >>> ramp = np.tile(np.arange(32.0), (4, 1))
    >>> round(blur_effect(edge), 2), round(blur_effect(ramp), 2)
    (0.11, 0.93)
    """
    from scipy.ndimage import uniform_filter1d

    worst = 0.0
    for axis in (0, 1):
        steps = np.abs(np.diff(grey, axis=axis))
        again = np.abs(np.diff(uniform_filter1d(grey, _TAPS, axis=axis, mode="nearest"), axis=axis))
        total = steps.sum(dtype=np.float64)
        if total > 0:
            worst = max(worst, 1 - np.maximum(steps - again, 0).sum(dtype=np.float64) / total)
    return float(worst)
