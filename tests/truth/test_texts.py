"""What is said of texts, against implementations of its definition or numbers by hand."""

from __future__ import annotations

import math
import re
import statistics
from itertools import combinations

import numpy as np
import pytest

from curation.data.view import View
from curation.maths.minhash import near_pairs
from curation.maths.word_diff import word_diff
from curation.maths.words import class_words
from curation.methods.flags import language, near_duplicates, text_quality

SAID = "where is my new card that you sent last week to the old address and why does nobody answer me"
WORDS = SAID.split()


@pytest.fixture(scope="module")
def edited():
    """180 texts: 60 of drawn words, and two of each with a few letters or a word changed."""
    rng, made = np.random.default_rng(0), []
    for _ in range(60):
        said = " ".join(rng.choice(WORDS, 14))
        made += [
            said,
            said.replace(rng.choice(list("aeiou")), "x", int(rng.integers(0, 4))),
            f"{said} {rng.choice(WORDS)}",
        ]
    return [made[i] for i in rng.permutation(len(made))]


def pieces(text: str) -> set[str]:
    plain = " ".join(text.lower().split())
    return {plain[i : i + 5] for i in range(len(plain) - 4)}


def jaccard(a: set, b: set) -> float:
    return len(a & b) / len(a | b)


@pytest.mark.parametrize("threshold", [0.6, 0.8, 0.9])
def test_minhash_finds_the_pairs_that_comparing_all_with_all_finds(edited, threshold):
    sets = [pieces(text) for text in edited]
    exact = {(i, j): jaccard(sets[i], sets[j]) for i, j in combinations(range(len(sets)), 2)}
    expected = {pair: alike for pair, alike in exact.items() if alike >= threshold}
    a, b, alike = near_pairs(edited, threshold)
    found = dict(zip(zip(a.tolist(), b.tolist(), strict=True), alike, strict=True))
    assert len(found) == len(a), "each pair once"
    assert found.keys() <= expected.keys()
    assert all(found[pair] == pytest.approx(expected[pair], abs=1e-12) for pair in found)
    assert len(expected) > 40
    assert len(found) >= 0.98 * len(expected)


def test_near_duplicates_are_the_connected_groups_of_those_pairs(edited):
    sets = [pieces(text) for text in edited]
    name = list(range(len(sets)))
    for i, j in combinations(range(len(sets)), 2):
        if jaccard(sets[i], sets[j]) >= 0.8 and name[i] != name[j]:
            low, high = sorted((name[i], name[j]))
            name = [low if its == high else its for its in name]
    view = View.of(texts=edited, labels=np.zeros(len(sets), int), copies=np.unique(edited, return_inverse=True)[1])
    made = near_duplicates.flag(view)
    assert made.duplicate_of.tolist() == [-1 if name[i] == i else name[i] for i in range(len(name))]
    assert made.flagged.sum() > 40


# -- text_quality -----------------------------------------------------------------------------------------------


USUAL = ["a usual text of some forty usual letters" + "!" * (i % 4) for i in range(40)]


def beyond(text: str, check: str) -> tuple[bool, float]:
    """Whether the text is flagged among usual ones, and how far beyond its limit it is; 1 is at the limit."""
    made = text_quality.flag(View.of(texts=[*USUAL, text]), check=check)
    assert not made.flagged[:-1].any()
    return bool(made.flagged[-1]), made.score[-1] / (1 - made.score[-1])


@pytest.mark.parametrize("n", [2, 20, 200, 4000])
def test_an_odd_length_is_measured_from_the_median_in_robust_deviations(n):
    logs = [math.log(len(text)) for text in [*USUAL, "x" * n]]
    middle = statistics.median(logs)
    spread = max(1.4826 * statistics.median(abs(value - middle) for value in logs), 0.25)
    z = (math.log(n) - middle) / spread
    for check, signed in (("long", z), ("short", -z)):
        flagged, far = beyond("x" * n, check)
        assert flagged == (signed > 5)
        assert far == pytest.approx(max(signed, 0) / 5)


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("<b>bold</b> and plain words", 7),
        ("1 < 2 and 3 > 2, R&D", 0),
        ("see https://a.example/x?y=1 now", len("https://a.example/x?y=1")),
        ("&nbsp;&#160;x", 12),
        ("<p><br/></p>", 12),
    ],
)
def test_markup_is_the_share_of_tags_entities_and_addresses(text, letters):
    flagged, far = beyond(text, "markup")
    assert far == pytest.approx(letters / len(text) / 0.3)
    assert flagged == (letters / len(text) > 0.3)


