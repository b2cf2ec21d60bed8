"""What is said of texts, against definitions written out: every pair, every run and every word counted by hand."""

from __future__ import annotations

import re
import unicodedata
from itertools import combinations, pairwise

import numpy as np
import pytest

from curation.data.view import View
from curation.maths.minhash import bands, near_pairs, signatures
from curation.maths.word_diff import word_diff
from curation.maths.words import class_words
from curation.methods.flags import language, near_duplicates, text_quality

BANK = "how do i pay my card when the new app says that transfer failed again please help me".split()  # noqa: SIM905


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()


def pieces(text: str) -> set[str]:
    said = plain(text)
    return {said[i : i + 5] for i in range(max(len(said) - 4, 1))}


def similarities(texts: list[str]) -> dict[tuple[int, int], float]:
    """The Jaccard similarity of every pair."""
    sets = list(map(pieces, texts))
    return {(i, j): len(sets[i] & sets[j]) / len(sets[i] | sets[j]) for i, j in combinations(range(len(texts)), 2)}


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """300 sentences, every third one an edit of another: a letter changed, a word added, blanks and capitals moved."""
    rng, made = np.random.default_rng(0), []
    for i in range(300):
        if i % 3 or not made:
            made.append(" ".join(rng.choice(BANK, rng.integers(6, 25))))
            continue
        text = made[rng.integers(len(made))]
        at = int(rng.integers(len(text)))
        edits = (text[:at] + "é" + text[at + 1 :], f"{text} {rng.choice(BANK)}", text.upper().replace(" ", " \n "))
        made.append(edits[rng.integers(3)])
    return made


@pytest.fixture(scope="module")
def exact(texts) -> dict[tuple[int, int], float]:
    return similarities(texts)


@pytest.mark.parametrize("threshold", [0.6, 0.8, 0.95])
def test_near_pairs_are_the_pairs_that_all_comparisons_find(texts, exact, threshold):
    near = {pair for pair, alike in exact.items() if alike >= threshold}
    a, b, alike = near_pairs(texts, threshold)
    found = dict(zip(zip(a.tolist(), b.tolist(), strict=True), alike, strict=True))
    assert set(found) <= near  # none is made up
    assert len(near) >= 20
    assert len(found) >= 0.98 * len(near)
    assert all(found[pair] == pytest.approx(exact[pair], abs=1e-12) for pair in found)


def test_equal_numbers_of_two_signatures_estimate_the_jaccard_similarity(texts, exact):
    signed = signatures(texts, seed=3)
    off = np.array([(signed[i] == signed[j]).mean() - alike for (i, j), alike in exact.items()])
    assert abs(off.mean()) < 0.005  # no bias
    assert np.abs(off).max() < 5.5 * 0.5 / np.sqrt(128)


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9])
def test_bands_find_99_of_100_pairs_at_the_threshold(threshold):
    count, rows = bands(threshold)
    agree = np.random.default_rng(0).random((20_000, count, rows)) < threshold
    assert agree.all(axis=2).any(axis=1).mean() > 0.985
    assert count * rows <= 128


def test_near_duplicates_are_the_connected_texts_and_the_most_common_label_stays(texts, exact):
    labels = np.random.default_rng(1).integers(0, 2, len(texts))
    _, copies = np.unique([plain(text) for text in texts], return_inverse=True)
    made = near_duplicates.flag(View.of(texts=texts, labels=labels, copies=copies), jaccard=0.8)

    group = list(range(len(texts)))  # a label for every text, spread along pairs until nothing changes
    pairs = [pair for pair, alike in exact.items() if alike >= 0.8]
    while True:
        before = group.copy()
        for i, j in pairs:
            group[i] = group[j] = min(group[i], group[j])
        if group == before:
            break
    kept = {}
    for name in set(group):
        rows = [i for i in range(len(texts)) if group[i] == name]
        common = max(set(labels[rows].tolist()), key=lambda c: (sum(labels[rows] == c), -c))
        ways = {common} | {c for c in (0, 1) if sum(labels[rows] == c) == sum(labels[rows] == common)}
        kept[name] = {min(i for i in rows if labels[i] == c) for c in ways}
    for i in range(len(texts)):
        stays = made.duplicate_of[i] if made.flagged[i] else i
        assert stays in kept[group[i]], texts[i]


