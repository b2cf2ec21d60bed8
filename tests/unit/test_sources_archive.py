"""The source `archive`: the same items as the folder, and no way out of it."""

import io
import lzma
import os
import struct
import tarfile
import zipfile

import pytest
from PIL import Image

from curation.data.reading import archive_streams, archives
from curation.errors import SourceError
from curation.methods.sources import archive, folder


def png(shade=0):
    out = io.BytesIO()
    Image.new("L", (4, 3), shade).save(out, "PNG")
    return out.getvalue()


MEMBERS = {"train/cat/1.png": png(1), "train/dog/1.png": png(2), "test/cat/2.png": png(3), "notes.txt": b"hello"}


def zipped(path, members, **how):
    with zipfile.ZipFile(path, "w", **how) as out:
        for name, data in members.items() if isinstance(members, dict) else members:
            out.writestr(name, data)
    return path


def tarred(path, members, mode="w"):
    with tarfile.open(path, mode) as out:
        for name, data in members.items() if isinstance(members, dict) else members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    return path


def read(path, **how):
    into = path.parent / "into"
    into.mkdir()
    return archive.read(path=path, into=into, progress=lambda *_: None, **how)


def refused(path, match, **how):
    with pytest.raises(SourceError, match=match) as caught:
        read(path, **how)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_every_kind_of_archive_gives_the_items_of_the_folder_it_was_made_from(tmp_path, kind):
    for name, data in MEMBERS.items():
        (tmp_path / "plain" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "plain" / name).write_bytes(data)
    wrapped = {f"set/{name}": data for name, data in MEMBERS.items()}
    path = tmp_path / f"set.{kind}"
    if kind == "zip":
        zipped(path, wrapped, compression=zipfile.ZIP_DEFLATED)
    else:
        tarred(path, wrapped, "w:" + kind[4:] if kind != "tar" else "w")
    items = read(path)
    assert items.table.equals(folder.read(path=tmp_path / "plain", progress=lambda *_: None).table)
    assert items.ok.all()
    assert items.image(0).getpixel((0, 0)) == (3, 3, 3)
    assert items.root == tmp_path / "into" / "files" / "set"
    assert not list((tmp_path / "into").rglob("*.txt"))  # only images are written


@pytest.mark.parametrize(
    "name",
    ["../out.png", "a/../../out.png", "/etc/out.png", "C:/out.png", "c:out.png", "..\\out.png", "\\\\host\\x.png"],
)
@pytest.mark.parametrize("make", [zipped, tarred])
def test_a_member_that_would_leave_the_folder_refuses_the_whole_archive(tmp_path, name, make):
    path = make(tmp_path / "evil.bin", [("a/1.png", png()), (name, png())])
    before = {p for p in tmp_path.parent.rglob("*") if p.is_file()}
    refused(path, "would be written outside its folder; it was refused")
    after = {p for p in tmp_path.parent.rglob("*") if p.is_file()}
    assert all(p.is_relative_to(tmp_path / "into" / "files") for p in after - before)


def test_a_zip_is_refused_before_anything_is_written(tmp_path):
    refused(zipped(tmp_path / "evil.zip", [("a/1.png", png()), ("../x.txt", b"")]), "outside its folder")
    assert not list((tmp_path / "into" / "files").iterdir())


@pytest.mark.parametrize("make", [zipped, tarred])
def test_more_members_than_the_limit_are_refused(tmp_path, make):
    path = make(tmp_path / "many.bin", {f"a/{n}.png": png() for n in range(6)})
    refused(path, "holds more than 5 files; raise max_files", max_files=5)


@pytest.mark.parametrize("make", [zipped, tarred])
def test_more_bytes_than_the_limit_are_refused(tmp_path, make):
    path = make(tmp_path / "big.bin", {f"a/{n}.png": os.urandom(5000) for n in range(4)})
    refused(path, r"unpacks to more than 1.2e-05 GB; raise max_gigabytes", max_gigabytes=12e-6)


