"""Static: the mean of a fixed vector for every token; a sentence encoder reduced to a table.

Texts about the same things lie close together, whatever their words' order, and 100,000 short texts take seconds on a
CPU. Blind to word order and negation: "A pays B" and "B pays A" are one point. The default table speaks English best;
multilingual ones are among Model2Vec's.

Without `model` it reads the table of the package `wordllama`, 32,000 tokens of 256 numbers that were trained against
sentence encoders, straight from its files: nothing of the package is run and nothing is downloaded. With `model` it
reads any Model2Vec model, from a folder or by its name on the hub.

Miller, WordLlama: Recycled Token Embeddings from Large Language Models, 2024; Tulkens & van Dongen, Model2Vec: Fast
State-of-the-Art Static Embeddings, 2024; Arora, Liang & Ma, A Simple but Tough-to-Beat Baseline for Sentence
Embeddings, ICLR 2017.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from curation import packages
from curation.card import Card
from curation.data.view import View
from curation.errors import SourceError, UnavailableError
from curation.training import weights
from curation.training.embed_texts import TextEncoder

CARD = Card(
    title="Static token vectors",
    cost="n * length time; 100,000 short texts take seconds",
    blind_to="word order and negation",
    needs=("texts",),
    paper="https://github.com/MinishLab/model2vec",
    tags=("texts", "pretrained", "label-free", "offline"),
    requires=("tokenizers", "safetensors"),
    rows="all",
    stochastic=False,
    pace=(0.0002, 0.0002),
    rank=1,
    why="It is quick and works offline: its table came with the installation.",
)

PACKAGE = "wordllama"
TABLE, TOKENIZER = "weights/l2_supercat_256.safetensors", "tokenizers/l2_supercat_tokenizer_config.json"


def encode(
    view: View,
    *,
    model: Annotated[
        str, Field(description="A Model2Vec model: a folder, or a name on the hub; empty: the table of wordllama.")
    ] = "",
) -> TextEncoder:
    """Encoder to [m, d], rows of length one; zeros for a text without a known token.

    Raises UnavailableError where the table is missing, SourceError for a folder that holds no model.
    """
    table, forward = _wordllama() if not model else _model2vec(model)
    return TextEncoder(table.shape[1], _unit(forward), batch=512, notes={"table": f"{len(table):,} tokens"})


def preflight(*, model: str = "") -> None:
    """Raises UnavailableError where a package or the weights are missing, SourceError for a folder without a model."""
    if not model:
        _file(TABLE)
        return
    if missing := packages.missing(["model2vec"]):
        raise UnavailableError(packages.needs("static", missing))
    if not _folder(model):
        weights.require(model, ["model.safetensors"], what=f"static's {model}", size="8 to 130 MB")


def files(*, model: str = "") -> list[Path]:
    """What the result depends on, where the model is a folder."""
    return [Path(model).expanduser()] if model and _folder(model) else []


def _wordllama() -> tuple[np.ndarray, Callable[[list[str]], np.ndarray]]:
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    table = load_file(_file(TABLE))["embedding.weight"].astype(np.float32)
    tokenizer = Tokenizer.from_file(str(_file(TOKENIZER)))

    def forward(texts: list[str]) -> np.ndarray:
        made = np.zeros((len(texts), table.shape[1]), np.float32)
        for row, found in enumerate(tokenizer.encode_batch_fast(texts, add_special_tokens=False)):
            if found.ids:
                made[row] = table[np.minimum(found.ids, len(table) - 1)].mean(axis=0)
        return made

    return table, forward


def _model2vec(model: str) -> tuple[np.ndarray, Callable[[list[str]], np.ndarray]]:
    from model2vec import StaticModel

    folder = _folder(model)
    try:
        with weights.from_cache(folder or weights.cached(model, ["model.safetensors"])):
            found = StaticModel.from_pretrained(Path(model).expanduser() if folder else model)
    except Exception as error:  # no such file, no table in it, a tokenizer of another kind: many types
        said = " ".join(str(error).split())[:200]
        raise SourceError(f"{model} does not load as a Model2Vec model: {said}") from None
    return found.embedding, found.encode


def _unit(forward: Callable[[list[str]], np.ndarray]) -> Callable[[list[str]], np.ndarray]:
    def unit(texts: list[str]) -> np.ndarray:
        made = np.nan_to_num(forward(texts).astype(np.float32))
        return made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12)

    return unit


def _file(name: str) -> Path:
    """Raises UnavailableError where the package, or its file, is not there."""
    spec = importlib.util.find_spec(PACKAGE)
    path = Path(next(iter(spec.submodule_search_locations)), name) if spec else None
    if path is None or not path.is_file():
        raise UnavailableError(packages.needs("static", [PACKAGE]))
    return path


def _folder(model: str) -> bool:
    """Whether `model` is a folder. Raises SourceError for a path that leads nowhere, or to no model."""
    path = Path(model).expanduser()
    if path.is_dir():
        if not (path / "model.safetensors").is_file():
            raise SourceError(f"{model} holds no model.safetensors; give the folder of a Model2Vec model")
        return True
    if model.startswith((".", "/", "~")):
        raise SourceError(f"there is no folder {model}; give the folder of a Model2Vec model, or its name on the hub")
    return False
