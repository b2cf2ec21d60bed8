"""The catalogue: every method of the registry, its words letter for letter, and what cannot run here with the fix."""

import pytest

from curation.engine.registry import Method, all_methods
from curation.ui.parts import catalogue


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    monkeypatch.setattr(
        "curation.ui.parts.catalogue.problems", lambda: {("encoders", "timm"): "timm needs pip install <timm>"}
    )


def html(page) -> str:
    return "".join(block.proto.body for block in page.get("html"))


def test_every_method_is_there_with_its_parameters_and_its_paper(empty_home, app):
    page = app("methods")
    assert not page.exception
    shown = html(page)
    for method in all_methods():
        assert f"<code>{method.id}</code>" in shown
        assert all(f"<code>{name}</code>" in shown for name in method.params.model_fields)
        assert method.card.paper in shown


def test_a_method_that_cannot_run_here_says_why_as_text(empty_home, app):
    page = app("methods")
    assert "Timm needs pip install &lt;timm&gt;" in html(page)
    assert "1 of them cannot run here yet" in page.caption[0].value


def test_search_and_kind_narrow_the_list(empty_home, app):
    page = app("methods")
    page.segmented_control("methods_kind").set_value("flags").run()
    assert "<code>duplicates</code>" in html(page)
    assert "<code>aum</code>" not in html(page)
    page.text_input("methods_search").set_value("no such zebra").run()
    assert "has all of these words: no such zebra" in page.info[0].value


def test_words_may_stand_anywhere_in_name_text_or_tags():
    found = [m.id for m in catalogue.search("CONFIDENT learning mislabel")]
    assert found == ["confident_learning", "consensus"]  # whose text cites it


def test_docstrings_are_paragraphs_and_blocks_and_never_markup():
    assert catalogue._block("one <b>\n  two") == "<p>one &lt;b&gt; two</p>"
    assert catalogue._block("    a  b\n    <c>") == "<pre>a  b\n&lt;c&gt;</pre>"


def test_drawing_the_whole_catalogue_looks_for_no_package_and_no_weights(monkeypatch):
    monkeypatch.setattr(Method, "unavailable", lambda self: pytest.fail("it waits for a hub"))
    monkeypatch.setattr(Method, "missing", lambda self: pytest.fail("it looks for packages"))
    assert catalogue.listing(all_methods(), {}).count("<details>") == len(all_methods())
