"""What is wrong with a conversation by its form alone: each check reads one conversation and says yes or no.

They find what breaks or spoils a training before any model is asked, and what people fix first. What has to be compared
over conversations (several answers to one prompt, answers cut off, evaluation items in the training set) is in the flag
`chat_quality`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise

from curation.data.chat.conversation import ANSWERS, ASSISTANT, CALL, SYSTEM, TEXT, TOOL, USER, Conversation
from curation.data.reading.text_checks import normalised

_KNOWN = (SYSTEM, USER, ASSISTANT, CALL, TOOL, TEXT)
# What may follow each role; a call may be answered at once where the result is not part of the data.
_FOLLOWS = {
    "": (SYSTEM, USER, TEXT),
    SYSTEM: (SYSTEM, USER),
    USER: (ASSISTANT, CALL),
    ASSISTANT: (USER,),
    CALL: (TOOL, CALL, USER),
    TOOL: (TOOL, ASSISTANT, CALL),
    TEXT: (),
}
_REFUSAL = re.compile(
    "|".join(
        (
            r"\bas an ai\b",
            r"\bas a (?:large )?language model",
            r"\bi(?:'m| am) (?:just )?an ai\b",
            r"\bi(?:'m| am) sorry\b.{0,20}\b(?:can(?:no|')t|cannot|am unable|am not able)",
            r"\bi(?:'m| am) (?:unable|not able) to (?:assist|help|provide|comply)",
            r"\bi (?:cannot|can't|can not|won't) (?:assist|help|provide|comply|fulfill|generate|create)",
            r"\bals (?:ein )?(?:ki|sprachmodell)\b",
            r"\ben tant que (?:mod[eè]le|ia|intelligence)\b",
            r"\bcomo (?:un |uma? )?(?:modelo de (?:lenguaje|linguagem)|ia\b)",
            r"\bкак (?:языковая|ии)\b",
            r"作为(?:一个)?(?:人工智能|ai|语言模型|大型语言模型)",
            r"(?:言語モデル|ai)として",
        )
    ),
    re.IGNORECASE,
)
_REFUSES = 240  # letters at the start of an answer in which a refusal is looked for
_LEFTOVER = re.compile(
    r"<\|(?:im_start|im_end|endoftext|eot_id|begin_of_text|end_of_text|start_header_id|end_header_id|user|assistant|system"
    r"|end|eom_id)\|>|\[/?INST\]|<</?SYS>>|</?s>(?![\w>])|<(?:start|end)_of_turn>|<unk>|<pad>"
    r"|^###\s*(?:Response|Instruction|Human|Assistant)\s*:",
    re.MULTILINE,
)
_URLS = re.compile(r"(?:(?:https?://|www\.)\S+[\s,;]*)+")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{600,}={0,2}")
_MARK = re.compile(r"<image>")
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})", re.MULTILINE)
_CLOSED = re.compile(r"[.!?…。！？؟।:;)\]}>\"'”’»`*_|~…]\s*$")


_SCRIPTS = {
    **{name: name for name in ("LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "HANGUL", "THAI", "DEVANAGARI")},
    **{name: name for name in ("BENGALI", "TAMIL", "TELUGU", "GEORGIAN", "ARMENIAN")},
    **dict.fromkeys(("CJK", "HIRAGANA", "KATAKANA"), "HAN"),
    "FULLWIDTH": "LATIN",
}


def roles(chat: Conversation) -> bool:
    """The roles do not alternate as they should, one is unknown, or the last turn is no answer."""
    names = [turn.role for turn in chat.turns]
    if any(name not in _KNOWN for name in names) or not names or names[-1] not in ANSWERS:
        return True
    return any(now not in _FOLLOWS[before] for before, now in pairwise(["", *names]))


def empty(chat: Conversation) -> bool:
    """An answer or a question has nothing but blanks."""
    return any(not turn.text.strip() for turn in chat.turns if turn.role in (USER, *ANSWERS)) or not chat.answers


def echo(chat: Conversation) -> bool:
    """The answer repeats the prompt, or the rejected answer is the chosen one."""
    answer = normalised(chat.response)
    if chat.rejected is not None and normalised(chat.rejected) == answer:
        return True
    return bool(answer) and answer == normalised(chat.prompt)


def refusal(chat: Conversation) -> bool:
    """An answer begins by refusing, or by saying that it comes from a language model."""
    return any(_REFUSAL.search(answer[:_REFUSES]) for answer in chat.answers)


def fence(chat: Conversation) -> bool:
    """A block of code that is opened and not closed."""
    return any(len(_FENCE.findall(answer)) % 2 for answer in chat.answers if "```" in answer or "~~~" in answer)


def tool_json(chat: Conversation) -> bool:
    """A tool call whose arguments are no JSON object."""
    return any(not _is_object(call) for turn in chat.turns for call in turn.calls)


def script(chat: Conversation) -> bool:
    """The answer is mostly written in letters that hardly stand in the prompt: Chinese on an English question."""
    asked, answered = _scripts(chat.prompt), _scripts(chat.response)
    if sum(asked.values()) < 20 or sum(answered.values()) < 20:
        return False
    main = max(answered, key=answered.get)
    if answered[main] < 0.7 * sum(answered.values()):
        return False
    return asked.get(main, 0) < 0.05 * sum(asked.values())


def template(chat: Conversation) -> bool:
    """Tokens of a chat template are left in the text, such as <|im_end|> or [INST]."""
    return any(_LEFTOVER.search(turn.text) for turn in chat.turns)


def images(chat: Conversation) -> bool:
    """The marks <image> in the text and the images of the record are not as many."""
    marks = sum(len(_MARK.findall(turn.text)) for turn in chat.turns)
    return marks != chat.images


def urls(chat: Conversation) -> bool:
    """An answer is nothing but addresses."""
    return any(answer.strip() and _URLS.fullmatch(answer.strip()) for answer in chat.answers)


def base64(chat: Conversation) -> bool:
    """Over 600 letters of what looks like Base64: a file in the text."""
    return any(_BASE64.search(turn.text) for turn in chat.turns)


SINGLE: dict[str, Callable[[Conversation], bool]] = {
    check.__name__: check
    for check in (roles, empty, echo, refusal, fence, tool_json, script, template, images, urls, base64)
}


def unfinished(answer: str) -> bool:
    """Whether an answer ends without any sign that it is over."""
    return bool(answer.strip()) and not _CLOSED.search(answer[-8:])


def _is_object(call: str) -> bool:
    try:
        return isinstance(json.loads(call), dict | list)
    except (ValueError, RecursionError):
        return False


def _scripts(text: str, letters: int = 400) -> dict[str, int]:
    """How many of the first letters are of each script, by the first word of their Unicode name."""
    counts: dict[str, int] = {}
    for letter in text[: 2 * letters]:
        if letter.isalpha():
            name = "LATIN" if letter.isascii() else _SCRIPTS.get(unicodedata.name(letter, "?").split(" ")[0], "")
            counts[name] = counts.get(name, 0) + 1
    return counts
