"""Scores of conversations against numbers worked out elsewhere: by hand, by the published code, token by token."""

from __future__ import annotations

import json

import numpy as np
import pytest

from curation.data.chat.conversation import Conversation, Turn
from curation.data.view import View
from curation.engine import registry
from curation.errors import InputError, UnavailableError
from curation.maths.ngrams import counted, log_weights
from curation.training import causal_lm
from tests import toy_lm


def score(name: str, view: View, **params) -> np.ndarray:
    method = registry.get("scores", name)
    more = {"device": "cpu"} if "device" in method.injected else {}
    return method.call(view, **method.validated(params, name), **more)


def talk(prompt: str, response: str) -> Conversation:
    return Conversation((Turn("user", prompt), Turn("assistant", response)))


def test_the_share_of_different_words_is_four_of_six_in_the_textbook_sentence():
    assert score("msttr", View.of(responses=["the cat the dog the end"]))[0] == pytest.approx(4 / 6)
    long = " ".join(["a b"] * 50 + ["c d e"])  # two windows of 50, and three words that count for nothing
    assert score("msttr", View.of(responses=[long, long * 2]))[0] == pytest.approx(2 / 50)


def test_n_grams_fall_into_the_buckets_of_the_published_code():
    made = counted(["The cat sat on the mat."])
    assert made.bucket.tolist() == [143, 2366, 2902, 3960, 4777, 5807, 6853, 7248, 8288, 8294, 8505, 9540]
    assert made.count.tolist() == [1] * 8 + [2] + [1] * 3


def test_the_weights_of_dsir_are_those_of_its_formula_and_a_mean_turns_the_ranking_around(tmp_path):
    raw = ["the cat sat on the mat .", "stock prices fell on monday .", "the dog ran ."]
    target = counted(["a cat and a dog sat ."]).share
    assert log_weights(counted(raw), target) == pytest.approx([-151.2488, -150.7897, -75.3926], abs=1e-3)
    assert log_weights(counted(raw), target, mean=True) == pytest.approx([-11.6345, -13.7082, -10.7704], abs=1e-3)
    (tmp_path / "wanted.jsonl").write_text(json.dumps({"text": "a cat and a dog sat ."}) + "\n")
    assert score("dsir", View.of(texts=raw), target=tmp_path / "wanted.jsonl") == pytest.approx(
        log_weights(counted(raw), target)
    )


def test_the_two_ratios_of_ifd_are_those_of_their_papers():
    from curation.methods.scores.ifd import ifd

    alone, behind = np.array([np.mean([3, 2, 4, 1])]), np.array([np.mean([2.5, 1.5, 2, 1])])
    assert ifd(alone, behind, "loss")[0] == pytest.approx(0.70)
    assert ifd(alone, behind, "perplexity")[0] == pytest.approx(0.4724, abs=1e-4)


def test_ifd_of_a_model_worked_out_by_hand(tmp_path):
    folder = toy_lm.save(tmp_path / "lm")
    chats = [
        talk("say hello ?", "yes the cat sat ."),
        talk("no", "hello hello"),
        talk("the mat ran", "on on on on on on ."),
    ]
    expected = []
    for chat in chats:
        both = toy_lm.tokens_of(f"{chat.prompt}\n{chat.response}")
        own = toy_lm.tokens_of(chat.response)
        behind, alone = toy_lm.expected_loss(both, len(both) - len(own)), toy_lm.expected_loss(own, 1)
        expected.append(np.exp(behind - alone))
    assert score("ifd", View.of(chats=chats), model=folder) == pytest.approx(expected, rel=1e-5)


def test_losses_are_the_same_in_a_batch_and_token_by_token_wherever_the_answer_stands(tmp_path):
    import torch

    lm = causal_lm.load(toy_lm.save(tmp_path / "lm", still=False), "cpu")
    pairs = [
        ("say hello ?\n", "yes"),
        ("", "the cat sat on the mat ."),
        ("the cat sat .\n", "the cat sat ."),
        ("no ", ""),
    ]
    found = causal_lm.mean_losses(lm, pairs, toy_lm.PLACES)
    for (before, text), loss in zip(pairs, found, strict=True):
        ids, first = toy_lm.tokens_of(before + text), len(toy_lm.tokens_of(before))
        losses = []
        for at in range(max(first, 1), len(ids)):
            with torch.inference_mode():
                logits = lm.network(input_ids=torch.tensor([ids[:at]])).logits[0, -1]
            losses.append(-torch.log_softmax(logits, 0)[ids[at]].item())
        assert loss == pytest.approx(np.mean(losses), rel=1e-4) if losses else np.isnan(loss)


def test_a_long_prompt_loses_its_beginning_and_both_readings_the_same_end_of_the_answer(tmp_path):
    lm = causal_lm.load(toy_lm.save(tmp_path / "lm"), "cpu")
    answer = ("cat dog sat ran " * 10).strip()
    behind, alone = causal_lm.mean_losses(lm, [("the " * 40, answer), ("", answer)], 16)
    ids = toy_lm.tokens_of(answer)[:8]
    assert behind == pytest.approx(toy_lm.expected_loss([1, *ids], 1), rel=1e-5)
    assert alone == pytest.approx(toy_lm.expected_loss(ids, 1), rel=1e-5)


def test_an_answer_without_a_token_to_score_gets_one_and_fails_nothing(tmp_path):
    folder = toy_lm.save(tmp_path / "lm")
    chats = [talk("say", ""), talk("say", "yes"), Conversation((Turn("text", "the cat sat ."),))]
    assert score("ifd", View.of(chats=chats), model=folder).tolist() == pytest.approx([1.0, 1.0, 1.0])


def test_a_folder_that_is_no_language_model_is_named_in_one_sentence_before_the_start(tmp_path, monkeypatch):
    def refusal(folder) -> str:
        with pytest.raises(UnavailableError) as caught:
            registry.get("scores", "ifd").preflight(model=folder)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    (tmp_path / "empty").mkdir()
    toy_lm.save_tokenizer(tmp_path / "tokenizer")
    toy_lm.save_model(tmp_path / "model")
    assert "is no folder" in refusal(tmp_path / "nowhere")
    assert "holds no model" in refusal(tmp_path / "empty")
    assert "holds a tokenizer and no model" in refusal(tmp_path / "tokenizer")
    assert "holds a model and no tokenizer" in refusal(tmp_path / "model")
    whole = toy_lm.save(tmp_path / "whole")
    registry.get("scores", "ifd").preflight(model=whole)
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 10**6})())
    monkeypatch.setattr(causal_lm, "_gpu", lambda: False)
    assert "GB of memory and 0.0 GB are free; choose a smaller one" in refusal(whole)
    weights = (whole / "model.safetensors").read_bytes()
    (whole / "model.safetensors").write_bytes(weights[:-100])
    assert "was cut off" in refusal(whole)
    (whole / "model.safetensors").write_bytes(b"no safetensors")
    assert "is no safetensors file" in refusal(whole)


def test_a_model_of_another_kind_or_with_parts_missing_is_refused(tmp_path):
    from safetensors.numpy import load_file, save_file

    other = toy_lm.save(tmp_path / "other")
    about = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(about | {"model_type": "bert", "architectures": ["BertForMaskedLM"]}))
    with pytest.raises(InputError, match="expected a causal language model"):
        causal_lm.load(other, "cpu")
    short = toy_lm.save(tmp_path / "short")
    weights = load_file(short / "model.safetensors")
    del weights["transformer.h.0.attn.c_attn.weight"]
    save_file(weights, short / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="lack 1 parts of the model, such as transformer"):
        causal_lm.load(short, "cpu")