@pytest.mark.parametrize("text", ["spam " * 6, "no run of ten comes twice", "漢字" * 20, "short short"])
def test_repetition_is_the_share_of_runs_of_ten_that_occur_again(text):
    runs = [text[i : i + 10] for i in range(len(text) - 9)]
    share = sum(runs.count(run) > 1 for run in runs) / len(runs) if len(text) >= 20 else 0.0
    flagged, far = beyond(text, "repeated")
    assert (flagged, far) == (share > 0.5, pytest.approx(share / 0.5))


@pytest.mark.parametrize(("text", "signs"), [("🙂🙂🙂", 3), ("a, b!", 2), ("$$$ 100", 3), ("नमस्ते दुनिया", 0)])
def test_symbols_are_what_is_neither_letter_digit_nor_blank(text, signs):
    flagged, far = beyond(text, "symbols")
    assert (flagged, far) == (signs / len(text) > 0.4, pytest.approx(signs / len(text) / 0.4))


@pytest.mark.parametrize("text", ["Grüße aus Köln, schöne Straße", "naïve café à la crème", "日本語の文章です"])
def test_a_text_read_in_the_wrong_encoding_is_garbled_and_the_right_one_is_not(text):
    assert not beyond(text, "garbled")[0]
    assert beyond(text.encode().decode("cp1252", "replace"), "garbled")[0]


# -- language ---------------------------------------------------------------------------------------------------


def test_sentences_of_other_languages_are_found_among_english_ones():
    starts = ("My card has not arrived yet,", "I would like a refund,", "Please tell me,")
    ends = ("and I have been waiting for two weeks.", "since nobody answers.", "what the exchange rate for euros is.")
    english = [f"{start} {end}" for start in starts for end in ends] * 5
    others = [
        "Ich warte schon seit zwei Wochen auf meine neue Karte.",
        "Je voudrais savoir quand ma nouvelle carte va arriver.",
        "¿Cuándo va a llegar la tarjeta nueva que pedí la semana pasada?",
        "Скажите, пожалуйста, когда я наконец получу новую карту, которую заказал ещё две недели назад?",
        "متى ستصل بطاقتي المصرفية الجديدة إلى منزلي؟",
        "我的新銀行卡什麼時候才能寄到我家裡來呢我已經等了兩個星期了",
    ]
    made = language.flag(View.of(texts=[*english, *others, "¿Qué?"]))
    assert made.flagged.tolist() == [False] * len(english) + [True] * len(others) + [False]


# -- words ------------------------------------------------------------------------------------------------------


def test_words_weigh_what_naive_bayes_of_another_implementation_gives_them():
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB

    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(WORDS, 8)) for _ in range(90)]
    labels = rng.integers(0, 3, 90)
    counter = CountVectorizer(binary=True, token_pattern=r"[^\W_]+")
    model = MultinomialNB(alpha=0.5).fit(counter.fit_transform(texts), labels)
    column = counter.vocabulary_
    words = class_words(texts, labels, 3)
    text = "Where is MY card, you?"
    lead = model.feature_log_prob_[2] - model.feature_log_prob_[0]
    expected = [(m.start(), m.end(), pytest.approx(lead[column[m[0].lower()]])) for m in re.finditer(r"\w+", text)]
    assert words.in_text(text, 2, against=0) == expected


def test_the_words_of_a_class_are_ordered_by_log_odds_over_their_deviation():
    words = class_words(["red rose", "red car", "blue car", "blue sky", "blue sea"], np.array([0, 0, 1, 1, 1]), 2)
    # By hand, with half an occurrence more: red stands in 2 of the 4 words of class 0 and in none of the 6 of class 1.
    own, all_own, other, all_other = 2.5, 4 + 6 * 0.5, 0.5, 6 + 6 * 0.5
    odds = math.log(own / (all_own - own)) - math.log(other / (all_other - other))
    assert words.top(0)[0] == ("red", pytest.approx(odds / math.sqrt(1 / own + 1 / other)))
    assert words.top(1)[0][0] == "blue"


def test_differences_of_words_give_both_texts_back_and_mark_no_more_than_they_must(edited):
    for left, right in zip(edited[:60], edited[60:120], strict=True):
        parts = word_diff(left, right)
        assert "".join(text for text, side in parts if side != "right") == left
        assert "".join(text for text, side in parts if side != "left") == right
    for word in ("card", "week"):
        changed = [part for part in word_diff(SAID, SAID.replace(word, "parcel")) if part[1] != "both"]
        assert changed == [(word, "left"), ("parcel", "right")]
