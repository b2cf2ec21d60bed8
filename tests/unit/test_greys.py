"""Greys of more than 8 bits: scaled by what the set holds, the same for all its images, and said."""

import io

import numpy as np
import pytest
from PIL import Image

from curation.data.greys import Held, scales_of
from curation.data.images import measure, open_image
from curation.data.items import Items
from curation.methods.sources import archive, folder, table

Y, X = np.mgrid[:48, :64]
RAMP = (X * 3 + Y * 2) % 256


def encoded(array, kind="TIFF"):
    out = io.BytesIO()
    Image.fromarray(array).save(out, kind)
    return out.getvalue()


def grey(image):
    return np.asarray(image)[:, :, 0]


@pytest.mark.parametrize("bits", [8, 9, 10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_the_picture_is_the_same_however_many_bits_hold_it(bits, kind):
    deep = (RAMP << (bits - 8)).astype(np.uint16)
    assert np.array_equal(grey(open_image(encoded(deep, kind))), RAMP)
    assert measure(encoded(deep, kind)).held == Held("integer", 0, int(deep.max()))


def test_all_sixteen_bits_are_used_where_they_are_there():
    assert len(np.unique(grey(open_image(encoded((RAMP * 257).astype(np.uint16)))))) == 256


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[-1024, 0, 3071]], np.int32), [0, 64, 255]),  # computed tomography
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, 100.0, 200.0]], np.float32), [0, 128, 255]),
        (np.array([[-2.0, 0.0, 2.0]], np.float32), [0, 128, 255]),
        (np.array([[np.nan, np.inf, 4.0, 0.0]], np.float32), [0, 0, 255, 0]),
        (np.array([[7.0, 7.0]], np.float32), [255, 255]),
        (np.array([[0, 0]], np.int32), [0, 0]),
    ],
)
def test_signed_numbers_and_floats_are_scaled_to_what_they_hold(array, expected):
    assert grey(open_image(encoded(array)))[0].tolist() == expected


def test_a_set_has_one_scale_for_each_kind_of_number():
    assert scales_of([Held("integer", 0, 1000), Held("integer", 5, 1024), Held("float", 0.0, 0.5)]) == {
        "integer": (0.0, 2048.0),
        "float": (0.0, 0.5),
    }
    assert scales_of([]) == {}


@pytest.fixture
def scans(tmp_path):
    """One dark and one bright scan of 12 bits in 16, and a picture of 8 bits."""
    (tmp_path / "scans" / "a").mkdir(parents=True)
    (tmp_path / "into").mkdir()
    for name, top in (("dark", 1023), ("bright", 4095)):
        Image.fromarray((RAMP.astype(np.uint32) * top // 255).astype(np.uint16)).save(tmp_path / f"scans/a/{name}.png")
    Image.fromarray(RAMP.astype(np.uint8)).save(tmp_path / "scans/a/plain.png")
    return tmp_path


def sources(top):
    import shutil

    shutil.make_archive(str(top / "scans"), "zip", top / "scans")
    (top / "t.csv").write_text("path,label\n" + "".join(f"a/{n}.png,a\n" for n in ("dark", "bright", "plain")))
    yield folder.read(path=top / "scans", progress=lambda *_: None)
    yield archive.read(path=top / "scans.zip", into=top / "into", progress=lambda *_: None)
    yield table.read(path=top / "t.csv", root=top / "scans", into=top / "into", progress=lambda *_: None)


def test_a_dark_image_stays_dark_beside_a_bright_one_in_every_source(scans):
    for items in sources(scans):
        row = {items.column("path")[r].rpartition("/")[2]: r for r in range(3)}
        dark, bright, plain = (grey(items.image(row[f"{name}.png"])) for name in ("dark", "bright", "plain"))
        assert bright.max() == plain.max() == 255
        assert 60 <= dark.max() <= 64
        assert any("from 0 as black to 4,095 as white (12 bits)" in note for note in items.notes)


def test_the_scale_is_kept_with_the_items(scans):
    items = folder.read(path=scans / "scans", progress=lambda *_: None)
    items.save(scans / "into")
    loaded = Items.load(scans / "into")
    assert loaded.greys == items.greys == {"integer": (0.0, 4096.0)}
    assert np.array_equal(grey(loaded.image(1)), grey(items.image(1)))
