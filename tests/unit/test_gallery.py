"""The gallery: whose choice holds when both the person and the page change it."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from curation.data.items import make_items
from curation.ui.parts import gallery
from curation.ui.parts.item_kinds.shown import brief, many, whole


class Person:
    """A gallery and its page, without a browser: what each knows, run by run."""

    def __init__(self):
        self.state = {"shown": frozenset(), "seen": None, "push": None}
        self.reported, self.token, self.there, self.clock = None, None, frozenset(), 0

    def run(self, selected=None) -> set[str]:
        given = None if selected is None else frozenset(selected)
        result = gallery.merge(self.state, self.reported, given)
        if self.state["push"] and self.state["push"]["token"] != self.token:
            self.token, self.there = self.state["push"]["token"], frozenset(self.state["push"]["ids"])
        return set(result)

    def click(self, *ids):
        self.clock += 1
        self.there = self.there ^ set(ids)
        self.reported = {"ids": sorted(self.there), "at": self.clock, "after": self.token}

    def leave_and_return(self):
        self.reported = None


def test_a_click_reaches_the_page_and_nothing_is_sent_back():
    person = Person()
    assert person.run(set()) == set()
    person.click("a")
    assert person.run(set()) == {"a"}  # the page still holds what it knew before the click
    assert person.run({"a"}) == {"a"}
    assert person.state["push"] is None


def test_the_page_can_change_the_choice_and_clicks_go_on_from_there():
    person = Person()
    person.click("a")
    person.run(set())
    assert person.run({"x", "y"}) == {"x", "y"}
    assert person.there == {"x", "y"}
    person.click("y")
    assert person.run({"x", "y"}) == {"x"}
    assert person.run(set()) == set()
    assert person.there == set()


def test_a_choice_the_page_made_is_not_undone_by_an_old_report():
    person = Person()
    person.click("a")
    person.run(set())
    person.run(set())  # cleared by the page; the browser's last report still says "a"
    assert person.run(set()) == set()
    assert person.there == set()


def test_when_both_change_it_the_page_wins():
    person = Person()
    person.run({"p"})
    person.click("a")
    assert person.run({"q"}) == {"q"}
    assert person.there == {"q"}


@pytest.mark.parametrize("kept_by_page", [True, False])
def test_a_choice_survives_leaving_the_page(kept_by_page):
    person = Person()
    person.click("a")
    assert person.run() == {"a"}
    person.leave_and_return()
    person.there = {"something", "else"}
    assert person.run({"a"} if kept_by_page else None) == {"a"}
    assert person.there == {"a"}


def _page_with_a_gallery():
    import streamlit as st

    from curation.ui.parts.gallery import Tile, gallery

    wanted = {"a"} if st.checkbox("choose a") else set()
    st.session_state.out = gallery([Tile("a", "", "A"), Tile("b", "", "B")], key="g", selected=wanted)


def test_a_page_with_a_gallery_runs_without_a_browser():
    app = AppTest.from_function(_page_with_a_gallery, default_timeout=30).run()
    assert not app.exception
    assert app.session_state.out == gallery.Choice(frozenset())
    app.checkbox[0].check().run()
    assert app.session_state.out.selected == {"a"}


def test_an_item_shows_a_picture_words_or_both_by_its_kind():
    items = make_items(
        ids=["picture", "words", "both"],
        labels=["a"] * 3,
        splits=["train"] * 3,
        images=np.zeros((3, 8, 8), np.uint8),
        written=[None, "Where is  my card?\n" * 50, "a black square"],
        kinds=["image", "text", "pair"],
    )
    picture, words, both = brief(items, [0, 1, 2], 64)
    assert picture.src.startswith("data:image/")
    assert not picture.said
    assert not words.src
    assert words.said[0].text.startswith("Where is my card? Where")
    assert words.said[0].text.endswith("…")
    assert len(words.said[0].text) <= 241
    assert both.src == picture.src
    assert both.said[0].text == "a black square"
    assert whole(items, 1).said[0].text == "Where is  my card?\n" * 50
    assert many(items) == "items"