def test_the_bytes_count_and_not_what_a_header_claims(tmp_path, monkeypatch):
    """A zip that says "10 bytes" of 100,000 gives at most 10; they fail their checksum and are that file's problem."""
    path = zipped(tmp_path / "liar.zip", {"a/1.png": png(), "a/2.png": b"\0" * 100_000}, compression=8)
    raw = path.read_bytes().replace(struct.pack("<I", 100_000), struct.pack("<I", 10))
    path.write_bytes(raw)
    items = read(path)
    assert items.column("status")[0] == "ok"
    assert items.column("status")[1].startswith("damaged in the archive")
    assert (items.root / "a" / "2.png").stat().st_size <= 10


@pytest.mark.parametrize("name", ["a/bomb.png", "a/skipped.txt"])
def test_an_archive_made_to_fill_the_disk_is_refused_while_it_unpacks(tmp_path, monkeypatch, name):
    monkeypatch.setattr(archives, "RATIO_FROM", 10**6)
    path = tarred(tmp_path / "bomb.tar.gz", {"a/1.png": png(), name: b"\0" * 5_000_000}, "w:gz")
    refused(path, "unpacks to more than 200 times its size")


def test_a_zip_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "RATIO_FROM", 10**6)
    path = zipped(tmp_path / "bomb.zip", {"a/bomb.png": b"\0" * 5_000_000}, compression=zipfile.ZIP_DEFLATED)
    refused(path, "unpacks to more than 200 times its size")
    assert (tmp_path / "into/files/a/bomb.png").stat().st_size <= 1_100_000


def test_a_single_member_over_its_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBER", 1000)
    refused(zipped(tmp_path / "x.zip", {"a/1.png": os.urandom(2000)}), "over the limit of 1e-06 GB a file")


def test_a_tar_header_that_would_fill_the_memory_is_refused(tmp_path):
    head = tarfile.TarInfo("././@PaxHeader")
    head.type, head.size = tarfile.XHDTYPE, 10**9
    (tmp_path / "x.tar").write_bytes(head.tobuf(tarfile.USTAR_FORMAT) + b"\0" * 2048)
    refused(tmp_path / "x.tar", "holds a header of 1,000,000,512 bytes; it was refused")


