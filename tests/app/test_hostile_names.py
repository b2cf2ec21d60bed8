"""Names made to be read as HTML, Markdown, formulas or directives are shown letter for letter on every page."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from tests.app.browser import Visit, chromium

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NAMES = (
    "<img src=x onerror=window.pwned=1>",
    "**bold** _it_ `code`",
    "$x^2$ and $y$",
    ":red[x] :material&home: :smile:",
    "[a](javascript:window.pwned=1)",
    "a\u202egnp.exe",
    "<b>t</b> &amp; <a href='javascript:window.pwned=1'>b".replace("/", "\u2215"),
    "=cmd|' !A0'",
)
SHOWN = [name.replace("\u202e", "⟨202E⟩") for name in NAMES]
EACH = 8
RECIPE = {
    "encode": {"use": "pixels"},
    "score": [{"use": "aum"}],
    "flag": [{"use": "confident_learning"}, {"use": "duplicates"}],
    "map": {"use": "pca"},
    "prune": [{"use": "random", "name": "half", "keep": 0.5}],
    "verify": {"use": "logistic", "seeds": 1},
    "grow": {"use": "margin", "batch": 8},
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """An analysed project whose classes and files have the names above."""
    top = tmp_path_factory.mktemp("hostile")
    rng = np.random.default_rng(0)
    for code, name in enumerate(NAMES):
        (top / "set" / "train" / name).mkdir(parents=True)
        for i in range(EACH):
            grey = np.clip(rng.normal(30 * code, 20, (12, 12)), 0, 255).astype(np.uint8)
            Image.fromarray(grey).save(top / "set" / "train" / name / f"{NAMES[(code + i) % len(NAMES)]}{i}.png")
    (top / "set" / "unlabeled").mkdir()
    for name in NAMES:
        grey = rng.integers(0, 255, (12, 12), dtype=np.uint8)
        Image.fromarray(grey).save(top / "set" / "unlabeled" / f"{name}.png")
    wrong = top / "set" / "train" / NAMES[0] / "wrong.png"  # looks like the last class: flagged, with a suggestion
    shutil.copy(next((top / "set" / "train" / NAMES[-1]).iterdir()), wrong)
    (top / "set" / "train" / NAMES[1] / f"broken {NAMES[0]}.png").write_text("not an image")
    folder = top / "hostile"
    run(parse_recipe({"source": {"use": "folder", "path": str(top / "set")}, **RECIPE}), folder, device="cpu")
    return folder


def test_names_are_shown_letter_for_letter_and_nothing_in_them_runs(served, hostile):
    project, seen = served(hostile), {}
    with chromium() as browser:
        visit = Visit(browser, project.page(""))
        for page in ("", "map", "review", "grow", "prune", "verify", "export"):
            visit.tab.goto(project.page(page))
            visit.settle()
            if page == "prune":  # a method that answers at once
                visit.tab.locator(".st-key-prune_card_a label").filter(has_text=re.compile("^Random")).click()
            visit.tab.wait_for_timeout(1000)  # charts and galleries are drawn after the page is
            visit.settle()
            harmless(visit, page)
            seen[page] = everything(visit)
            if page == "map":
                box = visit.tab.locator(".st-key-map_box canvas").first.bounding_box()
                for x, y in ((0.5, 0.5), (0.3, 0.4)):  # hover texts
                    visit.tab.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=5)
                    visit.tab.wait_for_timeout(300)
                    harmless(visit, "map, hovering")
            if page in ("review", "grow"):
                for _ in range(2):
                    visit.tab.keyboard.press("a")
                    visit.settle()
                    harmless(visit, f"{page}, deciding")
            visit.quiet()
    for page in ("", "map", "grow", "prune"):  # where every class is named
        missing = [name for name in SHOWN if "".join(name.split()) not in "".join(seen[page].split())]
        assert not missing, f"the page {page or 'data'} does not show {missing} as they are"
    assert any("".join(name.split()) in "".join(seen["review"].split()) for name in SHOWN)


def harmless(visit, where):
    """No name became an element, a link, a formula or a colour, and no script of one ran."""
    tab = visit.tab
    assert tab.evaluate("window.pwned") is None, f"a name ran as a script on {where}"
    for made in ("img[src='x']", "a[href^='javascript']", ".katex", "[onerror]"):
        assert tab.locator(made).count() == 0, f"a name became {made} on {where}"
    for element, text in (
        ("strong", "bold"),
        ("em", "it"),
        ("code", "code"),
        ("b", "t"),
        ("span", "x"),
        ("tspan", "t"),
    ):
        assert tab.locator(f"{element}:text-is('{text}')").count() == 0, f"{text!r} became <{element}> on {where}"
    assert "\u202e" not in everything(visit), f"a direction override reached {where}"


def everything(visit) -> str:
    """All text of the page, what lies in shadow roots and what is shown on hovering included."""
    return visit.tab.evaluate(
        """() => {
            const found = [];
            const walk = (node) => {
                if (node.nodeType === Node.TEXT_NODE) found.push(node.textContent);
                if (["STYLE", "SCRIPT"].includes(node.nodeName)) return;
                for (const name of ["title", "alt", "aria-label", "value"])
                    if (node.getAttribute?.(name)) found.push(node.getAttribute(name));
                if (node.shadowRoot) walk(node.shadowRoot);
                for (const child of node.childNodes) walk(child);
                if (node.nodeType === Node.ELEMENT_NODE) found.push("\\n");
            };
            walk(document.body);
            return found.join("");
        }"""
    )
