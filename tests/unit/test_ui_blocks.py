"""The pieces pages are made of: theme, thumbnails, gallery, charts and forms."""

from __future__ import annotations

import base64
import io
import itertools
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit import config
from streamlit.testing.v1 import AppTest

from curation.data.items import make_items
from curation.ui.parts import charts, gallery, theme, thumbnails

ROOT = Path(__file__).resolve().parents[2]
CONFIG = tomllib.loads((ROOT / ".streamlit/config.toml").read_text("utf-8"))


# -- theme -------------------------------------------------------------------------------------------------


def _flat(settings: dict, prefix: str = "") -> dict:
    found = {}
    for name, value in settings.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


def test_every_setting_is_known_to_streamlit():
    config.get_config_options()
    assert set(_flat(CONFIG)) <= set(config._config_options_template)


def test_class_colours_are_the_same_in_charts_and_in_the_theme():
    assert tuple(CONFIG["theme"]["chartCategoricalColors"]) == theme.CLASS_COLOURS


@pytest.mark.parametrize("page", ["light", "dark"])
def test_white_text_is_readable_on_the_primary_button(page):
    assert _contrast(CONFIG["theme"][page]["primaryColor"], "#FFFFFF") >= 4.5


@pytest.mark.parametrize("page", ["light", "dark"])
def test_every_status_is_readable_on_its_page(page):
    background = CONFIG["theme"][page]["backgroundColor"]
    for status in theme.STATUS.values():
        assert _contrast(getattr(status, page), background) >= 3.5


def test_no_two_statuses_share_outline_and_icon():
    assert (
        len({(s.outline, s.icon) for s in theme.STATUS.values()}) == len({s.icon for s in theme.STATUS.values()}) == 4
    )


# Machado, Oliveira & Fernandes 2009, full strength.
SIGHT = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("sight", SIGHT)
def test_class_colours_stay_apart_for_every_kind_of_sight(sight):
    seen = [_oklab(np.clip(np.array(SIGHT[sight]) @ _linear(colour), 0, 1)) for colour in theme.CLASS_COLOURS]
    nearest = min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
    assert 100 * nearest >= 8.5


