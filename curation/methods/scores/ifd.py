"""IFD (instruction-following difficulty): how little the prompt helps a language model to say the answer.

A causal language model reads every answer twice, behind its prompt and alone. Two definitions go by the name, and rank
differently. `perplexity`, Superfiltering's: the perplexity behind the prompt over the perplexity alone; the answer
stands alone without anything before it, and its first token is not scored. `loss`, Cherry's: the mean loss behind the
prompt over the mean loss alone, in the Alpaca template, "### Response:" before the answer both times. Of a
conversation it is the last answer, and all before it is the prompt. Near 0: the prompt says it all; 1: it does not
help; above 1 it misleads, and both papers drop such rows (the pruner `quota_by_score` does so with `below = 1`). An
answer without a token that can be scored gets 1.

`model` is any folder of a causal language model with a fast tokenizer; nothing is fetched. About 2 * (its weights) *
tokens of work, twice: 52,000 short conversations and GPT-2 take minutes on a GPU, and hours on two cores. Blind to
whether the answer is right, and to what the model has learnt by heart. At scale it has not beaten a random choice
(docs/chat.md).

Differs: tokens of the answer are told by their place in the text, not by searching for it; both readings are cut at the
same token; nothing fails silently.

Li et al., From Quantity to Quality: Boosting LLM Performance with Self-Guided Data Selection for Instruction Tuning,
NAACL 2024 (`loss`). Li et al., Superfiltering: Weak-to-Strong Data Filtering for Fast Instruction-Tuning, ACL 2024
(`perplexity`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.chat.conversation import Conversation
from curation.data.view import View

CARD = Card(
    title="IFD (instruction-following difficulty)",
    cost="two readings of every answer by the language model",
    blind_to="whether the answer is right",
    needs=("chats",),
    paper="https://arxiv.org/abs/2308.12032",
    tags=("brought", "chat", "label-free"),
    requires=("torch", "transformers"),
    stochastic=False,
)

_ALPACA = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{prompt}\n\n"
)
_BEFORE = "### Response:"


def score(
    view: View,
    *,
    device: str,
    progress: Callable[..., None] = lambda done, total, message="": None,
    model: Annotated[Path, Field(description="Folder of a causal language model, as save_pretrained writes it.")],
    ratio: Annotated[
        Literal["perplexity", "loss"],
        Field(description="Superfiltering's ratio of perplexities, or Cherry's of losses."),
    ] = "perplexity",
    longest: Annotated[
        int, Field(ge=16, le=131_072, description="Tokens read at most; a prompt loses its start, an answer its end.")
    ] = 1024,
) -> np.ndarray:
    """float64 [m] >= 0. Higher = the prompt helps less. Raises InputError where the folder holds no such model.

    >>> ifd(np.array([2.5]), np.array([1.75]), "loss").round(2).tolist()
    [0.7]
    >>> ifd(np.array([2.5]), np.array([1.75]), "perplexity").round(4).tolist()
    [0.4724]
    """
    from curation.training import causal_lm

    lm = causal_lm.load(model, device)
    room = getattr(lm.network.config.get_text_config(), "max_position_embeddings", None) or longest
    pairs, alone = [], []
    for chat in view.chats:
        if ratio == "loss":
            pairs.append((_ALPACA.format_map({"prompt": chat.prompt}) + _BEFORE, chat.response))
            alone.append((_BEFORE, chat.response))
        else:
            pairs.append((f"{_prompt(chat)}\n" if chat.prompt else "", chat.response))
            alone.append(("", chat.response))
    losses = causal_lm.mean_losses(lm, [*pairs, *alone], min(longest, room), progress)
    return ifd(losses[len(pairs) :], losses[: len(pairs)], ratio)


def preflight(*, model: Path | None, **_) -> None:
    from curation.training import causal_lm

    causal_lm.require(model, "ifd")


def ifd(alone: np.ndarray, behind: np.ndarray, ratio: str) -> np.ndarray:
    """float64 [n] from mean losses of the answer alone and behind its prompt; 1 where one of them is not known."""
    known = np.isfinite(alone) & np.isfinite(behind)
    alone, behind = np.where(known, alone, 1.0), np.where(known, behind, 1.0)
    if ratio == "perplexity":
        return np.exp(np.minimum(behind - alone, 50.0))
    return np.where(alone > 0, behind / np.maximum(alone, 1e-12), 1.0)


def _prompt(chat: Conversation) -> str:
    """What stands before the last answer, its system prompt included."""
    return "\n".join(part for part in (chat.system, chat.prompt) if part)
