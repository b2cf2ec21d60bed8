"""Texts in the app, without a browser: how a table is understood, what an analysis offers, search, reading, diffs."""

import pytest
from text_project import COPIES, TEXTS

from curation.engine.recipe import load_recipe


def said(page) -> str:
    return " ".join(html.proto.body for html in page.get("html"))


@pytest.fixture
def started(monkeypatch):
    """Jobs that would have been started."""
    jobs = []
    monkeypatch.setattr("curation.engine.jobs.Jobs.start", lambda self, recipe, *job: jobs.append(job))
    return jobs


def front_page(app, table, text):
    table.write_text(text)
    page = app()
    page.segmented_control("own_way").set_value("Path on the server").run()
    return page.text_input("own_path").set_value(str(table)).run()


def test_a_table_of_texts_is_recognised_shown_and_read_at_one_click(app, empty_home, started):
    table = empty_home.parent / "asked.csv"
    page = front_page(app, table, "text,category\nWhere is my card?,arrival\nIt was stolen.,lost\n")
    assert page.segmented_control("own_path_kind").value == "A text"
    assert page.multiselect("own_path_text").value == ["text"]
    assert page.selectbox("own_path_label").value == "category"
    assert page.dataframe[0].value["text"].tolist() == ["Where is my card?", "It was stolen."]
    page.button("own_path_read_table").click().run()
    assert not page.exception
    source = load_recipe(empty_home / "asked" / "recipe.toml").source
    assert (source.params["text"], source.params["label"]) == ("text", "category")
    assert started == [("Read asked", ["source"])]


def test_two_columns_of_text_are_joined_and_a_table_may_have_no_labels(app, empty_home, started):
    table = empty_home.parent / "news.csv"
    page = front_page(app, table, "title,body,kind\nRain,It will rain today.,weather\nWind,It blew.,weather\n")
    page.multiselect("own_path_text").set_value(["title", "body"])
    page.selectbox("own_path_label").set_value("")
    page.run()
    page.button("own_path_read_table").click().run()
    assert not page.exception
    source = load_recipe(empty_home / "news" / "recipe.toml").source
    assert list(source.params["text"]) == ["title", "body"]
    assert source.params["label"] == ""


def test_an_analysis_of_texts_offers_what_reads_texts_and_nothing_that_reads_images(app, text_home):
    page = app("data", project="texts")
    assert not page.exception
    encoders = page.selectbox("encoder").options
    assert "Pixels" not in encoders
    flags = page.multiselect("choose_flags").options
    assert "Duplicates" in " ".join(flags)
    assert not [name for name in flags if "image" in name.lower()]
    assert page.button("analyse").label == f"Analyse {len(TEXTS) * COPIES} texts"
    assert "Characters" in said(page)


def test_the_map_selects_what_contains_the_words_and_says_when_nothing_does(app, text_home):
    page = app("map", project="texts")
    assert not page.exception
    page.text_input("map_words").set_value("SMILE").run()
    (at,) = [number for number, text in enumerate(TEXTS) if "smile" in text]
    assert page.session_state["selected:texts"].tolist() == [at + len(TEXTS) * copy for copy in range(COPIES)]
    assert page.selectbox("map_order_found").value == "found"
    page.text_input("map_words").set_value("<nowhere>").run()
    assert page.session_state["selected:texts"].tolist() == []
    assert "Nothing on the map contains “&lt;nowhere&gt;”." in said(page)


def test_review_shows_the_text_with_the_words_that_speak_for_a_label(app, text_home):
    page = app("review", project="texts")
    assert not page.exception
    assert '<article class="wn-read"' in said(page)
    assert '<mark class="wn-' in said(page)
    assert "Marked words speak for" in said(page)


def test_review_is_narrowed_to_what_contains_the_words(app, text_home):
    page = app("review", project="texts")
    page.text_input("review_words").set_value("onerror").run()
    assert not page.exception
    assert "item 1 of the queue" in page.get("progress")[0].proto.text
    page.text_input("review_words").set_value("nowhere").run()
    assert "Nothing in doubt is found by “nowhere”" in said(page)
    page.button("review_everything").click().run()
    assert page.get("progress")


def test_near_duplicates_stand_side_by_side_with_the_words_that_differ_marked(app, text_home):
    page = app("review", project="texts")
    page.segmented_control("review_mode").set_value("duplicates").run()
    assert not page.exception
    assert '<mark class="wn-changed">0</mark>' in said(page)
    assert '<mark class="wn-changed">1</mark>' in said(page)


def test_grow_finds_by_words_among_what_has_no_label(app, text_home):
    page = app("grow", project="texts")
    page.segmented_control("grow_view").set_value("find").run()
    assert not page.exception
    assert "image" not in page.radio("grow_find_way").options
    page.text_input("grow_find_words_").set_value("smile").run()
    assert "Found 1 item without a label." in said(page)


def test_prune_shows_what_the_instant_methods_keep_and_passes_over_those_that_want_a_file(app, text_home):
    page = app("prune", project="texts")
    assert not page.exception
    assert not page.error
    titles = page.dataframe[-1].value["Method"].tolist()
    assert "Random" in titles
    assert "Importance resampling" not in titles
