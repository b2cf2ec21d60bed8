"""A language model small enough to be worked out by hand, as a folder that transformers opens.

GPT-2 with one layer whose attention and perceptron are switched off (`still`), so that what it expects next depends on
the last token alone: the logits are layer_norm(embedding of it) @ embeddings. With `still=False` they are random.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

WORDS = ["<unk>", "the", "cat", "dog", "sat", "ran", "on", "mat", "say", "hello", "yes", "no", ".", "?", ":", "\n"]
WIDTH, LAYERS, PLACES = 8, 1, 64


def embeddings() -> np.ndarray:
    return np.random.default_rng(7).normal(size=(len(WORDS), WIDTH)).astype(np.float32)


def expected_loss(tokens: list[int], first: int) -> float:
    """Mean of -log p(token | the one before) from position `first` on, in float64."""
    table = embeddings().astype(np.float64)
    losses = []
    for before, now in zip(tokens[first - 1 :], tokens[first:], strict=False):
        x = table[before]
        z = table @ ((x - x.mean()) / np.sqrt(x.var() + 1e-5))
        losses.append(np.log(np.exp(z).sum()) - z[now])
    return float(np.mean(losses))


def tokens_of(text: str) -> list[int]:
    """As the tokenizer of the folder cuts a text: words, and every other letter alone."""
    import re

    known = {word: at for at, word in enumerate(WORDS)}
    return [known.get(part, 0) for part in re.findall(r"\w+|\n|[^\w\s]", text.lower())]


def save_tokenizer(folder: Path) -> None:
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import Sequence, Split

    folder.mkdir(parents=True, exist_ok=True)
    made = Tokenizer(WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="<unk>"))
    made.normalizer = Lowercase()
    words = Split(Regex(r"\w+|\n|[^\w\s]"), "removed", invert=True)
    made.pre_tokenizer = Sequence([words])
    made.save(str(folder / "tokenizer.json"))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "model_max_length": PLACES}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))


def save_model(folder: Path, *, still: bool = True) -> None:
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)

    def made(*shape: int) -> np.ndarray:
        drawn = rng.normal(scale=0.5, size=shape)
        return (np.zeros(shape) if still else drawn).astype(np.float32)

    ones, zeros = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)
    weights = {"transformer.wte.weight": embeddings(), "transformer.wpe.weight": made(PLACES, WIDTH)}
    for name in ("h.0.ln_1", "h.0.ln_2", "ln_f"):
        weights |= {f"transformer.{name}.weight": ones.copy(), f"transformer.{name}.bias": zeros.copy()}
    for name, shape in (
        ("attn.c_attn", (WIDTH, 3 * WIDTH)),
        ("attn.c_proj", (WIDTH, WIDTH)),
        ("mlp.c_fc", (WIDTH, 4 * WIDTH)),
        ("mlp.c_proj", (4 * WIDTH, WIDTH)),
    ):
        weights |= {f"transformer.h.0.{name}.weight": made(*shape), f"transformer.h.0.{name}.bias": made(shape[1])}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    about = {
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": len(WORDS), "n_positions": PLACES,
        "n_embd": WIDTH, "n_layer": LAYERS, "n_head": 2, "bos_token_id": 0, "eos_token_id": 0,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(about))


def save_reward(folder: Path) -> Path:
    """A sequence classifier that says one number, with random weights and the same tokenizer."""
    import torch
    from transformers import GPT2Config, GPT2ForSequenceClassification

    save_tokenizer(folder)
    about = {"vocab_size": len(WORDS), "n_positions": PLACES, "n_embd": WIDTH, "n_layer": LAYERS, "n_head": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = GPT2ForSequenceClassification(GPT2Config(**about, num_labels=1, pad_token_id=0, eos_token_id=0))
        network.save_pretrained(folder)
    return folder


def save(folder: Path, *, still: bool = True) -> Path:
    save_tokenizer(folder)
    save_model(folder, still=still)
    return folder
