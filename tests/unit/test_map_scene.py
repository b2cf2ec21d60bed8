"""The map's half in Python: how points are told to the browser, and how its gestures are understood."""

import json

import numpy as np
import pytest

from curation.ui.map import encoding, lasso
from curation.ui.map.clusters import clusters
from curation.ui.map.colours import COLOURS, Categories, Ramp, class_colours
from curation.ui.map.encoding import Columns
from curation.ui.map.renderer import agree, understood
from curation.ui.map.scene import Panel, Rings, Scene, message
from curation.ui.parts.theme import OTHER

XY = np.array([[0.0, 0.0], [1.0, 0.0], [np.nan, 1.0], [2.0, 1.0], [0.0, 1.0]])  # the third has no place
LABEL = Categories(("cat", "dog"), np.array([0, 1, 0, 1, -1]))


def told(scene: Scene) -> tuple[dict, Columns]:
    columns = Columns()
    made = message(scene, encoding.points(scene.xy), columns, dark=False)
    assert json.loads(json.dumps(made)) == made  # nothing in it but what JSON knows
    return made, columns


def array(columns: Columns, digest: str, dtype) -> list:
    return np.frombuffer(columns.content[digest], dtype).tolist()


# -- arrays as bytes -----------------------------------------------------------------------------------------


def test_places_keep_the_shape_of_the_map_and_leave_out_what_has_none():
    points = encoding.points(XY)
    assert points.rows.tolist() == [0, 1, 3, 4]
    assert points.places.tolist() == [[0, 0], [32768, 0], [65535, 32768], [0, 32768]]
    assert points.mask([1, 2, 4]).tolist() == [False, True, False, True]


NOWHERE = np.full((2, 2), np.nan)


@pytest.mark.parametrize("xy", [np.full((3, 2), 7.0), np.zeros((0, 2)), NOWHERE, XY * 8e307, XY * 1e-300])
def test_places_of_equal_no_or_extreme_coordinates_are_numbers_all_the_same(xy):
    points = encoding.points(xy)
    assert len(points.places) == np.isfinite(xy).all(axis=1).sum()
    made, _ = told(Scene(xy, [Panel(Categories(("a",), np.zeros(len(xy), int)))], rings=Rings(np.arange(0))))
    assert made["n"] == len(points.rows)
    if len(xy) == len(XY):
        assert points.places[1:3].tolist() == [[32768, 0], [65535, 32768]]


def test_a_step_of_the_places_is_far_below_what_can_be_seen():
    xy = np.random.default_rng(0).normal(size=(1000, 2))
    places = encoding.points(xy).places
    side = np.ptp(xy, axis=0).max()
    assert np.abs(places / 65535 * side - (xy - xy.min(axis=0))).max() < side / 100_000


def test_equal_arrays_travel_once_and_another_colour_leaves_the_places_as_they_are():
    same = {"labels": LABEL, "difficulty": ("aum", np.arange(5.0))}
    made, columns = told(Scene(XY, [Panel(LABEL)], **same))
    assert made["panels"][0]["codes"] == made["columns"]["labels"]
    other, more = told(Scene(XY, [Panel(Ramp(np.arange(5.0)))], labels=LABEL, difficulty=("aum", np.arange(5.0))))
    assert other["columns"] == made["columns"]
    assert set(more.content) - set(columns.content) == {other["panels"][0]["codes"]}
    assert sum(map(len, columns.content.values())) == 4 * (4 + 4 + 2)  # bytes: places, values, codes


def test_codes_values_and_flags_arrive_for_the_points_on_the_map_only():
    shown = np.array([1, 1, 1, 0, 1], bool)
    suggested = np.array([1, -1, 0, 0, -1])
    scene = Scene(
        XY, [Panel(LABEL, left_out=~shown)], labels=LABEL, difficulty=("s", np.array([1, np.nan, 3, np.inf, 1e99])),
        rings=Rings(np.array([3, 2, 0]), suggested=suggested), shown=shown, card="/item",
    )  # fmt: skip
    made, columns = told(scene)
    names = made["columns"]
    assert array(columns, names["labels"], np.uint16) == [0, 1, 1, 65535]
    values = array(columns, names["values"], np.float32)
    assert values[0] == 1
    assert np.isnan(values[1])
    assert values[2:] == [np.inf, np.inf]
    assert array(columns, names["ringed"], np.uint32) == [2, 0]  # of item 3 and 0; 2 has no place
    assert array(columns, names["suggested"], np.uint16) == [0, 1]
    assert array(columns, names["shown"], np.uint8) == [0b1011]
    assert array(columns, names["items"], np.uint8) == [0b11011]
    assert array(columns, made["panels"][0]["leftOut"], np.uint8) == [0b0100]