def test_repetition_and_shares_are_what_counting_every_run_says():
    rng = np.random.default_rng(2)
    for _ in range(40):
        text = "".join(rng.choice(list("ab "), rng.integers(20, 200)))
        runs = [text[i : i + 10] for i in range(len(text) - 9)]
        assert text_quality.repetition(text) == pytest.approx(sum(runs.count(run) > 1 for run in runs) / len(runs))
    text = "<p>a & b</p> http://x.y/z &amp; !?"
    marks, _, odd, _ = text_quality._shares(text)
    assert marks == pytest.approx((len("<p></p>") + len("http://x.y/z") + len("&amp;")) / len(text))
    assert odd == pytest.approx(sum(not (c.isalnum() or c.isspace()) for c in text) / len(text))


def test_a_text_of_an_odd_length_is_so_many_robust_deviations_from_the_median():
    texts = ["x" * n for n in (20, 22, 25, 25, 28, 31, 2, 900)]
    logs = np.log([len(text) for text in texts])
    middle = np.median(logs)
    deviation = max(1.4826 * np.median(abs(logs - middle)), 0.25)
    beyond = abs(logs - middle) / deviation / 5.0
    quality = text_quality.flag
    found = {check: quality(View.of(texts=texts), check=check) for check in ("short", "long")}
    worst = np.maximum(found["short"].score, found["long"].score)
    assert worst == pytest.approx(beyond / (1 + beyond))
    assert (found["short"].flagged[6], found["long"].flagged[7]) == (True, True)


def test_words_speak_for_a_class_as_log_odds_say(texts):
    labels = np.random.default_rng(3).integers(0, 3, len(texts))
    words = class_words(texts, labels, 3)
    counts = np.zeros((3, len(words.terms)))
    for text, label in zip(texts, labels, strict=True):
        for word in set(re.findall(r"[^\W_]+", text.casefold())):
            counts[label, words.terms[word]] += 1
    assert (counts == words.counts).all()
    mine, rest = counts[1] + 0.5, counts[[0, 2]].sum(axis=0) + 0.5
    text = texts[1]
    marked = words.in_text(text, 1)
    assert [text[a:b] for a, b, _ in marked] == re.findall(r"[^\W_]+", text)
    for a, b, weight in marked:
        at = words.terms[text[a:b].casefold()]
        assert weight == pytest.approx(np.log(mine[at] / mine.sum()) - np.log(rest[at] / rest.sum()))
    # the surest words: Monroe's z, the log odds over their standard deviation
    odds = np.log(mine / (mine.sum() - mine)) - np.log(rest / (rest.sum() - rest))
    z = odds / np.sqrt(1 / mine + 1 / rest)
    names = sorted(words.terms, key=words.terms.get)
    assert [name for name, _ in words.top(1, 5)] == [names[i] for i in np.argsort(-z, kind="stable")[:5] if z[i] > 0]


def test_both_texts_can_be_read_from_what_differs_and_what_they_share_is_longest(texts):
    for a, b in pairwise(texts[:60]):
        parts = word_diff(a, b)
        assert "".join(part for part, side in parts if side != "right") == a
        assert "".join(part for part, side in parts if side != "left") == b
    one_word = word_diff("transfer from my card", "transfer to my card")
    assert [(p, s) for p, s in one_word if s != "both"] == [("from", "left"), ("to", "right")]


def test_language_is_told_where_there_are_words_enough_and_usual_ones_are_not_flagged():
    english = ["Where is the card that I ordered last week?", "My transfer has not arrived yet, please help."] * 30
    german = ["Wo ist denn nun meine neue Karte geblieben?", "Die Überweisung ist noch nicht angekommen."]
    french = "Je voudrais savoir où est ma nouvelle carte."
    flag = language.flag
    found = flag(View.of(texts=[*english, german[0], "ok", "12345 67890 12345"]))
    assert np.flatnonzero(found.flagged).tolist() == [60]
    both = flag(View.of(texts=[*english, *german * 10, french]))  # a set in two languages has two
    assert np.flatnonzero(both.flagged).tolist() == [80]
