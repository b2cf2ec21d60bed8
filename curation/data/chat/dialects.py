"""The dialects of instruction data: how a record says a conversation, and how a conversation is said in each.

    alpaca      instruction, input, output; system and history (pairs of question and answer) where there are any.
                dolly's instruction, context, response is the same in other words
    sharegpt    conversations: [{from, value}], roles human, gpt, system, function_call, observation and what is met in
                the wild; system, tools and images beside it
    messages    messages: [{role, content}] as OpenAI and TRL write it; content may be a list of parts, tool_calls JSON
    preference  prompt, chosen, rejected: texts, or messages as TRL writes them; the chosen answer is the conversation
    completion  prompt and completion (or response), question and answer; texts or messages
    text        text: a document without a prompt

LLaMA-Factory, data/README.md; TRL, Dataset formats and types; OpenAI, Fine-tuning guide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from curation.data.chat.conversation import (
    ANSWERS,
    ASSISTANT,
    CALL,
    SYSTEM,
    TEXT,
    TOOL,
    USER,
    Conversation,
    Turn,
)

ROLES = {
    **dict.fromkeys(("user", "human", "prompter", "question"), USER),
    **dict.fromkeys(
        ("assistant", "gpt", "chatgpt", "bing", "bard", "model", "bot", "ai", "claude", "answer"), ASSISTANT
    ),
    **dict.fromkeys(("system", "developer"), SYSTEM),
    **dict.fromkeys(("tool", "function", "observation", "function_response", "ipython", "tool_response"), TOOL),
    **dict.fromkeys(("function_call", "tool_call"), CALL),
}
_LISTS = (("messages", "messages"), ("conversations", "sharegpt"), ("conversation", "sharegpt"))
_PAIRS = (("prompt", "completion"), ("prompt", "response"), ("question", "answer"), ("query", "response"))
_ALPACA = (
    ("instruction", "input", "output"),
    ("instruction", "context", "response"),
    ("instruction", "input", "response"),
)
DIVIDED = ("messages", "sharegpt", "alpaca")  # whose conversations can be cut behind any answer
CONVERSIONS = ("messages", "sharegpt", "alpaca", "completion")  # what a conversation can be written as


def dialect_of(record: Mapping[str, Any]) -> str | None:
    """Which dialect a record is in by its keys; None where it is in none.

    >>> dialect_of({"instruction": "Add.", "output": "2"}), dialect_of({"title": "x"})
    ('alpaca', None)
    """
    for key, name in _LISTS:
        if isinstance(record.get(key), list):
            return name
    if "chosen" in record:
        return "preference"
    if _alpaca(record):
        return "alpaca"
    if _pair(record):
        return "completion"
    return "text" if isinstance(record.get("text"), str) else None


def read(record: Mapping[str, Any]) -> Conversation:
    """The conversation a record holds. Raises ValueError with the reason in words.

    >>> read({"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]}).response
    'Hello.'
    """
    dialect = dialect_of(record)
    if dialect is None:
        keys = ", ".join(map(str, list(record)[:6])) or "none"
        raise ValueError(
            f"no conversation among its keys ({keys}); expected such as messages, or instruction and output"
        )
    rejected = None
    if dialect in ("messages", "sharegpt"):
        turns = _turns(record[_list_key(record)])
    elif dialect == "preference":
        turns = [*_said(record.get("prompt"), USER, "prompt"), *_said(record["chosen"], ASSISTANT, "chosen")]
        rejected = "\n\n".join(turn.text for turn in _said(record.get("rejected"), ASSISTANT, "rejected"))
    elif dialect == "alpaca":
        turns = _alpaca_turns(record)
    elif dialect == "completion":
        asked, answered = _pair(record)
        turns = [*_said(record[asked], USER, asked), *_said(record[answered], ASSISTANT, answered)]
    else:
        turns = [Turn(TEXT, record["text"])]
    system = record.get("system")
    if dialect in ("sharegpt", "alpaca") and isinstance(system, str) and system:
        turns = [Turn(SYSTEM, system), *turns]
    if not turns:
        raise ValueError("the conversation is empty")
    return Conversation(tuple(turns), _images(record), rejected)


def cut(record: Mapping[str, Any], turns: int) -> dict[str, Any]:
    """The same record with the first `turns` turns of its conversation only, other keys as they were.

    Raises ValueError for a dialect that says a single exchange and cannot be shortened.

    >>> cut({"instruction": "c", "output": "d", "history": [["a", "b"]], "id": 7}, 2)
    {'instruction': 'a', 'output': 'b', 'history': [], 'id': 7}
    """
    dialect, made = dialect_of(record), dict(record)
    before = int(dialect in ("sharegpt", "alpaca") and bool(record.get("system")))
    if dialect in ("messages", "sharegpt"):
        key = _list_key(record)
        made[key] = record[key][: turns - before]
        return made
    if dialect == "alpaca" and turns - before < len(read(record).turns) - before:
        instruction, given, output = _alpaca(record)
        pairs = record["history"]
        at = (turns - before) // 2 - 1
        made[instruction], made[output] = pairs[at]
        if given in made:
            made[given] = ""
        made["history"] = pairs[:at]
        return made
    if turns < len(read(record).turns):
        raise ValueError(f"a record of the dialect {dialect} is a single exchange")
    return made


def write(chat: Conversation, dialect: str) -> dict[str, Any]:
    """A conversation as a record of another dialect, by what all of them can say. Raises ValueError where it cannot.

    >>> write(Conversation((Turn("user", "Hi"), Turn("assistant", "Hello."))), "alpaca")
    {'instruction': 'Hi', 'input': '', 'output': 'Hello.'}
    """
    if dialect == "messages":
        return {"messages": [{"role": _openai(turn.role), "content": turn.text} for turn in chat.turns]}
    if dialect == "sharegpt":
        names = {USER: "human", ASSISTANT: "gpt", CALL: "function_call", TOOL: "observation", TEXT: "gpt"}
        said = [{"from": names.get(t.role, t.role), "value": t.text} for t in chat.turns if t.role != SYSTEM]
        return {"conversations": said, **({"system": chat.system} if chat.system else {})}
    pairs = _exchanges(chat)
    if dialect == "completion":
        if len(pairs) != 1 or chat.system:
            raise ValueError("prompt and completion hold a single exchange without a system prompt")
        return dict(zip(("prompt", "completion"), pairs[0], strict=True))
    made = {"instruction": pairs[-1][0], "input": "", "output": pairs[-1][1]}
    if chat.system:
        made["system"] = chat.system
    return made | ({"history": [list(pair) for pair in pairs[:-1]]} if len(pairs) > 1 else {})


def _exchanges(chat: Conversation) -> list[tuple[str, str]]:
    """(question, answer) of a conversation that is nothing but these, after its system prompt."""
    turns = [turn for turn in chat.turns if turn.role != SYSTEM]
    if len(turns) == 1 and turns[0].role == TEXT:
        return [("", turns[0].text)]
    roles = [turn.role for turn in turns]
    if not roles or roles != [USER, ASSISTANT] * (len(roles) // 2):
        raise ValueError(f"its turns are {', '.join(roles) or 'none'}; expected user and assistant in turn")
    return [(turns[i].text, turns[i + 1].text) for i in range(0, len(turns), 2)]


def _openai(role: str) -> str:
    return ASSISTANT if role in ANSWERS else role


def _list_key(record: Mapping[str, Any]) -> str:
    return next(key for key, _ in _LISTS if isinstance(record.get(key), list))


def _pair(record: Mapping[str, Any]) -> tuple[str, str] | None:
    return next((pair for pair in _PAIRS if all(key in record for key in pair)), None)


def _alpaca(record: Mapping[str, Any]) -> tuple[str, str, str] | None:
    return next((keys for keys in _ALPACA if keys[0] in record and keys[2] in record), None)


def _alpaca_turns(record: Mapping[str, Any]) -> list[Turn]:
    instruction, given, output = (record.get(key) for key in _alpaca(record))
    turns = []
    for number, pair in enumerate(record.get("history") or (), start=1):
        if not isinstance(pair, list) or len(pair) != 2:
            raise ValueError(f"pair {number} of its history is no list of a question and an answer")
        turns += [Turn(USER, _text(pair[0], "history")), Turn(ASSISTANT, _text(pair[1], "history"))]
    asked = "\n".join(part for part in (_text(instruction, "instruction"), _text(given or "", "input")) if part)
    return [*turns, Turn(USER, asked), Turn(ASSISTANT, _text(output, "output"))]


def _said(value: Any, role: str, key: str) -> list[Turn]:
    """A text in one role, or messages with roles of their own."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        value = [value]
    return _turns(value) if isinstance(value, list) else [Turn(role, _text(value, key))]


def _turns(messages: Sequence[Any]) -> list[Turn]:
    return [_turn(message, number) for number, message in enumerate(messages, start=1)]


def _turn(message: Any, number: int) -> Turn:
    if not isinstance(message, Mapping):
        raise ValueError(f"turn {number} is no object with a role and a text")
    role = message.get("role", message.get("from"))
    if not isinstance(role, str):
        raise ValueError(f"turn {number} names no role; expected role or from")
    role = ROLES.get(role.strip().casefold(), role.strip().casefold())
    value = next((message[key] for key in ("content", "value", "text") if key in message), None)
    calls = message.get("tool_calls")
    if calls and isinstance(calls, list):
        arguments = tuple(_arguments(call) for call in calls)
        said = "" if value is None else _content(value, number)
        return Turn(
            CALL, "\n".join([said] * bool(said) + [json.dumps(call, ensure_ascii=False) for call in calls]), arguments
        )
    text = _content(value, number)
    return Turn(role, text, (text,) if role == CALL else ())


def _content(value: Any, number: int) -> str:
    """A text, or the texts of a list of parts, in which a picture of the record's list stands as `<image>`."""
    if isinstance(value, list):
        parts = [{"text": part} if isinstance(part, str) else part for part in value]
        parts = [part for part in parts if isinstance(part, Mapping)]
        texts = ["<image>" if part.get("type") == "image" else part.get("text") for part in parts]
        return "\n".join(text for text in texts if isinstance(text, str))
    return _text(value, f"turn {number}")


def _arguments(call: Any) -> str:
    """The arguments of a tool call as JSON; what is no call at all is no JSON either."""
    function = call.get("function", call) if isinstance(call, Mapping) else None
    arguments = function.get("arguments", "{}") if isinstance(function, Mapping) else ""
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _text(value: Any, where: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"{where} is a {type(value).__name__}; expected a text")


def _images(record: Mapping[str, Any]) -> int:
    named = record.get("images", record.get("image"))
    return len(named) if isinstance(named, list) else int(bool(named))
