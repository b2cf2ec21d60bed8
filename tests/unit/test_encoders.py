"""Encoders that need no weights: pixels, precomputed, patches; and how missing weights are told."""

from __future__ import annotations

import socket
import urllib.error
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curation.data.contents import Images
from curation.data.items import make_items
from curation.data.view import View
from curation.engine import registry
from curation.errors import RecipeError, SourceError, UnavailableError
from curation.methods.encoders import open_clip, patches, pixels, precomputed, timm
from curation.training import weights
from curation.training.embed import embed


def quiet(*_):
    pass


def view_of(pictures: np.ndarray, train: np.ndarray | None = None) -> View:
    n = len(pictures)
    train = np.ones(n, bool) if train is None else train
    splits = np.where(train, "train", "test").tolist()
    items = make_items(ids=[str(i) for i in range(n)], labels=["a"] * n, splits=splits, images=pictures)
    provide = {"images": lambda rows: Images(items, rows), "train": lambda rows: np.flatnonzero(train[rows])}
    return View(provide, np.arange(n), needs=("images",))


def patch_encoder(view: View, seed: int = 0, **options):
    return patches.encode(view, rng=np.random.default_rng(seed), device="cpu", progress=quiet, **options)


# -- pixels ----------------------------------------------------------------------------------------------------


def test_pixels_are_the_image_between_0_and_1(tmp_path):
    pictures = np.stack([np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8), np.full((4, 4), 51, np.uint8)])
    view = view_of(pictures)
    made = embed(pixels.encode(view, size=4), view.images, tmp_path, device="cpu", progress=quiet, dtype="float32")
    np.testing.assert_allclose(made, np.repeat([[0.0], [1.0], [0.2]], 48, axis=1), rtol=1e-6)


def test_grey_pixels_are_one_number_each():
    encoder = pixels.encode(view_of(np.zeros((1, 9, 7), np.uint8)), size=5, colour="grey")
    assert encoder.dim == 25
    assert encoder.prepare(Image.new("RGB", (9, 7), (255, 255, 255))).shape == (5, 5)


# -- precomputed -----------------------------------------------------------------------------------------------


def saved(folder: Path, array, **options) -> Path:
    np.save(folder / "x.npy", array, **options)
    return folder / "x.npy"


def test_precomputed_takes_the_rows_of_usable_items(tmp_path):
    path = saved(tmp_path, np.arange(10.0).reshape(5, 2))
    view = View({}, np.array([0, 2, 4]))  # items 1 and 3 could not be read
    assert precomputed.encode(view, path=path).tolist() == [[0, 1], [4, 5], [8, 9]]


def test_precomputed_without_a_file_is_what_the_source_brought():
    features = np.array([[1, 2], [3, 4]])
    made = precomputed.encode(View.of(features=features))
    assert made.dtype == np.float32
    assert made.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((2, 3)), "has 2 rows and the source has 3 items"),
        (np.zeros(3), r"float64 of shape \(3,\); expected numbers of shape"),
        (np.zeros((3, 0)), r"of shape \(3, 0\)"),
        (np.array([["a"], ["b"], ["c"]]), "expected numbers"),
        (np.array([[1.0], [np.nan], [np.inf]]), "NaN or infinity in 2 rows, the first is row 1;"),
    ],
)
def test_precomputed_refuses_what_cannot_be_embeddings_in_one_sentence(tmp_path, array, says):
    with pytest.raises(SourceError, match=says):
        precomputed.encode(View({}, np.arange(3)), path=saved(tmp_path, array))


def test_precomputed_refuses_more_rows_than_items(tmp_path):
    items = make_items(ids=["a", "b"], labels=["x", "y"], splits=["train"] * 2)
    with pytest.raises(SourceError, match="has 3 rows and the source has 2 items"):
        precomputed.encode(View({}, np.arange(2)), path=saved(tmp_path, np.zeros((3, 1))), items=items)


