"""Conversations: every dialect read and written back, files as they come, and a whole recipe without a label."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from curation.data.chat import checks, dialects
from curation.data.chat.conversation import Conversation, Turn
from curation.data.chat.rows import conversations, turns_of
from curation.data.items import Items
from curation.data.reading import json_records as reader
from curation.engine import registry
from curation.errors import InputError, SourceError

SAID = {
    "alpaca": {
        "instruction": "Add.", "input": "1 and 1", "output": "2", "system": "Be brief.", "history": [["Hi", "Hello."]],
    },
    "alpaca without input": {"instruction": "Name a colour.", "output": "Red."},
    "dolly": {"instruction": "Who?", "context": "A text.", "response": "Me.", "category": "closed_qa"},
    "sharegpt": {
        "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}], "system": "Be kind.",
    },
    "sharegpt tools": {
        "conversations": [
            {"from": "human", "value": "Weather?"},
            {"from": "function_call", "value": '{"name": "weather", "arguments": {}}'},
            {"from": "observation", "value": "Rain"},
            {"from": "gpt", "value": "It rains."},
        ],
        "tools": "[]",
    },
    "messages": {
        "messages": [
            {"role": "system", "content": "s"}, {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
        ]
    },
    "messages with parts": {
        "messages": [
            {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is this?"}]},
            {"role": "assistant", "content": "A cat."},
        ],
        "images": ["a.png"],
    },
    "messages with a call": {
        "messages": [
            {"role": "user", "content": "Weather?"},
            {
                "role": "assistant", "content": None,
                "tool_calls": [{"function": {"name": "w", "arguments": "{\"a\": 1}"}}],
            },
            {"role": "tool", "content": "Rain"},
            {"role": "assistant", "content": "It rains."},
        ]
    },
    "prompt and completion": {"prompt": "The sky is", "completion": " blue."},
    "conversational prompt": {
        "prompt": [{"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}],
    },
    "question and answer": {"question": "Two and two?", "answer": "4"},
    "preference": {"prompt": "Which?", "chosen": "This.", "rejected": "That."},
    "implicit preference": {
        "chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
        "rejected": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "c"}],
    },
    "kto": {"prompt": "Which?", "completion": "This.", "label": True},
    "text": {"text": "A story about a fox."},
}  # fmt: skip


def read(path: Path, into: Path, **params) -> Items:
    into.mkdir(exist_ok=True)
    method = registry.get("sources", "chat")
    return method.call(**method.validated({"path": path, **params}, "chat"), into=into, progress=lambda *_: None)


def write(items: Items, path: Path, kept=None, **params) -> list[Path]:
    kept = [True] * len(items) if kept is None else kept
    kept = [k and ok for k, ok in zip(kept, items.ok, strict=True)]
    table = pa.table(
        {"kept": kept, "split": items.column("split").tolist(), "rank": pa.array([None] * len(items), pa.int32())}
    )
    return registry.get("exporters", "chat").call(table, items=items, path=path, **params)


def lines(*records) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


# -- dialects ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "jsonl"])
@pytest.mark.parametrize("per", ["conversation", "turn"])
def test_every_dialect_read_and_written_without_a_decision_is_the_same_records(form, per, tmp_path):
    records = [{**record, "my own key": {"é": [1.0, None]}, "id": name} for name, record in SAID.items()]
    file = tmp_path / f"a.{form}"
    file.write_text(json.dumps(records, indent=1, ensure_ascii=False) if form == "json" else lines(*records))
    read(file, tmp_path / "w", per=per).save(tmp_path / "w")
    items = Items.load(tmp_path / "w")
    assert items.ok.all()
    (written,) = write(items, tmp_path / f"out.{form}")
    text = written.read_text()
    again = json.loads(text) if form == "json" else [json.loads(line) for line in text.splitlines()]
    assert again == records
    if form == "jsonl":
        assert text == file.read_text()


def test_every_dialect_says_the_same_conversation():
    told = {name: [tuple(turn[:2]) for turn in dialects.read(record).turns] for name, record in SAID.items()}
    assert told["alpaca"] == [
        ("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello."), ("user", "Add.\n1 and 1"), ("assistant", "2"),
    ]  # fmt: skip
    assert told["sharegpt"] == [("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello.")]
    assert [role for role, _ in told["sharegpt tools"]] == ["user", "call", "tool", "assistant"]
    assert [role for role, _ in told["messages with a call"]] == ["user", "call", "tool", "assistant"]
    assert told["messages with parts"][0] == ("user", "<image>\nWhat is this?")
    assert told["conversational prompt"] == told["implicit preference"] == [("user", "a"), ("assistant", "b")]
    assert told["dolly"] == [("user", "Who?\nA text."), ("assistant", "Me.")]
    assert dialects.read(SAID["preference"]).rejected == "That."


@pytest.mark.parametrize("dialect", dialects.CONVERSIONS)
def test_what_is_written_in_another_dialect_is_read_as_the_same_conversation(dialect):
    chat = Conversation((Turn("user", "Hi"), Turn("assistant", "Hello.")))
    made = dialects.write(chat, dialect)
    assert dialects.read(made) == chat
    longer = Conversation((Turn("system", "s"), *chat.turns, Turn("user", "And?"), Turn("assistant", "No.")))
    if dialect != "completion":
        assert dialects.read(dialects.write(longer, dialect)) == longer


def test_a_conversion_that_would_lose_something_is_refused_by_name_and_writes_nothing(tmp_path):
    (tmp_path / "a.jsonl").write_text(lines({"id": "long", **SAID["alpaca"]}, SAID["text"]))
    items = read(tmp_path / "a.jsonl", tmp_path / "w")
    with pytest.raises(InputError, match=r"1 conversations cannot be written as completion, the first are 'long'"):
        write(items, tmp_path / "out.jsonl", dialect="completion")
    assert not (tmp_path / "out.jsonl").exists()
    write(items, tmp_path / "out.jsonl", dialect="messages")
    made = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [m["role"] for m in made[0]["messages"]] == ["system", "user", "assistant", "user", "assistant"]
    assert made[0]["id"] == "long"


# -- single answers --------------------------------------------------------------------------------------------


def test_an_answer_is_an_item_with_what_led_up_to_it_and_stays_with_its_conversation(tmp_path):
    talk = {"messages": [{"role": "user" if i % 2 == 0 else "assistant", "content": str(i)} for i in range(6)], "x": 1}
    (tmp_path / "a.jsonl").write_text(lines({**talk, "id": "t"}, SAID["text"]))
    items = read(tmp_path / "a.jsonl", tmp_path / "w", per="turn")
    assert items.column("id").tolist() == ["t/1", "t/2", "t/3", "record 2"]
    assert items.groups[0] == items.groups[1] == items.groups[2] != items.groups[3]
    assert turns_of(items, 1) == [("user", "0"), ("assistant", "1"), ("user", "2"), ("assistant", "3")]
    assert items.text(1) == "2\n\n3"
    write(items, tmp_path / "o.jsonl", kept=[True, True, False, True])
    first = json.loads((tmp_path / "o.jsonl").read_text().splitlines()[0])
    assert first == {**talk, "id": "t", "messages": talk["messages"][:4]}
    write(items, tmp_path / "p.jsonl", kept=[False, True, True, True])
    assert (tmp_path / "p.jsonl").read_text() == lines(SAID["text"]), "what follows a lost answer goes with it"


def test_a_history_is_cut_to_its_pairs():
    record = {"system": "s", "instruction": "e", "input": "i", "output": "f", "history": [["a", "b"], ["c", "d"]]}
    assert dialects.cut(record, 5) == {
        "system": "s",
        "instruction": "c",
        "input": "",
        "output": "d",
        "history": [["a", "b"]],
    }
    assert dialects.cut(record, 7) == record


# -- files as they come ----------------------------------------------------------------------------------------


def test_lines_that_cannot_be_read_stay_as_items_with_their_reason_and_cost_nobody_else_anything(tmp_path):
    bad = [
        '{"instruction": "a", "output"',
        "[1]",
        '{"title": 1}',
        '{"messages": [{"content": "x"}]}',
        '{"messages": []}',
    ]
    text = (
        lines(SAID["text"])
        + "\n".join(bad)
        + "\n\n"
        + "[" * 9
        + "\n"
        + lines(SAID["preference"], {"prompt": {}, "completion": 1})
    )
    (tmp_path / "a.jsonl").write_text(text)
    items = read(tmp_path / "a.jsonl", tmp_path / "w")
    status = items.column("status").tolist()
    assert items.ok.tolist() == [True, False, False, False, False, False, False, True, False]
    assert status[1].startswith("not JSON (")
    assert status[2].endswith("expected an object")
    assert status[3].startswith("no conversation among its keys (title)")
    assert status[4] == "turn 1 names no role; expected role or from"
    assert status[5] == "the conversation is empty"
    assert conversations(items, [1])[0].turns == ()
    write(items, tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_text() == lines(SAID["text"], SAID["preference"])


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_array_under_any_ending_is_streamed_whatever_its_blanks_and_encoding(codec, tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "_PIECE", 7)  # records lie across every border
    records = [{"text": "é" * n, "n": 10**n, "quote": '"]},{["'} for n in range(12)]
    for name, text in (("a.jsonl", json.dumps(records)), ("b.json", json.dumps(records, indent=3, ensure_ascii=False))):
        (tmp_path / name).write_text("\n " + text + "\n", encoding=codec)
        assert [record.value for record in reader.json_records(tmp_path / name)] == records
        assert reader.is_array(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty; expected a JSON array"),
        ("prompt,completion\na,b\n", "starts with 'p'; expected a JSON array"),
        ('[{"text": "a"}, {"text": ', "cannot be read behind record 1"),
        ('[{"text": "a"} {"text": "b"}]', "expected a comma, found '{'"),
        ('{\n "text": "a"\n}\n', "line 1 of"),
        ("[]", "holds no record"),
    ],
)
def test_a_file_that_is_none_of_both_is_refused_in_one_sentence(text, sentence, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(SourceError) as caught:
        read(tmp_path / "a.json", tmp_path / "w")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_limits_hold_for_a_record_that_is_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "MAX_RECORD", 1000)
    (tmp_path / "a.jsonl").write_text(lines({"text": "a"}, {"text": "b" * 2000}, {"text": "c"}))
    items = read(tmp_path / "a.jsonl", tmp_path / "w")
    assert items.column("status").tolist() == ["ok", "too long: over 1,000 characters", "ok"]
    (tmp_path / "b.json").write_text(json.dumps([{"text": "b" * 600_000}]))
    with pytest.raises(SourceError, match="over 1,000 characters"):
        list(reader.json_records(tmp_path / "b.json"))


def test_ids_are_the_records_own_and_a_repeated_one_is_numbered(tmp_path):
    (tmp_path / "a.jsonl").write_text(lines(*({**SAID["text"], "id": i} for i in (7, 7, "7#2", None, 7))))
    ids = read(tmp_path / "a.jsonl", tmp_path / "w").column("id").tolist()
    assert ids == ["7", "7#2", "7#2#2", "record 4", "7#3"]


def test_records_that_say_the_same_are_copies_whatever_else_they_hold(tmp_path):
    same = {"prompt": " the  SKY is", "completion": " Blue. ", "id": 5}
    (tmp_path / "a.jsonl").write_text(
        lines(SAID["prompt and completion"], same, {"prompt": "Blue.", "completion": "The sky is"})
    )
    copies = read(tmp_path / "a.jsonl", tmp_path / "w").copies
    assert copies[0] == copies[1] != copies[2]


# -- checks ----------------------------------------------------------------------------------------------------


def talk(*turns: str, images: int = 0, rejected: str | None = None) -> Conversation:
    """user, assistant, user, ... ; a turn may name its role: "tool: x"."""
    made = []
    for at, said in enumerate(turns):
        role, colon, text = said.partition(": ")
        made.append(
            Turn(role, text)
            if colon and role.isalpha() and role.islower()
            else Turn(("user", "assistant")[at % 2], said)
        )
    return Conversation(tuple(made), images, rejected)


GOOD = [
    talk("How are you?", "Well."),
    talk("system: Be kind.", "user: Hi", "assistant: Hello."),
    talk("user: Weather?", "call: {}", "tool: Rain", "assistant: It rains."),
    talk("text: A document."),
    talk("Code?", "```python\nx = 1\n```\nDone."),
    talk("<image> What?", "A cat.", images=1),
    talk(
        "Say it in Chinese and 中文: hello there my friend",
        "你好，我的朋友，很高兴见到你，今天天气很好，我们去公园吧，好不好？",
    ),
    talk("Which is better?", "The first. Sorry seems to be the hardest word, an AI would say.", rejected="The second."),
]
BAD = {
    "roles": [
        talk("Hi"), talk("assistant: x", "user: y"), talk("user: a", "user: b", "assistant: c"),
        talk("wizard: a", "assistant: b"),
    ],
    "empty": [talk("Hi", "  \n"), talk("", "Hello.")],
    "echo": [talk("Say  this.", "say this."), talk("Which?", "This.", rejected="this. ")],
    "refusal": [
        talk("Do it.", "I'm sorry, but I cannot do that."), talk("做吧", "作为一个人工智能语言模型，我不能"),
        talk("Do it.", "As an AI language model, I have no wishes."),
    ],
    "fence": [talk("Code?", "```python\nx = 1")],
    "tool_json": [Conversation((Turn("user", "a"), Turn("call", "{", ("{",)), Turn("assistant", "b")))],
    "script": [
        talk("What is the capital of France?", "法国的首都是巴黎，因为它是法国最大的城市，也是政治中心。"),
    ],
    "template": [talk("Hi", "Hello.<|im_end|>"), talk("[INST] Hi [/INST]", "Hello."), talk("Hi", "Hello.</s>")],
    "images": [talk("What is <image>?", "A cat."), talk("What?", "A cat.", images=1)],
    "urls": [talk("Where?", "https://a.example/x www.b.example")],
    "base64": [talk("File?", "Here: " + "QUJD" * 200)],
}  # fmt: skip


@pytest.mark.parametrize("name", checks.SINGLE)
def test_a_check_finds_what_it_names_and_leaves_good_conversations_alone(name):
    assert [bool(checks.SINGLE[name](chat)) for chat in GOOD] == [False] * len(GOOD)
    assert [bool(checks.SINGLE[name](chat)) for chat in BAD[name]] == [True] * len(BAD[name])


def flagged(chats: list[Conversation], check: str, pool: list[int] | None = None) -> list[int]:
    from curation.data.view import View

    view = View.of(chats=chats)
    if pool is not None:
        view._provide["pool"] = lambda rows: np.flatnonzero(np.isin(rows, pool))
    return np.flatnonzero(registry.get("flags", "chat_quality").call(view, check=check).flagged).tolist()


def test_several_answers_to_one_prompt_are_found_and_copies_are_not():
    chats = [
        talk("Why?", "So."),
        talk("why? ", "Because."),
        talk("How?", "So."),
        talk("How?", "So."),
        talk("text: Why?"),
    ]
    assert flagged(chats, "several") == [0, 1]


def test_answers_cut_at_a_limit_are_found_by_their_common_length():
    cut = [talk(f"{i}?", (f"{i} word " * 100)[:300]) for i in range(5)]
    assert all(checks.unfinished(chat.response) for chat in cut)
    assert flagged([*cut, talk("Why?", "word " * 60 + "end."), talk("Who?", "x" * 300 + "y")], "cut_off") == [
        0,
        1,
        2,
        3,
        4,
    ]


def test_a_held_out_conversation_that_stands_in_train_is_a_leak_and_not_the_other_way_round():
    thirteen = " ".join(f"word{i}" for i in range(13))
    chats = [
        talk("A?", f"so {thirteen} and on."),
        talk("B?", f"well, {thirteen} it is."),
        talk("C?", thirteen[:-2] + " no"),
    ]
    assert flagged(chats, "leak", pool=[0]) == [1]
    assert flagged(chats, "leak") == []


# -- a whole recipe --------------------------------------------------------------------------------------------