HOSTILE = [
    *("**bold** a_b_c", "# title", "1. list", "- point", "> quote", "[link](http://x)", "![i](x)", ":red[x]", "$x$"),
    *("`code`", "<b>bold</b> &amp;", "~~no~~", "a\\b", ":smile: :material/delete:", "www.x.org http://x.org a@x.org"),
    *("a -> b <- c -- d >= e",),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_plain_text_carries_a_backslash_before_every_piece_of_punctuation(text):
    shown = theme.plain(text).replace("\u2060", "")
    assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", shown) == text
    assert re.fullmatch(r"[\w ]*", re.sub(r"\\[!-/:-@\[-`{-~]", "", shown))


@pytest.mark.parametrize(
    "text", [":smile:", ":material/delete:", "http://x.org", "www.x.org", "a@x.org", "->", "--", ">="]
)
def test_plain_text_breaks_what_is_looked_for_after_parsing(text):
    assert "\u2060" in theme.plain(text)


def test_plain_text_is_one_line():
    assert theme.plain("a\n\n b") == "a b"


def test_a_reason_is_never_markup():
    assert "<img" not in theme.chip("<img src=x onerror=alert(1)>", "dropped")


# -- thumbnails --------------------------------------------------------------------------------------------


def _items(*images: np.ndarray, hashes=None):
    n = len(images)
    return make_items(
        ids=[str(i) for i in range(n)],
        labels=["a"] * n,
        splits=["train"] * n,
        hashes=hashes or [f"h{i}" for i in range(n)],
        images=np.stack(images),
    )


def _opened(uri: str) -> tuple[str, Image.Image, int]:
    kind, content = re.fullmatch(r"data:image/([\w+]+);base64,(.+)", uri).groups()
    return kind, Image.open(io.BytesIO(base64.b64decode(content))), len(base64.b64decode(content))


@pytest.fixture(autouse=True)
def _no_thumbnails_from_before():
    thumbnails._made.clear()


def test_a_tiny_image_travels_pixel_by_pixel():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    for make in (thumbnails.thumbnail, thumbnails.large):
        kind, image, _ = _opened(make(_items(pixels), 0))
        assert kind == "png"
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_a_large_image_is_shrunk_to_a_few_kilobytes():
    ramp = np.add.outer(np.arange(300), np.arange(400)).astype(np.uint8)
    kind, image, size = _opened(thumbnails.thumbnail(_items(ramp), 0, 112))
    assert kind == "webp"
    assert image.size == (112, 84)
    assert size < 6_000
    assert _opened(thumbnails.large(_items(ramp), 0, 200))[1].size == (200, 150)


def test_twins_are_made_once_and_items_without_a_hash_every_time():
    dark, light = np.zeros((9, 9), np.uint8), np.full((9, 9), 255, np.uint8)
    twins = _items(dark, light, hashes=["same", "same"])
    assert thumbnails.thumbnail(twins, 1) == thumbnails.thumbnail(twins, 0)  # by content: row 1 came first
    unknown = _items(dark, light, hashes=[None, None])
    assert thumbnails.thumbnail(unknown, 1) != thumbnails.thumbnail(unknown, 0)


def test_old_thumbnails_make_room(monkeypatch):
    monkeypatch.setattr(thumbnails, "KEEP", 2)
    items = _items(*[np.full((9, 9), i, np.uint8) for i in range(3)])
    for row in (0, 1, 0, 2):
        thumbnails.thumbnail(items, row)
    assert [key[0] for key in thumbnails._made] == ["h0", "h2"]


def test_an_item_that_cannot_be_read_shows_a_placeholder(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"not an image")
    items = make_items(ids=["a"], labels=["x"], splits=["train"], paths=["bad.jpg"], root=tmp_path)
    assert thumbnails.thumbnail(items, 0) == thumbnails.large(items, 0) == thumbnails.PLACEHOLDER


def test_a_large_jpeg_is_decoded_no_larger_than_it_has_to_be(tmp_path):
    Image.new("RGB", (1600, 1200), (200, 30, 30)).save(tmp_path / "big.jpg")
    items = make_items(ids=["a"], labels=["x"], splits=["train"], paths=["big.jpg"], root=tmp_path)
    assert items.image(0, at_least=112).size == (200, 150)
    assert items.image(0).size == (1600, 1200)


# -- gallery: who changed the choice -----------------------------------------------------------------------


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
    app = _run(_page_with_a_gallery)
    assert not app.exception
    assert app.session_state.out == gallery.Choice(frozenset())
    app.checkbox[0].check().run()
    assert app.session_state.out.selected == {"a"}


# -- charts ------------------------------------------------------------------------------------------------

XY = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [2, 2]], dtype=float)
CODES = np.array([0, 1, 0, 1, -1])
FLAGGED = np.array([False, True, False, False, False])


def _map(**changes):
    given = {"difficulty": np.arange(5.0), "flagged": FLAGGED, "hover": {"label": np.array(["<b>"] * 5)}} | changes
    return charts.map_figure(XY, charts.Categories(["cat", "<i>dog"], CODES), **given)


def test_the_same_map_is_the_same_bytes():
    import plotly.io

    assert plotly.io.to_json(_map()) == plotly.io.to_json(_map())


def test_every_drawn_item_is_one_point_that_knows_its_row():
    figure = _map(rows=np.array([0, 1, 3, 4]))
    points = {}
    for trace in figure.data:
        assert trace.customdata.dtype == np.int32
        assert trace.x.dtype == trace.y.dtype == trace.marker.size.dtype == np.float32
        for row, x, y in zip(trace.customdata[:, 0], trace.x, trace.y, strict=True):
            assert row not in points
            points[int(row)] = (x, y)
    assert points == {row: tuple(XY[row]) for row in (0, 1, 3, 4)}


