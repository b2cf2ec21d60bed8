"""A model that reads a text and says a few numbers, from a local folder: a reward model, a classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curation.errors import InputError


def load(folder: Path, device: str, longest: int, output: int) -> tuple[Any, Any, int]:
    """Its tokenizer, its network in eval mode, and the tokens it can read, at most `longest`.

    Nothing is fetched and no code of the folder is run. Raises InputError where it is no such model or has no `output`.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **local)
        network, about = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True, **local)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{folder} cannot be opened as a sequence classifier ({said}); save it anew with save_pretrained"
        ) from None
    if lacking := sorted(about["missing_keys"]):
        raise InputError(
            f"the weights in {folder} lack {len(lacking):,} parts of a sequence classifier, such as {lacking[0]}: it "
            "was not taught to say numbers; name a reward model"
        )
    if not -1 <= output < network.config.num_labels:
        raise InputError(
            f"output = {output}: the model in {folder} says {network.config.num_labels} numbers, counted from 0"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(network.config.pad_token_id or 0)
        network.config.pad_token_id = tokenizer.pad_token_id
    room = getattr(network.config, "max_position_embeddings", None) or longest
    return tokenizer, network.eval().to(device), min(longest, room)
