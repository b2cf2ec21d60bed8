import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.data.budget import budget, checked_keep, keep_words, quotas
from curation.errors import InputError


@given(st.lists(st.integers(0, 50), min_size=1, max_size=12), st.data())
def test_quotas_sum_to_the_budget_and_fit_every_class(counts, data):
    counts = np.array(counts)
    total = data.draw(st.integers(0, int(counts.sum())))
    got = quotas(counts, total)
    assert got.sum() == total
    assert (got <= counts).all()
    assert (got >= 0).all()


@given(st.lists(st.integers(1, 50), min_size=2, max_size=8), st.data())
def test_quotas_with_less_room_than_proportional_flow_to_the_other_classes(counts, data):
    counts = np.array(counts)
    capacity = np.array([data.draw(st.integers(0, int(c))) for c in counts])
    total = data.draw(st.integers(0, int(capacity.sum())))
    got = quotas(counts, total, capacity)
    assert got.sum() == total
    assert (got <= capacity).all()


@given(st.lists(st.integers(0, 30), min_size=2, max_size=6), st.booleans())
def test_no_class_gets_less_as_the_budget_grows(counts, tight):
    counts = np.array(counts)
    capacity = counts // 2 if tight else counts
    totals = range(int(capacity.sum()) + 1)
    assert (np.diff([quotas(counts, total, capacity) for total in totals], axis=0) >= 0).all()


def test_quotas_are_those_of_sainte_lague():
    # The textbook's example: 7 seats for 53,000, 24,000 and 23,000 votes (Wikipedia, Sainte-Laguë method).
    assert quotas(np.array([53_000, 24_000, 23_000]), 7).tolist() == [3, 2, 2]


def test_classes_without_a_count_come_last():
    assert quotas(np.array([0.0, 2.0, 0.0]), 3, np.array([2, 2, 2])).tolist() == [1, 2, 0]


def test_quotas_are_proportional_within_one():
    counts = np.array([500, 300, 200])
    for total in (1, 7, 99, 250, 1000):
        assert (np.abs(quotas(counts, total) - counts * total / 1000) < 1).all()


def test_a_budget_over_the_rows_there_are_is_refused():
    with pytest.raises(InputError, match="a budget of 7 is more than the 6 rows"):
        quotas(np.array([3, 3]), 7)


def test_a_budget_is_never_empty():
    assert budget(0.001, 100) == 1
    with pytest.raises(InputError, match="no rows to choose from"):
        budget(0.5, 0)


def test_a_number_of_rows_is_kept_as_it_is_and_a_share_of_them_rounded():
    assert [budget(keep, 40) for keep in (0.5, 1, 1.0, 2, 39, 40, 500)] == [20, 40, 40, 2, 39, 40, 40]
    assert [keep_words(keep) for keep in (0.5, 1, 2, 5000)] == ["50 %", "100 %", "2 items", "5,000 items"]
    for wrong in (0, -1, 1.5, 2.0001):
        with pytest.raises(ValueError, match="a whole number of rows from 2 on"):
            checked_keep(wrong)
