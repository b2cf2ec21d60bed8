"""Reward: how little a reward model likes the answer.

A reward model is a language model that was taught to put answers in the order people would. It reads an instruction
and the text (a caption, an answer) and says one number; the score is minus that number, so that what it dislikes is
hard. Any local folder of a sequence classifier will do, such as OpenAssistant's deberta-v3, or a model of toxicity;
`output` says which of its numbers counts, by default the last. Nothing is fetched. Texts of over `longest` tokens are
cut. Blind to the image, and to whatever its teachers did not mind; reward models like long answers.

Ouyang, Wu, Jiang et al., Training Language Models to Follow Instructions with Human Feedback, NeurIPS 2022; as an
indicator of pairs: Wei, Jiang, Huang & Sun, InstructionGPT-4, arXiv 2308.12067, 2023.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View

CARD = Card(
    title="Reward",
    cost="one reading of every text by the reward model",
    blind_to="the image, and what its teachers did not mind",
    needs=("responses",),
    paper="https://arxiv.org/abs/2203.02155",
    tags=("brought", "texts", "label-free"),
    requires=("torch", "transformers"),
    stochastic=False,
)
_TOKENS = 8192  # of one batch, at most


def score(
    view: View,
    *,
    device: str,
    progress: Callable[..., None] = lambda done, total, message="": None,
    model: Annotated[Path, Field(description="Folder of a sequence classifier, as save_pretrained writes it.")],
    instruction: Annotated[
        str, Field(description='What the text answers; "" reads the text alone.')
    ] = "Describe this image in detail.",
    output: Annotated[int, Field(ge=-1, le=1000, description="Which of the model's numbers; -1 is the last.")] = -1,
    longest: Annotated[int, Field(ge=16, le=131_072, description="Tokens read at most.")] = 512,
) -> np.ndarray:
    """float64 [m], minus the model's number. Higher = liked less. Raises InputError where there is no such model.

    >>> batches(np.array([3, 900, 5]), 1000)
    [[1], [2, 0]]
    """
    import torch

    from curation.training.sequence_classifier import load

    tokenizer, network, longest = load(model, device, longest, output)
    texts = list(view.responses)
    lengths = np.array([len(text) for text in texts])
    made, done = np.empty(len(texts)), 0
    with torch.inference_mode():
        for rows in batches(lengths, 4 * _TOKENS):  # about four letters a token
            part = [texts[row] for row in rows]
            first = ([instruction] * len(part), part) if instruction else (part,)
            tokens = tokenizer(*first, truncation=True, max_length=longest, padding=True, return_tensors="pt")
            made[rows] = network(**tokens.to(device)).logits[:, output].float().cpu().numpy()
            done += len(rows)
            progress(done, len(texts), "reading texts")
    return -made


def preflight(*, model: Path | None = None, **params) -> None:
    from curation.training import causal_lm

    causal_lm.require(model, "reward")


def batches(lengths: np.ndarray, most: int) -> list[list[int]]:
    """Rows in batches of about one length, the longest first; a batch's longest times its rows is at most `most`."""
    made: list[list[int]] = []
    for row in np.argsort(-lengths, kind="stable").tolist():
        if not made or lengths[made[-1][0]] * (len(made[-1]) + 1) > most:
            made.append([])
        made[-1].append(row)
    return made
