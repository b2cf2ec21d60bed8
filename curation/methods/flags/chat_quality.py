"""Chat quality: conversations that would break a training or teach nothing, by their form alone.

    roles      not in turn, unknown, or the last turn is no answer      several    the same prompt has different answers
    empty      an answer or a question without text                     cut_off    an answer that stops in the middle
    echo       the answer is the prompt, or rejected = chosen           template   tokens of a chat template in the text
    refusal    "as an AI language model", in several languages          images     <image> marks and images do not match
    fence      a block of code that is not closed                       urls       an answer of addresses only
    tool_json  a tool call that is no JSON                              base64     a file in the text
    script     an answer in other letters than the question             leak       13 words in a row also in train

The score grows with the number of checks that failed; notes on the result count each. To see one of them alone, add
the flag again under a name of its own with `check` set. `cut_off` is an answer without closing punctuation that is
among the longest 1 %, or has exactly as many letters, over 200, as three others like it: what a limit on length leaves
behind. `leak` is said of held-out conversations, never of those they were copied from, which no held-out one has a say
in. Blind to what is said: a wrong answer in good form passes; a refusal that is right is flagged; a translation is
flagged by `script`; and a language in the same letters is not noticed.

Brown et al., Language Models are Few-Shot Learners, NeurIPS 2020, appendix C (13 words in a row).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.chat.checks import SINGLE, unfinished
from curation.data.chat.conversation import Conversation
from curation.data.provided import take
from curation.data.reading.text_checks import normalised
from curation.data.results import Flags
from curation.data.view import View

CARD = Card(
    title="Chat quality",
    cost="reads every conversation once; some bytes for each",
    blind_to="what is said: a wrong answer in good form passes",
    needs=("chats",),
    paper="https://arxiv.org/abs/2005.14165",
    tags=("outlier", "chat", "label-free"),
    rows="all",
    stochastic=False,
)

ACROSS = ("several", "cut_off", "leak")
CHECKS = (*SINGLE, *ACROSS)
_LONGEST = 0.99  # quantile of the lengths above which an answer without an end counts as cut off
_ALIKE, _LEAST = 4, 200  # so many unfinished answers of the same length, of so many letters at the least
_WORDS = 13


def flag(
    view: View,
    *,
    progress: Callable[..., None] = lambda done, total, message="": None,
    check: Annotated[
        Literal["all", *CHECKS],
        Field(description="One check, or all of them."),
    ] = "all",
) -> Flags:
    """score float64 [m] in [0, 1): k / (k + 1) where k checks failed; flagged where any did.

    >>> from curation.data.chat.conversation import Turn
    >>> good = Conversation((Turn("user", "Say hello."), Turn("assistant", "Hello.")))
    >>> bad = Conversation((Turn("user", "Say no."), Turn("assistant", " ")))
    >>> flag(View.of(chats=[good, bad])).flagged.tolist()
    [False, True]
    """  # fmt: skip
    wanted = CHECKS if check == "all" else (check,)
    failed = {name: np.zeros(len(view), bool) for name in wanted}
    across = _Across(len(view))
    for at, chat in enumerate(view.chats):
        for name in wanted:
            if name in SINGLE:
                failed[name][at] = bool(SINGLE[name](chat))
        across.add(at, chat)
        if at % 1000 == 999:
            progress(at + 1, len(view))
    for name in set(wanted) & set(ACROSS):
        failed[name] = _leaks(view) if name == "leak" else getattr(across, name)()
    count = np.sum([*failed.values()], axis=0)
    notes = tuple(f"{int(hits.sum()):,} conversations: {name}." for name, hits in failed.items() if hits.any())
    return Flags(score=count / (count + 1.0), flagged=count > 0, notes=notes)


class _Across:
    """What has to be compared over conversations, kept as numbers."""

    def __init__(self, m: int):
        self.prompt, self.answer = np.zeros(m, np.int64), np.zeros(m, np.int64)
        self.asked, self.open, self.length = np.zeros(m, bool), np.zeros(m, bool), np.zeros(m, np.int64)

    def add(self, at: int, chat: Conversation) -> None:
        prompt = normalised(f"{chat.system}\x1f{chat.prompt}") if chat.prompt.strip() else ""
        self.asked[at] = bool(prompt)
        self.prompt[at], self.answer[at] = hash(prompt), hash(normalised(chat.response))
        self.open[at], self.length[at] = unfinished(chat.response), len(chat.response)

    def several(self) -> np.ndarray:
        """bool [m]: another conversation has the same prompt and another answer."""
        _, prompt = np.unique(self.prompt, return_inverse=True)
        pairs = np.unique(np.stack([prompt, self.answer]), axis=1)
        return self.asked & (np.bincount(pairs[0], minlength=prompt.max(initial=0) + 1) > 1)[prompt]

    def cut_off(self) -> np.ndarray:
        """bool [m]: no closing punctuation, and among the longest, or as long as others like it."""
        if not len(self.length):
            return self.open
        lengths, place = np.unique(self.length, return_inverse=True)
        alike = np.bincount(place, self.open, minlength=len(lengths))[place] >= _ALIKE
        longest = (self.length >= np.quantile(self.length, _LONGEST, method="higher")) & (len(self.length) >= 100)
        return self.open & (longest | (alike & (self.length >= _LEAST)))


def _leaks(view: View) -> np.ndarray:
    """bool [m]: held-out conversations that share 13 words in a row with one that is not held out."""
    pool, found = np.zeros(len(view), bool), np.zeros(len(view), bool)
    pool[view.pool] = True
    held = np.flatnonzero(~pool)
    if not len(held) or not pool.any():
        return found
    rows, grams = [], []
    for row, chat in zip(held, take(view.chats, held), strict=True):
        own = _grams(chat.text)
        rows.append(np.full(len(own), row))
        grams.append(own)
    rows, grams = np.concatenate(rows), np.concatenate(grams)
    known, back = np.unique(grams, return_inverse=True)
    seen = np.zeros(len(known) + 1, bool)
    for chat in take(view.chats, np.flatnonzero(pool)):
        own = _grams(chat.text)
        at = np.searchsorted(known, own)
        seen[np.where(at < len(known), np.where(known[np.minimum(at, len(known) - 1)] == own, at, -1), -1)] = True
    seen[-1] = False  # where every other one of the pool went
    found[rows[seen[back]]] = True
    return found


def _grams(text: str) -> np.ndarray:
    """uint64: a number for each 13 words in a row."""
    words = np.fromiter(map(hash, text.casefold().split()), np.int64).astype(np.uint64)
    if len(words) < _WORDS:
        return np.empty(0, np.uint64)
    total = np.zeros(len(words) - _WORDS + 1, np.uint64)
    for at in range(_WORDS):
        total = total * np.uint64(0x100000001B3) + words[at : at + len(total)]
    return total