def test_links_and_devices_are_passed_over_and_counted(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as out:
        for name, kind in (
            ("a/link.png", tarfile.SYMTYPE),
            ("a/hard.png", tarfile.LNKTYPE),
            ("a/dev.png", tarfile.CHRTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            out.addfile(info)
        info = tarfile.TarInfo("a/1.png")
        info.size = len(png())
        out.addfile(info, io.BytesIO(png()))
    items = read(tmp_path / "x.tar")
    assert items.column("id").tolist() == ["a/1.png"]
    assert "3 links and devices in the archive were passed over." in items.notes


def test_a_symbolic_link_in_a_zip_is_passed_over(tmp_path):
    link = zipfile.ZipInfo("a/link.png")
    link.external_attr = 0o120777 << 16
    path = zipped(tmp_path / "x.zip", [("a/1.png", png()), (link, "/etc/passwd")])
    assert read(path).column("id").tolist() == ["a/1.png"]


def test_names_that_meet_in_other_letter_case_are_all_kept_and_keep_their_labels(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(tmp_path / "x.zip", [("a/1.png", png(1)), ("a/1.png", png(2)), ("A/1.PNG", png(3))])
    items = read(path)
    assert items.column("id").tolist() == ["A/1~3.PNG", "a/1.png", "a/1~2.png"]
    assert items.column("label").tolist() == ["A", "a", "a"]
    assert [items.image(row).getpixel((0, 0))[0] for row in range(3)] == [3, 1, 2]


def test_very_long_names_are_shortened_and_stay_apart(tmp_path):
    long = "字" * 200  # 600 bytes
    items = read(zipped(tmp_path / "x.zip", {f"a/{long}1.png": png(1), f"a/{long}2.png": png(2)}))
    assert items.ok.all()
    assert all(len(name.encode()) <= 245 and name.endswith(".png") for name in items.column("id"))


def test_a_tar_name_that_is_not_utf8_is_kept_in_escaped_form(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as out:
        info = tarfile.TarInfo("a/é.png")
        info.size = len(png())
        out.addfile(info, io.BytesIO(png()))
    assert read(tmp_path / "x.tar").column("id").tolist() == ["a/\\xe9.png"]


def test_a_damaged_member_of_a_zip_is_that_items_problem(tmp_path):
    path = zipped(tmp_path / "x.zip", {"a/1.png": png(1), "a/2.png": b"MARK" + b"x" * 50})
    path.write_bytes(path.read_bytes().replace(b"MARK", b"HURT"))
    items = read(path)
    assert items.column("status")[0] == "ok"
    assert items.column("status")[1].startswith("damaged in the archive (Bad CRC-32")


def test_an_encrypted_zip_is_one_sentence(tmp_path):
    path = zipped(tmp_path / "x.zip", {"a/1.png": png()})
    raw = bytearray(path.read_bytes())
    raw[6] |= 1  # the flag in the member's own header ...
    raw[raw.index(b"PK\x01\x02") + 8] |= 1  # ... and in the directory
    path.write_bytes(raw)
    refused(path, "is protected by a password")


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar"])
def test_an_archive_that_was_cut_short_is_one_sentence(tmp_path, kind):
    members = {f"a/{n}.png": os.urandom(3000) for n in range(20)}
    path = tmp_path / f"x.{kind}"
    zipped(path, members) if kind == "zip" else tarred(path, members, "w:gz" if kind == "tar.gz" else "w")
    path.write_bytes(path.read_bytes()[:30_000])
    refused(path, "is not a zip or tar archive, or is damaged or cut short")


@pytest.mark.parametrize(
    ("name", "data", "match"),
    [
        ("x.zip", b"this is text, not an archive" * 50, "is not a zip or tar archive"),
        ("x.tar.gz", b"\x1f\x8b" + b"garbage" * 10, "is not a zip or tar archive"),
        ("x.zip", b"", "is not a zip or tar archive"),
        ("x.7z", b"7z\xbc\xaf\x27\x1c", "is a 7z archive, which Winnow cannot read"),
    ],
)
def test_a_file_that_is_no_archive_is_one_sentence(tmp_path, name, data, match):
    (tmp_path / name).write_bytes(data)
    refused(tmp_path / name, match)


def test_a_missing_archive_and_a_folder_are_one_sentence_each(tmp_path):
    for path, match in ((tmp_path / "gone.zip", "does not exist"), (tmp_path, "is a folder, not an archive")):
        with pytest.raises(SourceError, match=match):
            archive.read(path=path, into=tmp_path, progress=lambda *_: None)


def test_an_archive_without_images_names_what_it_holds(tmp_path):
    refused(
        zipped(tmp_path / "x.zip", {"readme.txt": b"x"}), r"holds no images; it holds other files, such as readme\.txt"
    )


def test_a_file_where_a_folder_should_be_is_one_sentence(tmp_path):
    refused(zipped(tmp_path / "x.zip", [("a.png", png()), ("a.png/b.png", png())]), "cannot be unpacked")


# -- made to harm ------------------------------------------------------------------------------------------


def test_members_that_share_their_bytes_are_refused(tmp_path):
    """Fifield's zip bomb: many entries of the list point to one packed member."""
    path = zipped(tmp_path / "x.zip", {"a/1.png": png(), "a/2.png": png()})
    raw = bytearray(path.read_bytes())
    second = raw.rindex(b"PK\x01\x02")
    raw[second + 42 : second + 46] = struct.pack("<I", 0)  # where it starts
    path.write_bytes(raw)
    refused(path, "holds members that share their bytes")
    assert not list((tmp_path / "into").rglob("*.png"))


def test_a_list_of_members_that_would_fill_the_memory_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(archive_streams, "MAX_DIRECTORY", 100)
    path = zipped(tmp_path / "x.zip", {f"a/{number}.png": png() for number in range(3)})
    refused(path, "has a list of members of [0-9]+ bytes, over the limit of 100; repack it as tar")


def test_a_chain_of_tar_headers_is_refused(tmp_path):
    head = tarfile.TarInfo("././@LongLink")
    head.type, head.size = tarfile.GNUTYPE_LONGNAME, 512
    (tmp_path / "x.tar").write_bytes((head.tobuf(tarfile.GNU_FORMAT) + b"x" * 512) * 1500)
    refused(tmp_path / "x.tar", "holds a header of|is damaged or cut short")


def test_attributes_for_all_members_are_limited(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w", pax_headers={f"k{i}": "v" for i in range(101)}) as out:
        out.addfile(tarfile.TarInfo("a/1.png"))
    refused(tmp_path / "x.tar", "sets more than 100 attributes for all members")


def test_an_xz_that_asks_for_more_memory_than_a_decoder_may_have_is_refused(tmp_path, monkeypatch):
    path = tarred(tmp_path / "x.tar.xz", MEMBERS, "w:xz")
    monkeypatch.setattr(archive_streams, "XZ_MEMORY", 10**6)
    refused(path, "damaged or cut short .*[Mm]emory")


def test_an_xz_of_several_streams_is_read_whole(tmp_path):
    tarred(tmp_path / "x.tar", MEMBERS)
    raw = (tmp_path / "x.tar").read_bytes()
    packed = b"".join(lzma.compress(raw[at : at + 1000]) + b"\0" * 8 for at in range(0, len(raw), 1000))
    (tmp_path / "x.tar.xz").write_bytes(packed)
    assert len(read(tmp_path / "x.tar.xz")) == 3


def test_lzma_inside_a_zip_is_refused_since_the_file_says_how_much_memory_it_takes(tmp_path):
    path = zipped(tmp_path / "x.zip", {"a/1.png": png()}, compression=zipfile.ZIP_LZMA)
    refused(path, "compression type 14.*repack it as zip with deflate")


@pytest.mark.parametrize("make", [zipped, tarred])
def test_folders_too_deep_are_refused(tmp_path, make):
    refused(make(tmp_path / "x.zip", {"d/" * 31 + "1.png": png()}), "over 30 folders deep")


@pytest.mark.parametrize("make", [zipped, tarred])
def test_names_no_other_system_can_hold_are_changed_and_that_is_said(tmp_path, make):
    names = ["con/1.png", "a\nb/2.png", "c./3.png", "\x1b[31mred/4.png", "fine/aux.png"]
    items = read(make(tmp_path / "x.zip", dict.fromkeys(names, png())))
    there = ["_con/1.png", "_[31mred/4.png", "a_b/2.png", "c/3.png", "fine/_aux.png"]
    assert items.column("id").tolist() == sorted(there)
    assert any(note.startswith("5 names that some systems cannot hold") for note in items.notes)


def test_an_archive_inside_the_archive_is_not_opened(tmp_path):
    zipped(tmp_path / "inner.zip", {"a/2.png": png()})
    inner = (tmp_path / "inner.zip").read_bytes()
    items = read(zipped(tmp_path / "x.zip", {"a/1.png": png(), "a/inner.zip": inner}))
    assert items.column("id").tolist() == ["a/1.png"]


def test_what_is_passed_over_is_counted_and_not_remembered(tmp_path):
    path = tarred(tmp_path / "x.tar", {"a/1.png": png(), **{f"a/{number}.txt": b"" for number in range(50)}})
    (tmp_path / "into").mkdir()
    done = archives.unpack(path, tmp_path / "into", lambda *_: None)
    assert (done.others, len(done.shown)) == (50, archives.SHOWN)


def test_a_pipe_is_no_archive(tmp_path):
    os.mkfifo(tmp_path / "x.zip")
    refused(tmp_path / "x.zip", "is neither a file nor a folder")


def test_an_empty_zip_is_said_to_hold_no_images(tmp_path):
    refused(zipped(tmp_path / "x.zip", {}), "holds no images")
