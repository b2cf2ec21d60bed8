"""Image quality: pictures too dark, too bright, blurred, blank, or of an odd size or shape.

Six measures, each with a limit. Dark: even the brightest 1 % of pixels are dim. Bright: even the darkest 5 % are
nearly white. Blurred: hardly any edges, and not for want of contrast alone. Blank: few different colours, by the
entropy of their histogram. Size: sides far longer or shorter than is usual here. Shape: one side much longer than the
other. The score is the worst of the six; to see one of them alone, add the flag again under a name of its own with
`check` set. Blind to what a picture shows, and to flaws only a person sees; a picture meant to be dark, plain or soft
is flagged as well, and in data made of such pictures its limit should be moved or switched off.

Cleanlab, CleanVision (Apache-2.0), 2022: measures, scales and limits are those of its 0.3.7; here the first four are
computed by it, the last two are quotients of sides.
Differs: brightness and entropy are taken at 256 pixels on the longer side (blur at 64, by CleanVision itself), because
its percentiles of a photograph of 12 megapixels take a second. Size is compared with the median, ten times by default
as in earlier CleanVision; its present rule, quartiles, flags every picture that differs at all where three in four
share a size.
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
    cost="n decoded images time, plus about 0.5 ms each for small ones and 4 ms for photographs; n memory",
    blind_to="what a picture shows, and flaws only a person sees",
    needs=("images",),
    paper="https://github.com/cleanlab/cleanvision",
    tags=("outlier", "images", "label-free"),
    version=2,
    requires=("cleanvision",),
    stochastic=False,
)

CHECKS = ("dark", "bright", "blurred", "blank", "size", "shape")
_THEIRS = {"dark": "dark", "bright": "light", "blurred": "blurry", "blank": "low_information"}  # names in CleanVision
_SIDE = 256  # longer side at which pixels are judged


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
    ] = 0.32,
    bright: Annotated[
        float, Field(ge=0, le=1, description="Bright: 1 - the 5th percentile of brightness is below this; 0 is never.")
    ] = 0.05,
    blurred: Annotated[
        float, Field(ge=0, le=1, description="Blurred: the sharpness, 0 to 1, is below this; 0 is never.")
    ] = 0.29,
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
    low, sides = _measured(view.images, progress)
    length = np.sqrt(sides.prod(axis=1))
    usual = np.median(length)
    low |= {"size": np.minimum(length / usual, usual / length), "shape": sides.min(axis=1) / sides.max(axis=1)}
    limits = {"dark": dark, "bright": bright, "blurred": blurred, "blank": blank, "size": 1 / size, "shape": shape}
    beyond = [_over(limits[name], low[name]) for name in CHECKS if check in ("all", name)]
    worst = np.max(beyond, axis=0)  # how far beyond its limit; 1 is at the limit
    return Flags(score=worst / (1 + worst), flagged=worst > 1)


def _over(limit: float, value: np.ndarray) -> np.ndarray:
    """limit / value, at most a million; 0 where the limit is 0."""
    return limit / np.maximum(value, 1e-6 * limit) if limit else np.zeros(len(value))


def _measured(images: Images, progress: Callable) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """CleanVision's scores of every picture under our names, float64 [m] each and low where there is an issue, and
    width and height [m, 2]; one image at a time."""
    import pandas as pd
    from cleanvision.issue_managers.image_property_issue_manager import ImagePropertyIssueManager

    manager = ImagePropertyIssueManager()
    measure = manager.image_properties
    columns = [np.asarray(images.items.column(name), float) for name in ("width", "height")]
    sides, raw = np.stack(columns, axis=1)[images.rows], []
    for i, row in enumerate(images.rows):
        sized = np.isfinite(sides[i]).all()  # then a large JPEG need not be decoded in full
        image = images.items.image(int(row), at_least=_SIDE if sized else None)
        if not sized:
            sides[i] = image.size
        if max(image.size) > _SIDE:
            image.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
        raw.append(
            {k: v for name in ("dark", "blurry", "low_information") for k, v in measure[name].calculate(image).items()}
        )
        if i % 256 == 255 or i + 1 == len(images):
            progress(i + 1, len(images))
    table = pd.DataFrame(raw)
    made = {}
    for ours, theirs in _THEIRS.items():
        score = measure[theirs].get_scores(table, theirs, **manager.params[theirs])
        made[ours] = score[f"{theirs}_score"].to_numpy(float)
    return made, sides
