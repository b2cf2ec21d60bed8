"""CLIP score: how badly an image fits its own caption.

Of an image-text pair whose two halves lie in one space, one minus their cosine. The usual first filter of pairs that
were collected rather than written: what does not fit goes. The scale is the encoder's own, so take a share ("the best
30 %") and look at the pairs at the cut, not a threshold from somebody else's model. Long captions are known to score
lower. Blind to redundancy, to what a caption leaves out, and to text in the picture that repeats the caption.

Hessel, Holtzman, Forbes et al., CLIPScore: A Reference-free Evaluation Metric for Image Captioning, EMNLP 2021; as a
filter: Gadre, Ilharco, Fang et al., DataComp: In Search of the Next Generation of Multimodal Datasets, NeurIPS 2023.
"""

from __future__ import annotations

import numpy as np

from curation.card import Card
from curation.data.view import View
from curation.maths.similarity.exact import unit

CARD = Card(
    title="CLIP score",
    cost="n * d time, n * d memory",
    blind_to="redundancy; text in the picture that repeats the caption",
    needs=("embeddings", "text_embeddings"),
    paper="https://arxiv.org/abs/2104.08718",
    tags=("embeddings", "pairs", "label-free"),
    rows="all",
    stochastic=False,
)


def score(view: View) -> np.ndarray:
    """float64 [m] in [0, 2], 1 - cosine of image and caption. Higher = fits worse.

    >>> score(View.of(embeddings=np.eye(2), text_embeddings=np.array([[1.0, 0.0], [1.0, 1.0]]))).round(2)
    array([0.  , 0.29])
    """
    cosine = np.einsum("nd,nd->n", unit(view.embeddings), unit(view.text_embeddings))
    return 1.0 - cosine.astype(np.float64)
