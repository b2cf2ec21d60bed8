"""Image quality: pictures too dark, too bright, blurred, blank, or of an odd size or shape.

Six measures, each with a limit. Dark: even the brightest 1 % of pixels are dim. Bright: even the darkest 5 % are
nearly white. Blurred: blurring the picture once more changes little. Blank: few different colours, by the entropy of
their histogram. Size: sides far longer or shorter than is usual here. Shape: one side much longer than the other. The
score is the worst of the six; to see one of them alone, add the flag again under a name of its own with `check` set.
Blind to what a picture shows, and to flaws only a person sees; a picture meant to be dark, plain or soft is flagged
as well, and in data made of such pictures its limit should be moved or switched off.

Dark, bright and blank are computed by CleanVision (Cleanlab, 2022, Apache-2.0, 0.3.7 or later), with its limits; so is
the limit of the shape. Blurred: Crete, Dolmiere, Ladret & Nicolas, The Blur Effect: Perception and Estimation with a
New No-reference Perceptual Blur Metric, SPIE Human Vision and Electronic Imaging 2007, with a limit of ours.
Differs from CleanVision: its sharpness also rises with an uneven histogram, and told photographs from the same ones
softened by a Gaussian of 2 pixels with an AUROC of 0.80 (32 x 32: 0.93), the published metric with 1.00 (1.00). Its
brightness is taken at 256 pixels on the longer side, because percentiles of 12 megapixels take a second; blur at 512,
since every large photograph is soft pixel by pixel. Size is compared with the median, ten times by default as in its
earlier versions; the present rule, by quartiles, flags every other size where three in four pictures share one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from PIL import Image
from pydantic import Field

from curation.card import Card
from curation.data.contents import Images
from curation.data.results import Flags
from curation.data.view import View

CARD = Card(
    title="Image quality",
    cost="n decoded images time, plus about 0.5 ms each for small ones and 4 ms for photographs; n memory",
    blind_to="what a picture shows, and flaws only a person sees",
    needs=("images",),
    paper="https://doi.org/10.1117/12.702790",
    tags=("outlier", "images", "label-free"),
    version=3,
    requires=("cleanvision",),
    rows="all",
    fits_on_train=True,
    stochastic=False,
)

CHECKS = ("dark", "bright", "blurred", "blank", "size", "shape")
_THEIRS = {"dark": "dark", "bright": "light", "blank": "low_information"}  # names in CleanVision
_SIDE, _BLUR_SIDE = 256, 512  # longer side at which brightness and blur are judged
_TAPS = 9  # of the filter that blurs once more


def flag(
    view: View,
    *,
    progress: Callable[..., None] = lambda done, total, message="": None,
    check: Annotated[
        Literal["all", "dark", "bright", "blurred", "blank", "size", "shape"],
        Field(description="One measure, or all of them."),
    ] = "all",
    dark: Annotated[
        float, Field(ge=0, le=1, description="Dark: the 99th percentile of brightness is below this; 0 is never.")
    ] = 0.32,
    bright: Annotated[
        float, Field(ge=0, le=1, description="Bright: 1 - the 5th percentile of brightness is below this; 0 is never.")
    ] = 0.05,
    blurred: Annotated[
        float, Field(gt=0, le=1, description="Blurred: the blur metric, 0 sharp to 1, is above this; 1 is never.")
    ] = 0.6,
    blank: Annotated[
        float, Field(ge=0, le=1, description="Blank: the entropy of the colours, tens of bits, is below this; 0 never.")
    ] = 0.3,
    size: Annotated[
        float, Field(ge=1, le=1e6, description="Odd size: sides this many times longer or shorter than the median.")
    ] = 10.0,
    shape: Annotated[
        float, Field(ge=0, le=1, description="Odd shape: the shorter side over the longer is below this; 0 is never.")
    ] = 0.35,
) -> Flags:
    """score float64 [m] in [0, 1], the worst measure; above 0.5 exactly where flagged, that is beyond its limit.

    >>> from curation.data.items import make_items
    >>> pictures = np.random.default_rng(0).integers(0, 256, size=(3, 20, 20), dtype=np.uint8)
    >>> pictures[1], pictures[2] = pictures[1] // 10, 200
    >>> items = make_items(ids=["noise", "dim", "grey"], labels=["x"] * 3, splits=["train"] * 3, images=pictures)
    >>> flag(View.of(images=Images(items, np.arange(3)))).flagged.tolist()
    [False, True, True]
    """
    if not len(view):
        return Flags(score=np.zeros(0), flagged=np.zeros(0, bool))
    low, blur, sides = _measured(view.images, progress)
    length = np.sqrt(sides.prod(axis=1))
    usual = np.median(length[view.pool] if len(view.pool) else length)
    low |= {"size": np.minimum(length / usual, usual / length), "shape": sides.min(axis=1) / sides.max(axis=1)}
    low["blurred"] = (1 - blur) * blurred  # against blur * (1 - blurred): equal at the limit
    limits = {"dark": dark, "bright": bright, "blank": blank, "size": 1 / size, "shape": shape}
    limits["blurred"] = blur * (1 - blurred)
    beyond = [_over(limits[name], low[name]) for name in CHECKS if check in ("all", name)]
    worst = np.max(beyond, axis=0)  # how far beyond its limit; 1 is at the limit
    return Flags(score=worst / (1 + worst), flagged=worst > 1)


def _over(limit: float | np.ndarray, low: np.ndarray) -> np.ndarray:
    """limit / low, at most a million; 0 where the limit is 0."""
    return np.where(np.asarray(limit) > 0, limit / np.maximum(low, 1e-6 * np.asarray(limit) + 1e-12), 0.0)


def _measured(images: Images, progress: Callable) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """CleanVision's scores under our names, float64 [m] each and low where there is an issue; blur [m]; width and
    height [m, 2]. One image at a time."""
    import pandas as pd
    from cleanvision.issue_managers.image_property_issue_manager import ImagePropertyIssueManager

    manager = ImagePropertyIssueManager()
    brightness, entropy = (manager.image_properties[name] for name in ("dark", "low_information"))
    columns = [np.asarray(images.items.column(name), float) for name in ("width", "height")]
    sides, raw, blur = np.stack(columns, axis=1)[images.rows], [], np.empty(len(images))
    for i, row in enumerate(images.rows):
        sized = np.isfinite(sides[i]).all()  # then a large JPEG need not be decoded in full
        image = images.items.image(int(row), at_least=_BLUR_SIDE if sized else None)
        if not sized:
            sides[i] = image.size
        _shrink(image, _BLUR_SIDE)
        blur[i] = blur_effect(np.asarray(image.convert("L"), np.float32))
        _shrink(image, _SIDE)
        raw.append(brightness.calculate(image) | entropy.calculate(image))
        if i % 256 == 255 or i + 1 == len(images):
            progress(i + 1, len(images))
    table, low = pd.DataFrame(raw), {}
    for ours, theirs in _THEIRS.items():
        scores = manager.image_properties[theirs].get_scores(table, theirs, **manager.params[theirs])
        low[ours] = scores[f"{theirs}_score"].to_numpy(float)
    return low, blur, sides


def _shrink(image: Image.Image, side: int) -> None:
    if max(image.size) > side:
        image.thumbnail((side, side), Image.Resampling.BOX)


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
