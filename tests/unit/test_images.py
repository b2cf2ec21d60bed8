"""Opening and examining images: what is upright, what is refused, and in which words."""

import io
import os
import signal
import struct
import threading
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from curation.data import images
from curation.data.images import measure, open_image
from curation.data.items import make_items
from curation.data.reading import decoders, image_checks
from curation.data.reading.image_checks import examine, examine_bytes, examine_file
from curation.errors import RunError, SourceError


def encoded(image, kind, **how):
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def huge_png(width, height):
    """A valid header that promises width x height pixels, and hardly any data."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


# A red pixel top left, so that turning shows.
CORNER = Image.new("RGB", (4, 2), "white")
CORNER.putpixel((0, 0), (255, 0, 0))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF"])
def test_lossless_formats_come_back_as_they_were(kind):
    assert np.array_equal(open_image(encoded(CORNER, kind)), CORNER)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_formats_open_too(kind):
    assert open_image(encoded(CORNER, kind)).size == (4, 2)


def test_an_exif_quarter_turn_is_undone():
    exif = Image.Exif()
    exif[images.ORIENTATION] = 6
    data = encoded(CORNER, "PNG", exif=exif)
    assert open_image(data).size == measure(data)[:2] == (2, 4)
    assert open_image(data).getpixel((1, 0)) == (255, 0, 0)


def test_a_large_turned_jpeg_is_measured_upright_though_decoded_small():
    exif = Image.Exif()
    exif[images.ORIENTATION] = 8
    assert measure(encoded(Image.new("RGB", (1201, 800)), "JPEG", exif=exif))[:2] == (800, 1201)


def test_sixteen_bit_grey_is_scaled_not_clipped():
    grey = Image.fromarray(np.array([[0, 32768, 65535]], np.uint16))
    assert np.asarray(open_image(encoded(grey, "PNG")))[0, :, 0].tolist() == [0, 128, 255]


def test_transparency_is_laid_on_white_also_in_palettes():
    clear = Image.new("RGBA", (1, 1), (0, 0, 0, 0))
    assert open_image(encoded(clear, "PNG")).getpixel((0, 0)) == (255, 255, 255)
    palette = Image.new("P", (1, 1), 0)
    assert open_image(encoded(palette, "PNG", transparency=0)).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_becomes_rgb_and_measures_the_same(mode):
    data = encoded(Image.new(mode, (3, 2)), "PNG")
    assert (open_image(data).mode, open_image(data).size) == ("RGB", (3, 2))
    assert measure(data)[:2] == (3, 2)


def test_a_float_tiff_with_nan_opens():
    data = encoded(Image.fromarray(np.array([[0.0, np.nan, 2.0]], np.float32)), "TIFF")
    assert np.asarray(open_image(data))[0, :, 0].tolist() == [0, 0, 255]


def test_cmyk_jpegs_open():
    assert open_image(encoded(Image.new("CMYK", (2, 2)), "JPEG")).getpixel((0, 0)) == (255, 255, 255)


def test_a_png_of_30000_by_30000_is_refused_by_its_header():
    with pytest.raises(SourceError, match="30,000 x 30,000 pixels, over the limit of 100,000,000"):
        open_image(huge_png(30_000, 30_000))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_a_truncated_file_is_found_whether_decoded_small_or_whole(kind):
    for side in (64, 600):
        noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8))
        data = encoded(noise, kind)
        for read in (open_image, measure):
            with pytest.raises(SourceError, match=r"damaged or truncated|not an image"):
                read(data[: len(data) // 2])


def test_text_is_not_an_image_and_neither_is_an_eps_that_would_start_a_program():
    for data in (b"hello, this is text", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n"):
        with pytest.raises(SourceError, match="not an image"):
            open_image(data)


def test_examining_says_what_is_wrong_with_each_file(tmp_path):
    (tmp_path / "good.png").write_bytes(encoded(CORNER, "PNG"))
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("not an image")
    found = examine(tmp_path, ["good.png", "empty.jpg", "text.jpg", "gone.jpg", None], lambda *_: None)
    assert [fact.status for fact in found] == [
        "ok",
        "the file is empty (0 bytes)",
        "not an image in a format that can be read",
        "the file is missing",
        "no image in this row",
    ]
    assert (found[0].width, found[0].height, found[0].size) == (4, 2, len(encoded(CORNER, "PNG")))


def test_equal_bytes_have_equal_hashes_and_others_do_not():
    red, blue = (encoded(Image.new("RGB", (2, 2), colour), "PNG") for colour in ("red", "blue"))
    assert examine_bytes(red).hash == examine_bytes(bytes(red)).hash != examine_bytes(blue).hash


def test_a_file_over_the_byte_limit_is_listed_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(image_checks, "MAX_BYTES", 10)
    (tmp_path / "big.png").write_bytes(encoded(CORNER, "PNG"))
    assert "over the limit of 10" in examine_file(tmp_path, "big.png").status


def test_a_pipe_named_like_an_image_does_not_hang(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.jpg")
    done = threading.Thread(target=examine_file, args=(tmp_path, "pipe.jpg"), daemon=True)
    done.start()
    done.join(5)
    assert not done.is_alive()
    assert examine_file(tmp_path, "pipe.jpg").status == "not a regular file"


def test_worker_processes_find_the_same_in_the_same_order(tmp_path):
    names = [f"{number}.png" for number in range(600)]  # three chunks
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(b"" if number % 7 == 0 else encoded(Image.new("L", (1 + number, 1)), "PNG"))
    told = []
    shared = examine(tmp_path, names, lambda done, total, message: told.append((done, total)), workers=2)
    assert shared == examine(tmp_path, names, lambda *_: None)
    assert [fact.width for fact in shared[:3]] == [None, 2, 3]
    assert told == [(256, 600), (512, 600), (600, 600)]


def hostile(root, path):
    """In a decoder's place: what a decoder may do on a hostile file, as the file's name says."""
    if path == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif path == "leave":
        os._exit(3)
    elif path == "hang":
        time.sleep(60)
    elif path == "memory":
        try:
            bytearray(decoders.MEMORY + (1 << 24))  # what the interpreter itself lets go meanwhile may be taken too
        except MemoryError:
            return [None, None, None, None, "no memory"]
    elif path == "print":
        os.write(1, b"said by a library\n")
        os.write(2, b"and complained\n")
    return [1, 1, 1, "0", "ok"]


def test_a_decoder_that_crashes_hangs_or_fills_the_memory_costs_that_file_only(tmp_path, monkeypatch):
    monkeypatch.setattr(image_checks, "TASK", f"{__name__}:hostile")
    monkeypatch.setattr(decoders, "SECONDS", 0.5)
    names = ["fine", "crash", "hang", "print", "leave", "memory", "fine", "crash"]
    found = examine(tmp_path, names, lambda *_: None)
    assert [fact.status for fact in found] == [
        "ok",
        "its decoder crashed (SIGSEGV)",
        "took longer than 0.5 s to decode",
        "ok",
        "its decoder ended with code 3",
        "no memory",
        "ok",
        "its decoder crashed (SIGSEGV)",
    ]


def test_a_decoder_that_cannot_start_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(image_checks, "TASK", "there.is.no.such.module:examine")
    with pytest.raises(RunError, match="could not be started: its decoder ended with code 1"):
        examine(tmp_path, ["a.png"], lambda *_: None)


def test_a_link_swapped_in_after_the_check_is_not_followed(tmp_path):
    inside, outside = tmp_path / "set", tmp_path / "secret.png"
    inside.mkdir()
    for path in (inside / "a.png", outside):
        path.write_bytes(encoded(CORNER, "PNG"))
    items = make_items(ids=["a"], labels=["x"], splits=["train"], paths=["a.png"], root=inside)
    assert items.image(0).size == (4, 2)
    (inside / "a.png").unlink()
    (inside / "a.png").symlink_to(outside)
    with pytest.raises(SourceError, match="a link that leads out of the folder"):
        items.image(0)


def test_an_item_that_failed_its_examination_is_never_decoded_again(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(CORNER, "PNG"))
    status = ["its decoder crashed (SIGSEGV)", "ok"]
    items = make_items(
        ids=["a", "b"], labels=["x", "x"], splits=["train"] * 2, paths=["a.png"] * 2, status=status, root=tmp_path
    )
    with pytest.raises(SourceError, match="its decoder crashed"):
        items.image(0)
    assert items.image(1).size == (4, 2)


def test_a_large_file_is_examined_in_pieces_with_the_same_facts(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(encoded(CORNER, "PNG"))
    whole = examine_file(tmp_path, "a.png")
    monkeypatch.setattr(image_checks, "IN_MEMORY", 10)
    assert examine_file(tmp_path, "a.png") == whole
