"""Embed a query as the encoder of finished embeddings embeds texts, for search by meaning."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from curation.data.view import View
from curation.engine.plan import Step
from curation.training.embed_texts import TextEncoder


def text_encoder(step: Step, folder: Path) -> TextEncoder | None:
    """The encoder of a finished encode step, ready to embed a few texts on the CPU: `encoder(["lost card"])`, float32
    [b, d] in the space of `embeddings.npy`. None where the step's method reads no texts.

    step: of the plan, `plan.find("encode")`. folder: of its result. Loading takes seconds for a large model, so keep
    what this returns. Raises UnavailableError where weights are gone.
    """
    method = step.method
    if "texts" not in method.card.needs:
        return None
    method.check(step.params)
    offer = {
        "rng": np.random.default_rng(step.seed),
        "device": "cpu",
        "into": folder,
        "progress": lambda *_, **__: None,
    }
    given = {name: value for name, value in offer.items() if name in method.injected}
    made = method.call(View.of(texts=[]), **step.params, **given)
    return made if isinstance(made, TextEncoder) else None
