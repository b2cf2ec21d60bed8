"""Texts made to be read as HTML, Markdown, formulas or directives are shown letter for letter on every page; long
words wrap, and Arabic runs from the right."""

import json

import numpy as np
import pytest
from test_hostile_names import everything, harmless

from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from tests.app.browser import Visit, app, chromium

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ARABIC, CHINESE, LONG = "أين بطاقتي الجديدة؟", "我的新卡在哪里？" * 20, "w" * 3_000
TEXTS = (
    "<img src=x onerror=window.pwned=1>",
    "<b>t</b> <script>window.pwned=1</script>",
    "**bold** _it_ `code`",
    "$x^2$ and $y$",
    ":red[x] :material/home: :smile:",
    "[a](javascript:window.pwned=1)",
    "a\u202egnp.exe",
    "nothing\x00after",
    "=cmd|' !A0'",
    ARABIC,
    CHINESE,
    LONG,
)
SHOWN = [text.replace("\u202e", "⟨202E⟩").replace("\x00", "⟨0000⟩")[:200] for text in TEXTS]
RECIPE = {
    "score": [{"use": "aum"}],
    "flag": [{"use": "confident_learning"}, {"use": "duplicates"}],
    "map": {"use": "pca"},
    "prune": [{"use": "random", "name": "half", "keep": 0.5}],
    "grow": {"use": "margin", "batch": 12},
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A home folder with one analysed project of the texts above: two classes, one wrong label, a pool to label."""
    top = tmp_path_factory.mktemp("hostile")
    rng = np.random.default_rng(0)
    rows, x = [], []
    for copy in range(4):
        for number, text in enumerate(TEXTS):
            code = number % 2
            wrong = (copy, number) == (0, 0)
            rows.append({"text": f"{text} {copy}", "label": str(code ^ wrong) if copy < 3 else ""})
            x.append(rng.normal(size=8) + 3 * code)
    (top / "texts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    np.save(top / "x.npy", np.array(x, np.float32))
    recipe = {
        "source": {"use": "table", "path": str(top / "texts.jsonl"), "text": "text"},
        "encode": {"use": "precomputed", "path": str(top / "x.npy")},
    }
    run(parse_recipe(recipe | RECIPE), top / "home" / "hostile", device="cpu")
    return top


def test_texts_are_shown_letter_for_letter_and_nothing_in_them_runs(hostile):
    seen = {}
    with app(env={"WINNOW_HOME": str(hostile / "home"), "WINNOW_ROOTS": str(hostile)}) as url, chromium() as browser:
        for page in ("", "map", "review", "grow"):
            visit = Visit(browser, f"{url}/{page}?project=hostile")
            tab = visit.tab
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
            tab.context.close()
    for page in ("", "map"):
        missing = [text for text in SHOWN if "".join(text.split()) not in "".join(seen[page].split())]
        assert not missing, f"the page {page or 'data'} does not show {missing} as they are"
    for page in ("review", "grow"):
        assert any("".join(text.split()) in "".join(seen[page].split()) for text in SHOWN)
