"""A language model from a folder, and what it thinks of a text that follows another.

Only files of the folder are read, nothing is fetched, and no code that lies in it is run. Weights are safetensors, or a
`pytorch_model.bin`, which is opened with `weights_only`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from curation.errors import InputError, UnavailableError

MAX_HEADER = 100 * 1024**2  # bytes of a safetensors header, as the format has it
LOGITS = 1 << 26  # numbers of one batch's logits held at once: 256 MiB of float32
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "tokenizer.model", "vocab.txt")


@dataclass(frozen=True)
class LanguageModel:
    """tokenizer: a fast one of transformers. network: its causal model, in eval mode on `device`."""

    tokenizer: Any
    network: Any
    device: str


def require(folder: Path | None, method: str) -> None:
    """Raise UnavailableError unless a language model lies in the folder and fits into the memory that is free."""
    if folder is None:
        raise UnavailableError(f"{method} was not told which language model to ask; give its folder with model = ...")
    if not folder.is_dir():
        raise UnavailableError(
            f"{method}: model = {str(folder)!r} is no folder; expected one with config.json and weights"
        )
    if not (folder / "config.json").is_file():
        there = "a tokenizer and no model" if any((folder / name).is_file() for name in _TOKENIZER) else "no model"
        raise UnavailableError(f"{method}: {folder} holds {there} (no config.json); save the whole model to it")
    weights = _weight_files(folder)
    if not weights:
        raise UnavailableError(f"{method}: {folder} holds a config.json and no weights; save the whole model to it")
    if not any((folder / name).is_file() for name in _TOKENIZER):
        raise UnavailableError(f"{method}: {folder} holds a model and no tokenizer; save its tokenizer to it as well")
    needed, free = memory(folder), psutil.virtual_memory().available
    if not _gpu() and needed > free:
        raise UnavailableError(
            f"{method}: the language model in {folder} takes about {needed / 1e9:.1f} GB of memory and "
            f"{free / 1e9:.1f} GB are free; choose a smaller one"
        )


def memory(folder: Path) -> int:
    """Bytes that the weights take in float32, with what one batch adds. Raises UnavailableError where a file is
    broken."""
    numbers = sum(_numbers(path) for path in _weight_files(folder))
    return 4 * numbers + 3 * 4 * LOGITS


def load(folder: Path, device: str) -> LanguageModel:
    """The model of a folder that `require` found in order. Raises InputError where it is no causal language model."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(folder, **local)
        kinds = config.architectures or []
        if config.model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES or any("Masked" in kind for kind in kinds):
            raise InputError(
                f"{folder} holds a {config.model_type} ({', '.join(kinds)}); expected a causal language model"
            )
        tokenizer = AutoTokenizer.from_pretrained(folder, **local)
        dtype = torch.float32 if device == "cpu" else torch.bfloat16
        network, about = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, output_loading_info=True, **local)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{folder} cannot be opened as a language model ({said}); save it anew with save_pretrained"
        ) from None
    if lacking := sorted(about["missing_keys"]):
        raise InputError(
            f"the weights in {folder} lack {len(lacking):,} parts of the model, such as {lacking[0]}; save it anew"
        )
    if not tokenizer.is_fast:
        raise InputError(
            f"the tokenizer in {folder} cannot tell where a token stands in the text; save a fast one (tokenizer.json)"
        )
    return LanguageModel(tokenizer, network.eval().to(device), device)


def mean_losses(
    model: LanguageModel,
    pairs: Sequence[tuple[str, str]],
    longest: int,
    progress: Callable[..., None] = lambda done, total, message="": None,
) -> np.ndarray:
    """float64 [n]: the mean loss of the tokens of each text behind what stands before it; NaN where none is scored.

    pairs: (before, text). longest: tokens in all; half of them are for the text, which loses its end beyond, and
    `before` loses its beginning: so a text is cut at the same token whatever stands before it. A token belongs to the
    text where it reaches into it, by its place among the letters. The first token of all is not scored: nothing stands
    before it.
    """
    encoded = [_encode(model.tokenizer, before, text, longest) for before, text in pairs]
    order = sorted(range(len(encoded)), key=lambda i: -len(encoded[i][0]))
    words = int(model.network.config.get_text_config().vocab_size)
    found, at = np.full(len(encoded), np.nan), 0
    while at < len(order):
        width = max(len(encoded[order[at]][0]), 1)
        batch = order[at : at + max(1, LOGITS // (width * words))]
        found[batch] = _losses(model, [encoded[i] for i in batch])
        at += len(batch)
        progress(at, len(order), "asking the language model")
    return found


def _losses(model: LanguageModel, encoded: Sequence[tuple[list[int], int]]) -> np.ndarray:
    import torch

    width = max(max(len(ids) for ids, _ in encoded), 1)
    tokens = torch.zeros((len(encoded), width), dtype=torch.long)
    there, scored = torch.zeros_like(tokens), torch.zeros((len(encoded), width), dtype=torch.bool)
    for row, (ids, first) in enumerate(encoded):
        tokens[row, : len(ids)] = torch.tensor(ids, dtype=torch.long)
        there[row, : len(ids)] = 1
        scored[row, max(first, 1) : len(ids)] = True
    tokens, there, scored = (part.to(model.device) for part in (tokens, there, scored))
    with torch.inference_mode():
        logits = model.network(input_ids=tokens, attention_mask=there).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(logits.float().transpose(1, 2), tokens[:, 1:], reduction="none")
        loss, scored = loss * scored[:, 1:], scored[:, 1:].sum(dim=1)
        return (loss.double().sum(dim=1) / scored).cpu().numpy()  # 0 / 0 is NaN


def _encode(tokenizer: Any, before: str, text: str, longest: int) -> tuple[list[int], int]:
    """(tokens of both, the position of the first that belongs to the text)."""
    made = tokenizer(before + text, return_offsets_mapping=True, add_special_tokens=True, verbose=False)
    ids, places = made["input_ids"], made["offset_mapping"]
    own = [i for i, (start, end) in enumerate(places) if end > len(before) and end > start]
    if not own:
        return ids[:longest], len(ids)
    first, last = own[0], own[0] + min(len(own), longest // 2)
    skipped = max(last - longest, 0)
    return ids[skipped:last], first - skipped


def _weight_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))


def _numbers(path: Path) -> int:
    """How many numbers a file of weights holds; of a .bin, as many as it could in half precision."""
    if path.suffix == ".bin":
        return path.stat().st_size // 2
    with path.open("rb") as handle:
        try:
            length = struct.unpack("<Q", handle.read(8))[0]
            if length > MAX_HEADER:
                raise ValueError
            parts = [part for name, part in json.loads(handle.read(length)).items() if name != "__metadata__"]
            if 8 + length + max((part["data_offsets"][1] for part in parts), default=0) > path.stat().st_size:
                raise ValueError
            return sum(int(np.prod(part["shape"])) for part in parts)
        except (struct.error, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise UnavailableError(f"{path} is no safetensors file, or was cut off; copy it again") from None


def _gpu() -> bool:
    import torch

    return torch.cuda.is_available()
