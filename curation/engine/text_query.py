"""Embed a few texts as the encoder of finished embeddings embeds texts: for search by meaning, and for examples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from curation.data.view import View
from curation.engine.registry import Method
from curation.errors import InputError
from curation.training.embed_texts import TextEncoder


def text_encoder(method: Method, params: Mapping[str, Any], folder: Path) -> TextEncoder:
    """The encoder of finished embeddings, ready to embed on the CPU: `encoder(["lost card"])`, float32 [b, d] in the
    space of `embeddings.npy`. method, params: that made them. folder: they lie in, beside what the method learned.

    Loading takes seconds for a large model, so keep what this returns. Raises InputError where the method reads no
    texts, UnavailableError where weights are gone.
    """
    if "texts" not in method.card.needs:
        raise InputError(f"the encoder {method.id} reads no texts of yours; use lsa, static or sentence_transformer")
    method.check(params)
    offer = {"rng": np.random.default_rng(0), "progress": lambda *_, **__: None, "device": "cpu", "into": folder}
    given = {name: value for name, value in offer.items() if name in method.injected}
    return method.call(View.of(texts=[]), **params, **given)
