"""Every link of the README and the docs leads to a file and a heading that are there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
LINK = re.compile(r"\]\((?!\w+:)([^)\s#]*)(?:#([^)\s]+))?\)")


@cache
def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    lines = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL).splitlines()
    titles = [line.lstrip("#").strip().lower() for line in lines if re.match(r"#{1,6} ", line)]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def links() -> list[tuple[Path, str, str]]:
    return [(page, *found) for page in PAGES for found in LINK.findall(page.read_text())]


def test_there_are_links_to_check():
    assert ("docs/start.md", "my-labels-are-in-a-csv") in {(path, anchor) for _, path, anchor in links()}
    assert "my-labels-are-in-a-csv" in headings(ROOT / "docs/start.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_somewhere(page):
    for path, anchor in LINK.findall(page.read_text()):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {path}, which is not there"
        if anchor:
            there = headings(target)
            assert anchor in there, f"{page.name} links to a heading {anchor!r} that {target.name} does not have"
