"""Texts made to be read as HTML, Markdown, formulas or directives are shown letter for letter on every page; long
words wrap, and Arabic runs from the right."""

import numpy as np
import pytest
from test_hostile_names import everything, harmless
from text_project import ARABIC, TEXTS

from tests.app.browser import Visit, chromium

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHOWN = [text.replace("\u202e", "⟨202E⟩").replace("\x00", "⟨0000⟩")[:200] for text in TEXTS]


def test_texts_are_shown_letter_for_letter_and_nothing_in_them_runs(served, built_texts):
    project, seen = served(built_texts / "texts"), {}
    with chromium() as browser:
        visit = Visit(browser, project.page(""))
        tab = visit.tab
        for page in ("", "map", "review", "grow"):
            tab.goto(project.page(page))
            tab.wait_for_timeout(500)  # galleries are drawn after the page is
            visit.settle()
            harmless(visit, page)
            seen[page] = everything(visit)
            wide = tab.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth - innerWidth")
            assert wide <= 0, f"a long word makes the page {page} {wide} pixels too wide"
            if page == "map":
                box = tab.locator(".st-key-map_box canvas").first.bounding_box()
                for x in np.linspace(0.1, 0.9, 9):  # cards beside points
                    tab.mouse.move(box["x"] + x * box["width"], box["y"] + box["height"] / 2, steps=3)
                    harmless(visit, "map, hovering")
                arabic = tab.get_by_role("option").filter(has_text=ARABIC).first
                assert arabic.locator("p").evaluate("p => getComputedStyle(p).direction") == "rtl"
                arabic.dblclick()  # one from close by
                pane = tab.locator(".wn-read div")
                pane.wait_for()
                assert pane.evaluate("div => getComputedStyle(div).direction") == "rtl"
                harmless(visit, "map, one item")
            if page in ("review", "grow"):
                tab.keyboard.press("a")
                visit.settle()
                harmless(visit, f"{page}, deciding")
            visit.quiet()
    for page in ("", "map"):
        missing = [text for text in SHOWN if "".join(text.split()) not in "".join(seen[page].split())]
        assert not missing, f"the page {page or 'data'} does not show {missing} as they are"
    for page in ("review", "grow"):
        assert any("".join(text.split()) in "".join(seen[page].split()) for text in SHOWN)
