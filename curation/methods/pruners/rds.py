"""RDS by embeddings: what lies nearest to examples of what is wanted, example by example in turn.

Every example takes the item nearest to it by cosine that no other has taken, then the next example its own, round after
round; so each example is served alike, however many items lie near it. The published method represents a text by the
hidden states of the language model that will be trained; here it is whatever encoder the data are embedded by, which is
cheap, runs anywhere, and knows less. Blind to quality, to labels, and to redundancy among what is taken; a typing error
in an example is served like the rest.

Differs: embeddings of the data's own encoder in the place of position-weighted hidden states (RDS+).

Ivison, Zhang, Brahman, Koh & Dasigi, Large-Scale Data Selection for Instruction Tuning, arXiv 2503.01807, 2025 (RDS+,
the round robin). Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018 (the
use of hidden states).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.chat.examples import example_texts
from curation.data.view import View
from curation.maths.similarity.exact import unit

CARD = Card(
    title="RDS (nearest to examples)",
    cost="examples * n * d time, n * d memory",
    blind_to="quality, labels, and redundancy among what is taken",
    suits="texts and conversations of which a part is like examples you have",
    needs=("embeddings", "text_encoder"),
    paper="https://arxiv.org/abs/2503.01807",
    tags=("brought", "geometry", "texts", "label-free"),
    nested=True,
    stochastic=False,
)

_FIRST = 64  # nearest items an example looks at before it looks further


def select(
    view: View,
    budget: int,
    *,
    target: Annotated[
        Path, Field(description="Examples of what is wanted: one per line, or JSON records of any dialect.")
    ],
) -> np.ndarray:
    """Positions int64 [budget], in the order taken. Raises InputError where the encoder reads no texts.

    >>> import tempfile
    >>> wanted = Path(tempfile.mkdtemp()) / "wanted.txt"
    >>> _ = wanted.write_text("east\\nnorth\\n")
    >>> axes = {"east": [1.0, 0.0], "north": [0.0, 1.0]}
    >>> view = View.of(embeddings=np.array([[1, 0], [1, 0.1], [0.5, 1], [0, 1]]),
    ...     text_encoder=lambda texts: np.array([axes[text] for text in texts]))
    >>> select(view, 3, target=wanted).tolist()
    [0, 3, 1]
    """
    x = unit(view.embeddings)
    wanted = unit(np.asarray(view.text_encoder(example_texts(target)), np.float32))
    taken, order = np.zeros(len(x), bool), []
    lines = [_nearest_first(x, example) for example in wanted]
    while len(order) < budget:
        for line in lines:
            row = next(row for row in line if not taken[row])
            taken[row] = True
            order.append(row)
            if len(order) == budget:
                break
    return np.array(order, np.int64)


def _nearest_first(x: np.ndarray, example: np.ndarray) -> Iterator[int]:
    """Rows from the nearest on, ties to the lower row; sorted no further than it is asked."""
    done, much = 0, _FIRST
    while done < len(x):
        far = -(x @ example)
        much = min(much, len(x))
        limit = np.partition(far, much - 1)[much - 1]
        rows = np.flatnonzero(far <= limit)
        rows = rows[np.lexsort((rows, far[rows]))]
        yield from rows[done:].tolist()
        done, much = len(rows), 4 * len(rows)