def test_precomputed_never_unpickles(tmp_path):
    path = saved(tmp_path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(SourceError, match=r"cannot be read as a \.npy array"):
        precomputed.preflight(path=path)


def test_precomputed_says_before_the_run_that_the_file_is_missing(tmp_path):
    with pytest.raises(SourceError, match="there is no file"):
        precomputed.preflight(path=tmp_path / "nothing.npy")
    (tmp_path / "text.npy").write_text("hello")
    with pytest.raises(SourceError, match="cannot be read"):
        precomputed.preflight(path=tmp_path / "text.npy")
    np.savez(tmp_path / "many.npz", a=np.zeros(2))
    with pytest.raises(SourceError, match="several arrays"):
        precomputed.preflight(path=tmp_path / "many.npz")


# -- patches ---------------------------------------------------------------------------------------------------


def noise(n: int = 24, side: int = 9) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def test_patches_give_the_same_numbers_for_the_same_seed_and_others_for_another(tmp_path):
    view = view_of(noise())
    made = {}
    for name, seed in [("a", 0), ("b", 0), ("c", 1)]:
        (tmp_path / name).mkdir()
        encoder = patch_encoder(view, seed, size=9, dim=6)
        embed(encoder, view.images, tmp_path / name, device="cpu", progress=quiet)
        made[name] = (tmp_path / name / "embeddings.npy").read_bytes()
    assert made["a"] == made["b"] != made["c"]


def test_patches_learn_nothing_from_test_images(tmp_path):
    train = np.arange(24) < 16
    changed = noise()
    changed[~train] = 7
    made = []
    for name, pictures in [("a", noise()), ("b", changed)]:
        (tmp_path / name).mkdir()
        view = view_of(pictures, train)
        made.append(embed(patch_encoder(view, size=9), view.images, tmp_path / name, device="cpu", progress=quiet))
    np.testing.assert_array_equal(made[0][train], made[1][train])
    assert not np.array_equal(made[0][~train], made[1][~train])


def test_patches_keep_the_dictionary_and_the_components_within_what_there_is():
    encoder = patch_encoder(view_of(noise(5)), size=9, atoms=1600, dim=512)
    assert encoder.notes == {"atoms": 16, "fitted_on": 5}
    assert encoder.dim == 4  # five images have four directions between them


def test_a_patch_larger_than_the_image_is_refused():
    with pytest.raises(RecipeError, match="patch = 12 is larger than size = 8"):
        patches.preflight(size=8, patch=12)


def test_patches_survive_images_without_any_contrast(tmp_path):
    flat = np.zeros((8, 9, 9), np.uint8)
    view = view_of(flat)
    made = embed(patch_encoder(view, size=9), view.images, tmp_path, device="cpu", progress=quiet)
    assert np.isfinite(made).all()


def test_patches_tell_digits_apart(tmp_path):
    from sklearn.datasets import load_digits
    from sklearn.neighbors import KNeighborsClassifier

    digits = load_digits()
    pictures = (digits.images * (255 / 16)).astype(np.uint8)
    train = np.arange(len(pictures)) % 4 != 0
    view = view_of(pictures, train)
    encoder = patch_encoder(view, atoms=128, dim=128)
    made = embed(encoder, view.images, tmp_path, device="cpu", progress=quiet).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    judge = KNeighborsClassifier(10).fit(made[train], digits.target[train])
    assert judge.score(made[~train], digits.target[~train]) >= 0.97  # on bare pixels: 0.965


# -- weights out of reach --------------------------------------------------------------------------------------


@pytest.fixture
def silent_hub(monkeypatch, tmp_path):
    """An empty cache and a hub that nobody answers for; counts the tries."""
    from huggingface_hub import constants

    tries = []
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(weights, "_answers", {})
    monkeypatch.setattr(weights, "_status", lambda address: tries.append(address))
    return tries


@pytest.mark.parametrize(
    ("method", "params", "says"),
    [
        (open_clip, {}, "laion/CLIP-ViT-B-32-laion2B-s34B-b79K (about 605 MB)"),
        (timm, {}, "timm/vit_small_patch14_dinov2.lvd142m (about 88 MB)"),
        (timm, {"model": "test_vit.r160_in1k"}, "timm/test_vit.r160_in1k (about 1 MB)"),
    ],
)
def test_missing_weights_are_one_sentence_with_size_and_command(silent_hub, method, params, says):
    with pytest.raises(UnavailableError) as error:
        method.preflight(**params)
    sentence = str(error.value)
    assert says in sentence
    assert "run `hf download " in sentence
    assert "\n" not in sentence
    assert silent_hub == [address for address in silent_hub if address.startswith("https://")][:1]


def test_a_silent_hub_is_asked_once_a_minute_for_all_encoders(silent_hub):
    methods = registry.methods("encoders")
    for _ in range(2):
        for name in ("open_clip", "timm"):
            assert "cannot be reached" in methods[name].unavailable()
    assert len(silent_hub) == 1


def test_a_hub_that_never_answers_is_asked_once_and_given_up(silent_hub, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(weights, "_answers", {})
    with socket.socket() as listener:  # accepts connections and says nothing
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert not weights.within_reach("someone/something")
        listener.setblocking(False)
        listener.accept()[0].close()
        assert not weights.within_reach("someone/else")  # the hub is known to be silent
        with pytest.raises(BlockingIOError):  # nobody has come again
            listener.accept()


@pytest.mark.parametrize(("status", "answer"), [(200, True), (302, True), (401, False), (404, False), (None, False)])
def test_a_hub_counts_as_within_reach_when_it_offers_the_repository(monkeypatch, status, answer):
    monkeypatch.setattr(weights, "_answers", {})
    monkeypatch.setattr(weights, "_status", lambda address: status)
    assert weights.within_reach("someone/something") is answer


def test_an_error_page_is_an_answer_and_no_route_is_none(monkeypatch):
    def refuse(address, timeout):
        raise urllib.error.HTTPError(address, 404, "Not Found", None, None)

    monkeypatch.setattr(weights.urllib.request, "urlopen", refuse)
    assert weights._status("https://hub") == 404

    def nowhere(address, timeout):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(weights.urllib.request, "urlopen", nowhere)
    assert weights._status("https://hub") is None


def test_weights_in_the_cache_need_no_hub(silent_hub, tmp_path):
    repo = tmp_path / "models--timm--vit_small_patch14_dinov2.lvd142m"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("abc")
    (repo / "snapshots" / "abc").mkdir(parents=True)
    (repo / "snapshots" / "abc" / "model.safetensors").write_bytes(b"")
    timm.preflight()
    assert silent_hub == []


@pytest.mark.parametrize("method", [open_clip, timm])
def test_a_missing_checkpoint_is_said_before_the_run(method, tmp_path):
    with pytest.raises(SourceError, match="there is no file"):
        method.preflight(checkpoint=tmp_path / "none.pt")