def test_flagged_items_differ_by_shape_and_outline():
    flagged = next(trace for trace in _map().data if trace.customdata[0, 0] == 1)
    rest = [trace for trace in _map().data if trace is not flagged and trace.customdata[0, 0] != 1]
    assert flagged.marker.symbol == "diamond"
    assert flagged.marker.line.width > 0
    assert {(trace.marker.symbol, trace.marker.line.width) for trace in rest} == {("circle", 0)}


def test_the_legend_isolates_a_class_with_its_flagged_items():
    dog = [trace for trace in _map().data if trace.name == "&lt;i&gt;dog"]
    assert len(dog) == 2
    assert dog[0].legendgroup == dog[1].legendgroup
    assert [trace.showlegend for trace in dog] == [True, False]


def test_names_and_hover_texts_are_never_markup():
    text = _map().to_json()
    assert "<i>dog" not in text
    assert "<b><b>" not in text


def test_a_ramp_has_one_colour_bar_and_no_legend():
    figure = charts.map_figure(XY, charts.Ramp(np.arange(5), "aum"), flagged=FLAGGED)
    assert {trace.marker.coloraxis for trace in figure.data} == {"coloraxis"}
    assert figure.layout.coloraxis.colorbar.title.text == "aum"
    assert not figure.layout.showlegend


def test_beyond_ten_classes_the_largest_have_colours_and_the_rest_is_grey():
    names = [f"c{i}" for i in range(12)]
    colours = charts.colour_map(names, [5, 1, *[9] * 9, 2])
    assert [name for name in names if colours[name] == theme.OTHER] == ["c1", "c11"]
    assert len(set(colours.values())) == 11
    codes = np.repeat(np.arange(12), [5, 1, *[9] * 9, 2])
    figure = charts.map_figure(np.zeros((len(codes), 2)), charts.Categories(names, codes))
    assert [trace.name for trace in figure.data if trace.marker.color == theme.OTHER] == ["2 other classes"]


def test_harder_items_are_larger_and_one_extreme_score_changes_nothing():
    easy_to_hard = charts.marker_sizes(np.array([0.0, 1.0, 2.0]), drawn=1000)
    np.testing.assert_allclose(easy_to_hard, [5.2, 5.2 + 9.36 / 4, 14.56])
    np.testing.assert_allclose(charts.marker_sizes(np.array([0.0, 1.0, 1e9]), drawn=1000), easy_to_hard)


def test_items_without_difficulty_are_small_and_equal_ones_alike():
    assert charts.marker_sizes(np.array([np.nan, 1.0, 2.0])).argmin() == 0
    assert len(set(charts.marker_sizes(np.ones(4)))) == 1


