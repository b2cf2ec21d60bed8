"""One small analysed project of texts: two classes, a wrong label, near duplicates, a pool to label; among them texts
made to be read as HTML, Markdown, formulas or directives, long words, Arabic and Chinese."""

import json
from pathlib import Path

import numpy as np

from curation.engine.recipe import parse_recipe
from curation.engine.run import run

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
COPIES = 6  # of each, the last without a label
RECIPE = {
    "score": [{"use": "aum"}],
    "flag": [{"use": "confident_learning"}, {"use": "duplicates"}],
    "map": {"use": "pca"},
    "prune": [{"use": "random", "name": "half", "keep": 0.5}],
    "grow": {"use": "margin", "batch": 12},
}


def build(home: Path) -> None:
    """The project "texts" in a home folder. Row `len(TEXTS) * copy + number` is a copy of one text; row 0 has the wrong
    label."""
    rng = np.random.default_rng(0)
    rows, x = [], []
    for copy in range(COPIES):
        for number, text in enumerate(TEXTS):
            code = number % 2
            wrong = (copy, number) == (0, 0)
            rows.append({"text": f"{text} {copy}", "label": str(code ^ wrong) if copy < COPIES - 1 else ""})
            x.append(rng.normal(size=8) + 3 * code)
    x[len(TEXTS) + 3] = x[3]  # near duplicates: their texts differ in one word
    home.mkdir(parents=True, exist_ok=True)
    (home.parent / "texts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    np.save(home.parent / "x.npy", np.array(x, np.float32))
    recipe = {
        "source": {"use": "table", "path": str(home.parent / "texts.jsonl"), "text": "text"},
        "encode": {"use": "precomputed", "path": str(home.parent / "x.npy")},
    }
    run(parse_recipe(recipe | RECIPE), home / "texts", device="cpu")