def test_one_split_needs_no_shapes_and_several_have_a_number_each():
    train = np.array([1, 1, 0, 1, 0], bool)
    nothing = np.zeros(5, bool)
    one, _ = told(Scene(XY, [Panel(LABEL)], splits={"train": train | ~train, "val": nothing}))
    assert one["columns"]["shapes"] is None
    assert one["shapes"] == []
    two, columns = told(Scene(XY, [Panel(LABEL)], splits={"train": train, "val": nothing, "test": ~train}))
    assert two["shapes"] == [{"number": 0, "name": "train"}, {"number": 2, "name": "test"}]
    assert array(columns, two["columns"]["shapes"], np.uint8) == [0, 0, 0, 2]


def test_one_extreme_value_does_not_take_all_the_colours():
    codes, low, high = encoding.steps(np.array([*np.linspace(0, 1, 999), 1e6]))
    assert codes[-1] == 255
    assert 120 < codes[500] < 135
    assert low < 0.01
    assert 0.9 < high < 1.1
    assert encoding.steps(np.full(3, np.nan))[0].tolist() == [65535] * 3
    assert encoding.steps(np.ones(3))[0].tolist() == [0] * 3


def test_names_that_turn_text_around_are_spelt_out():
    made, _ = told(Scene(XY, [Panel(Categories(("a\u202eb", "c"), LABEL.codes), words="w\u202e")]))
    assert "\u202e" not in json.dumps(made, ensure_ascii=False)


# -- colours -------------------------------------------------------------------------------------------------


def test_twenty_classes_have_a_colour_each_and_of_more_the_most_frequent():
    assert len(set(class_colours([str(i) for i in range(20)]).values()) - {OTHER}) == 20
    counts = np.arange(1000)
    colours = class_colours([f"k{i}" for i in range(1000)], counts)
    assert [name for name, colour in colours.items() if colour != OTHER] == [f"k{i}" for i in range(980, 1000)]
    assert set(COLOURS) == set(colours.values()) - {OTHER}


# -- an area takes what lies in it ---------------------------------------------------------------------------


def test_an_area_takes_what_a_ray_from_each_point_says():
    rng = np.random.default_rng(0)
    places = rng.integers(0, 65536, (2000, 2)).astype(np.uint16)
    for corners in (3, 4, 9, 60):
        polygon = rng.uniform(-5000, 70_000, (corners, 2)).tolist()  # crosses itself, leaves the map
        assert lasso.inside(polygon, places).tolist() == [by_ray(polygon, x, y) for x, y in places.astype(float)]


def by_ray(polygon, x, y) -> bool:
    """A point is within when a ray to the right crosses the outline an odd number of times."""
    hits = 0
    for (x0, y0), (x1, y1) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if min(y0, y1) <= y < max(y0, y1):
            hits += x0 + (y - y0) / (y1 - y0) * (x1 - x0) > x
    return hits % 2 == 1


@pytest.mark.parametrize("polygon", [[], [[0, 0]], [[0, 0], [9, 9]], [[0, 0], [np.nan, 9], [9, 0]]])
def test_an_area_without_an_inside_takes_nothing(polygon):
    assert not lasso.inside(polygon, np.zeros((3, 2), np.uint16)).any()


# -- gestures ------------------------------------------------------------------------------------------------

SCENE = Scene(XY, [Panel(LABEL)], shown=np.array([1, 1, 1, 1, 0], bool))
LEFT_HALF = [[-1, -1], [40_000, -1], [40_000, 70_000], [-1, 70_000]]