def test_a_sample_holds_what_matters_and_is_the_same_every_time():
    flagged, hardest = np.arange(0, 50), np.arange(40, 120)
    draw = [
        charts.sample_rows(1000, 200, always=[flagged, hardest], rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(draw[0], draw[1])
    assert not np.array_equal(draw[0], draw[2])
    assert len(set(draw[0])) == 200
    assert set(range(120)) <= set(draw[0])


def test_when_not_all_that_matters_fits_the_first_named_come_first():
    kept = charts.sample_rows(100, 10, always=[np.arange(8), np.arange(50, 90)], rng=np.random.default_rng(0))
    assert kept.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 50, 51]


def test_small_sets_are_drawn_whole():
    assert charts.sample_rows(4, 10, rng=np.random.default_rng(0)).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("event", [None, {}, {"selection": {"points": []}}])
def test_no_selection_is_no_rows(event):
    assert charts.points(event) == []
    assert not charts.inside(event, XY).any()


def test_points_are_read_in_every_shape_they_come_in():
    shapes = [{"customdata": {"0": 4}}, {"customdata": [2]}, {"customdata": 1}, {"customdata": [2]}, {"x": 0}]
    assert charts.points({"selection": {"points": shapes}}) == [1, 2, 4]


def test_a_lasso_takes_what_it_surrounds_and_leaves_its_notch():
    #   an L: the unit square without its upper right quarter
    lasso = {"x": [0, 1, 1, 0.5, 0.5, 0], "y": [0, 0, 0.5, 0.5, 1, 1]}
    xy = np.array([[0.2, 0.2], [0.9, 0.2], [0.2, 0.9], [0.9, 0.9], [1.2, 0.2], [-0.1, 0.5]])
    hit = charts.inside({"selection": {"lasso": [lasso]}}, xy)
    assert hit.tolist() == [True, True, True, False, False, False]


def test_a_box_may_be_drawn_from_any_corner():
    hit = charts.inside({"selection": {"box": [{"x": [1.5, 0.5], "y": [1.5, -1]}]}}, XY)
    assert hit.tolist() == [False, True, False, True, False]


def test_the_histogram_counts_every_item_once():
    values = np.array([0.0, 1, 2, 3, np.nan, 1000])
    figure = charts.histogram(values, np.array([True, True, False, False, True, False]), "aum")
    assert [int(bar.y.sum()) for bar in figure.data] == [5, 2]


def test_class_bars_add_up():
    figure = charts.class_bars(["a", "b"], np.array([10, 4]), np.array([3, 4]))
    assert [bar.x.tolist() for bar in figure.data] == [[3, 4], [7, 0]]
    assert list(figure.data[1].text) == ["3 of 10", "4 of 4"]


def _runs(method, keep, *values):
    return [{"method": method, "keep": keep, "seed": i, "accuracy": v} for i, v in enumerate(values)]


def test_accuracy_shows_mean_and_spread_beside_random_and_everything():
    runs = _runs("random", 0.5, 0.6, 0.7) + _runs("ccs", 0.5, 0.8, 0.9, 1.0) + _runs("full", 1.0, 0.9, 0.9)
    figure = charts.accuracy_figure(runs)
    ccs, random = figure.data
    assert (ccs.name, random.name) == ("ccs", "random")
    assert ccs.y[0] == pytest.approx(0.9)
    assert ccs.error_y.array[0] == pytest.approx(0.1)
    assert random.line.dash == "dash"
    assert [a.text for a in figure.layout.annotations] == ["everything: 90.0%"]
    assert ccs.customdata[0][0] == random.customdata[0][0] == 0.5


def test_one_seed_has_no_error_bar_and_no_runs_no_lines():
    assert charts.accuracy_figure(_runs("ccs", 0.5, 0.8)).data[0].error_y.array[0] == 0
    assert len(charts.accuracy_figure([]).data) == 0


# -- forms -------------------------------------------------------------------------------------------------


def _form_of_every_kind():
    from pathlib import Path  # noqa: F401 - the body runs as a script of its own
    from typing import Annotated, Literal

    import streamlit as st
    from pydantic import Field

    from curation.card import Card, Ref
    from curation.engine.registry import Method
    from curation.ui.parts.forms import form

    def select(
        view,
        budget,
        *,
        rng,
        by: Annotated[str, Ref("scores"), Field(description="Stands on.")] = "aum",
        end: Annotated[Literal["hard", "easy"], Field(description="Which end.")] = "hard",
        metric: Annotated[Literal["cosine", "euclidean", "manhattan", "chebyshev", "hamming"], Field()] = "cosine",
        cut: Annotated[float, Field(ge=0, le=0.5)] = 0.1,
        tiny: Annotated[float, Field(ge=0, le=1)] = 0.0025,
        rate: Annotated[float, Field(gt=0)] = 1e-4,
        bins: Annotated[int, Field(ge=1, le=50)] = 20,
        epochs: Annotated[int, Field(ge=1, le=100_000)] = 30,
        limit: Annotated[int, Field(ge=1)] | None = None,
        fair: bool = True,
        path: Path | None = None,
        columns: list[str] = ["a", "b"],  # noqa: B006
        tag: Annotated[str, Field(min_length=2)] = "xy",
    ): ...

    method = Method("demo", "pruners", Card("Demo", ""), select, None, None, "Demo.")
    start = {"cut": 0.2, "fair": False}
    st.session_state.out = form(method, start, key="f", scores=["aum", "el2n"], exclude=["fair"])


def _run(script) -> AppTest:
    return AppTest.from_function(script, default_timeout=30).run()


def test_a_form_starts_at_the_given_values_and_the_defaults():
    app = _run(_form_of_every_kind)
    assert not app.exception
    assert app.session_state.out == {
        **{"by": "aum", "end": "hard", "metric": "cosine", "cut": 0.2, "tiny": 0.0025, "rate": 1e-4, "bins": 20},
        **{"epochs": 30, "limit": None, "fair": False, "path": None, "columns": ["a", "b"], "tag": "xy"},
    }


def test_a_form_returns_what_was_entered_as_plain_values():
    app = _run(_form_of_every_kind)
    app.selectbox("f.pruners.demo.metric").select("hamming")
    app.slider("f.pruners.demo.cut").set_value(0.35)
    app.number_input("f.pruners.demo.limit").set_value(7)
    app.text_input("f.pruners.demo.path").set_value("data/x")
    app.text_area("f.pruners.demo.columns").set_value("c\n\n d \n")
    out = app.run().session_state.out
    assert (out["metric"], out["cut"], out["limit"], out["columns"]) == ("hamming", 0.35, 7, ["c", "d"])
    assert out["path"] == Path("data/x")


def test_a_form_says_in_one_line_what_is_wrong_and_returns_nothing():
    app = _run(_form_of_every_kind)
    app.text_input("f.pruners.demo.tag").set_value("x")
    app.run()
    assert app.session_state.out is None
    assert len(app.error) == 1
    assert "tag" in app.error[0].value


def test_a_parameter_the_page_sets_itself_is_not_asked_for():
    assert not _run(_form_of_every_kind).toggle


def _every_method():
    import streamlit as st

    from curation.engine.registry import all_methods, methods
    from curation.ui.parts.forms import form

    scores = list(methods("scores"))
    st.session_state.out = {
        f"{method.kind}/{method.id}": (method, form(method, {}, key="all", scores=scores)) for method in all_methods()
    }


def test_every_registered_method_has_a_form_that_starts_at_its_defaults():
    app = _run(_every_method)
    assert not app.exception
    assert len(app.session_state.out) > 2
    for name, (method, values) in app.session_state.out.items():
        required = [key for key, field in method.params.model_fields.items() if field.is_required()]
        assert values == (None if required else method.params().model_dump()), name


# -- in a real browser -------------------------------------------------------------------------------------

SCRIPT = """
import numpy as np
import streamlit as st
from curation.ui import charts, theme, thumbs
from curation.ui.parts.gallery import Tile, gallery
from curation.data.items import make_items

st.set_page_config(layout="wide")
st.html(theme.page_css())
rng = np.random.default_rng(0)
n = 24
items = make_items(ids=[f"i{k}" for k in range(n)], labels=["a"] * n, splits=["train"] * n,
                   images=rng.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8), hashes=[str(k) for k in range(n)])
left, right = st.columns(2)
with left:
    xy = np.random.default_rng(1).random((300, 2))
    figure = charts.map_figure(xy, charts.Categories(["a", "b"], np.arange(300) % 2), flagged=np.arange(300) < 9)
    event = st.plotly_chart(figure, key="map", on_select="rerun", config=charts.CONFIG)
rows = charts.points(event)
with right:
    if st.button("Clear"):
        st.session_state.chosen = set()
    tiles = [Tile(f"i{k}", thumbs.thumbnail(items, k), "<img src=x onerror=alert(1)>" if k == 1 else f"label {k}",
                  badge="flagged" if k == 2 else None) for k in range(n)]
    choice = gallery(tiles, key="tiles", selected=st.session_state.get("chosen", set()), size=60)
    st.session_state.chosen = choice.selected
with st.container(key="plain"):
    for text in HOSTILE:
        st.markdown(theme.plain(text))
if choice.opened:
    st.session_state.opened = choice.opened
agree = rows == np.flatnonzero(charts.inside(event, xy)).tolist()
st.text(f"chosen {' '.join(sorted(choice.selected, key=lambda i: int(i[1:])))}.")
st.text(f"opened {st.session_state.get('opened')}.")
st.text(f"drawn {len(rows) if agree else 'DIFFERS'}.")
"""


@pytest.mark.browser
def test_gallery_and_map_report_what_a_person_does(tmp_path):
    from tests.app.browser import Visit, app, chromium

    script = tmp_path / "blocks.py"
    script.write_text(f"HOSTILE = {HOSTILE!r}\n{SCRIPT}", "utf-8")
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit/config.toml").write_text((ROOT / ".streamlit/config.toml").read_text("utf-8"), "utf-8")
    with app(script) as url, chromium() as browser:
        visit = Visit(browser, url)
        tab, tiles = visit.tab, visit.tab.get_by_role("option")
        says = lambda text: tab.get_by_text(text, exact=True).wait_for(timeout=30_000)  # noqa: E731
        pressed = tab.keyboard.press

        tiles.nth(3).click()
        tiles.nth(5).click(modifiers=["Shift"])
        says("chosen i3 i4 i5.")
        tiles.nth(4).click()
        says("chosen i3 i5.")
        pressed("ArrowRight")
        pressed("ArrowRight")
        pressed("Space")
        pressed("Shift+ArrowRight")
        says("chosen i3 i5 i6 i7.")
        pressed("Enter")
        says("opened i7.")
        tiles.nth(9).dblclick()
        says("opened i9.")
        says("chosen i3 i5 i6 i7.")
        tab.get_by_text("Clear", exact=True).click()
        says("chosen .")
        assert tab.locator("[aria-selected=true]").count() == 0
        tiles.nth(0).click()
        pressed("Control+a")
        says("chosen " + " ".join(f"i{k}" for k in range(24)) + ".")
        pressed("Escape")
        says("chosen .")

        assert tiles.nth(1).locator("img").count() == 1  # its label stayed a label
        assert tiles.nth(2).get_attribute("aria-label") == "label 2, flagged"
        assert "pixels" in tiles.nth(0).locator("img").get_attribute("class")

        shown = tab.locator(".st-key-plain [data-testid=stMarkdown]").all_inner_texts()
        assert [text.replace("\u2060", "").strip() for text in shown] == HOSTILE

        chart = tab.locator(".stPlotlyChart")
        chart.locator(".nsewdrag").first.wait_for(timeout=60_000)
        visit.lasso(chart, [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)])
        says("drawn 300.")
        visit.settle()
        before = len(visit.received)
        tab.get_by_text("Clear", exact=True).click()
        visit.settle()
        assert sum(visit.received[before:]) < 5_000  # an unchanged map and gallery are not sent again
        says("drawn 300.")
        visit.quiet()


# -- colour arithmetic -------------------------------------------------------------------------------------


def _linear(colour: str) -> np.ndarray:
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def _contrast(a: str, b: str) -> float:
    low, high = sorted(float(_linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b))
    return (high + 0.05) / (low + 0.05)


def _oklab(linear: np.ndarray) -> np.ndarray:
    """Ottosson 2020."""
    lms = [
        [0.41222147, 0.53633254, 0.05144599],
        [0.2119035, 0.6806995, 0.10739696],
        [0.08830246, 0.28171884, 0.62997870],
    ]
    lab = [
        [0.21045426, 0.79361779, -0.00407205],
        [1.9779985, -2.4285922, 0.4505937],
        [0.0259040, 0.78277177, -0.80867577],
    ]
    return np.array(lab) @ np.cbrt(np.array(lms) @ linear)