def said(kind, state=None, scene=SCENE, **more):
    points = encoding.points(XY)
    state = {"places": "p", "token": "t", "selected": np.zeros(4, bool)} if state is None else state
    gesture = understood({"kind": kind, "at": "new", **more}, state, points, scene)
    return gesture.kind, gesture.rows.tolist(), state


def test_an_area_selects_what_is_shown_adds_or_removes():
    kind, rows, state = said("area", polygon=LEFT_HALF, mode="set", codes=None)
    assert (kind, rows) == ("select", [0, 1])  # 4 lies there as well and is filtered away
    assert state["token"] == "new"
    assert said("row", state, row=2, mode="add")[:2] == ("select", [0, 1, 3])
    assert said("area", state, polygon=LEFT_HALF, mode="remove", codes=None)[1] == [3]
    assert said("clear", state)[:2] == ("clear", [])


def test_with_classes_in_focus_an_area_takes_these_alone():
    assert said("area", polygon=LEFT_HALF, mode="set", codes=[1])[1] == [1]
    assert said("area", polygon=LEFT_HALF, mode="set", codes=[])[1] == []
    by_score = Scene(XY, [Panel(Ramp(np.array([0.0, 9.0, 0.0, 0.0, 0.0])))])
    assert said("area", scene=by_score, polygon=LEFT_HALF, mode="set", codes=[255])[1] == [1]


def test_opening_selects_the_item_and_asking_for_similar_ones_leaves_the_selection():
    kind, rows, state = said("open", row=2, mode="set")
    assert (kind, rows) == ("open", [3])
    before = state["token"], state["selected"].copy()
    assert said("similar", state, row=0)[:2] == ("similar", [0])
    assert state["token"] == before[0]
    assert (state["selected"] == before[1]).all()


def test_the_browser_is_told_of_a_selection_only_when_the_page_changed_it():
    state = {"places": None, "token": None, "selected": None}
    agree(state, "p", np.array([0, 0, 1, 0], bool))
    first = state["token"]
    agree(state, "p", np.array([0, 0, 1, 0], bool))
    assert state["token"] == first
    said("area", state, polygon=LEFT_HALF, mode="set", codes=None)
    agree(state, "p", np.array([1, 1, 0, 0], bool))  # the page keeps what the gesture selected
    assert state["token"] == "new"
    agree(state, "p", np.zeros(4, bool))  # the page cleared it
    assert state["token"] not in (first, "new")
    cleared = state["token"]
    agree(state, "another map", np.zeros(4, bool))
    assert state["token"] != cleared


# -- names of clusters ---------------------------------------------------------------------------------------


def blobs(*centres, n=200, spread=1500):
    rng = np.random.default_rng(0)
    places = [rng.normal(centre, spread, (n, 2)) for centre in centres]
    return np.clip(np.concatenate(places), 0, 65535).astype(np.uint16)


def test_each_cluster_has_the_name_of_its_majority_at_its_upper_edge():
    places = blobs((10_000, 10_000), (50_000, 10_000), (30_000, 50_000))
    labels = np.repeat([0, 1, 0], 200)
    labels[::10] = 2  # a tenth of each is something else
    found = clusters(places, labels, ["cat", "dog", "eel"])
    assert sorted((c.name, round(c.x, -4)) for c in found) == [("cat", 10_000), ("cat", 30_000), ("dog", 50_000)]
    assert all(190 <= c.count <= 200 for c in found)
    for c in found:
        members = places[np.abs(places.astype(int) - [c.x, c.y]).max(axis=1) < 8000]
        assert np.percentile(members[:, 1], 85) < c.y <= members[:, 1].max()


def test_a_mixed_cluster_and_a_handful_of_points_have_no_name():
    places = blobs((10_000, 10_000), (50_000, 50_000))
    assert [c.name for c in clusters(places, np.tile([0, 1], 200), ["cat", "dog"])] == []
    few = np.concatenate([places, blobs((10_000, 60_000), n=4)])
    labels = np.array([0] * 400 + [1] * 4)
    assert [c.name for c in clusters(few, labels, ["cat", "dog"])] == ["cat", "cat"]
    assert clusters(places, np.full(400, -1), ["cat"]) == []
    assert clusters(places[:0], np.zeros(0, int), ["cat"]) == []
