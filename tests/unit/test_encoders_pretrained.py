"""open_clip and timm from local weights, against the same libraries used directly. Tiny random models, offline."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from curation.data.contents import Images
from curation.data.items import make_items
from curation.data.view import View
from curation.errors import RecipeError, SourceError
from curation.methods.encoders import open_clip, pixels, timm
from curation.training import weights
from curation.training.embed import embed

TINY_CLIP = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
HERE = {"device": "cpu", "progress": lambda *_: None}
TINY_TIMM = "test_vit.r160_in1k"


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """Three pictures of different shapes."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in [(40, 50), (33, 33), (70, 20)]]


@pytest.fixture
def view(pictures, tmp_path) -> View:
    names = [f"{i}.png" for i in range(len(pictures))]
    for name, picture in zip(names, pictures, strict=True):
        Image.fromarray(picture).save(tmp_path / name)
    items = make_items(ids=names, paths=names, labels=["red_fox"] * 3, splits=["train"] * 3, root=tmp_path)
    provide = {"images": lambda rows: Images(items, rows)}
    return View(provide, np.arange(3), classes=("red_fox", "boat"), needs=("images",))


def run(encoder, view, folder, workers: int = 0) -> np.ndarray:
    folder.mkdir()
    return embed(encoder, view.images, folder, device="cpu", progress=lambda *_: None, dtype="float32", workers=workers)


# -- open_clip -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory):
    """(library, model, preprocessing, checkpoint) of a tiny random model known to open_clip by the name 'tiny'."""
    import open_clip as library

    folder = tmp_path_factory.mktemp("clip")
    (folder / "tiny.json").write_text(json.dumps(TINY_CLIP))
    library.add_model_config(folder / "tiny.json")
    torch.manual_seed(0)
    model, _, preprocess = library.create_model_and_transforms("tiny")
    torch.save(model.state_dict(), folder / "tiny.pt")
    return library, model.eval(), preprocess, folder / "tiny.pt"


def test_open_clip_gives_the_features_of_open_clip(tiny_clip, view, pictures, tmp_path):
    _, model, preprocess, checkpoint = tiny_clip
    encoder = open_clip.encode(view, **HERE, model="tiny", checkpoint=checkpoint, batch=2)
    made = run(encoder, view, tmp_path / "out", workers=2)
    with torch.inference_mode():
        batch = torch.stack([preprocess(Image.fromarray(picture)) for picture in pictures])
        expected = model.encode_image(batch, normalize=True).numpy()
    np.testing.assert_allclose(made, expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, rtol=1e-5)


def test_class_names_are_encoded_with_every_prompt_averaged_and_normalised(tiny_clip, view):
    library, model, _, checkpoint = tiny_clip
    prompts = ("a photo of a {}.", "{}")
    text = open_clip.encode(view, **HERE, model="tiny", checkpoint=checkpoint, prompts=prompts).text
    tokenize = library.get_tokenizer("tiny")
    with torch.inference_mode():
        fox = model.encode_text(tokenize(["a photo of a red fox.", "red fox"]), normalize=True).mean(0)
    np.testing.assert_allclose(text[0], (fox / fox.norm()).numpy(), atol=1e-5)
    assert text.shape == (2, 24)
    assert text.dtype == np.float32


def test_what_workers_run_can_be_sent_to_them(tiny_clip, tiny_timm, view, tmp_path):
    torch.save(tiny_timm[1].state_dict(), tmp_path / "tiny.pth")
    for encoder in (
        open_clip.encode(view, **HERE, model="tiny", checkpoint=tiny_clip[3], prompts=()),
        timm.encode(view, device="cpu", model=TINY_TIMM, checkpoint=tmp_path / "tiny.pth"),
        pixels.encode(view),
    ):
        image = Image.new("RGB", (50, 40), (9, 99, 199))
        sent = pickle.loads(pickle.dumps(encoder.prepare))
        np.testing.assert_array_equal(sent(image), encoder.prepare(image))


def test_without_prompts_class_names_are_left_alone(tiny_clip, view):
    assert open_clip.encode(view, **HERE, model="tiny", checkpoint=tiny_clip[3], prompts=()).text is None


def test_a_checkpoint_of_another_model_is_refused_in_one_sentence(tiny_clip, view, tmp_path):
    state = torch.load(tiny_clip[3], weights_only=True)
    del state["visual.proj"]
    torch.save(state, tmp_path / "cut.pt")
    with pytest.raises(SourceError, match="does not load into open_clip's tiny") as error:
        open_clip.encode(view, **HERE, model="tiny", checkpoint=tmp_path / "cut.pt")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["open_clip", "timm"])
def test_a_checkpoint_that_would_run_code_is_refused(tiny_clip, view, tmp_path, name):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    torch.save({"state_dict": Trap()}, tmp_path / "trap.pt")
    known = {"open_clip": (open_clip, "tiny", HERE), "timm": (timm, TINY_TIMM, {"device": "cpu"})}
    method, model, where = known[name]
    with pytest.raises(SourceError, match="does not load"):
        method.encode(view, **where, model=model, checkpoint=tmp_path / "trap.pt")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"model": "ViT-B-23"}, "no model 'ViT-B-23'; did you mean"),
        ({"model": "RN50", "pretrained": "opnai"}, "no weights 'opnai' for RN50; did you mean 'openai'"),
        ({"model": "ViT-S-32"}, "no weights 'laion2b_s34b_b79k' for ViT-S-32; it has none at all"),
    ],
)
def test_names_open_clip_does_not_know_are_told_before_the_run(params, says):
    with pytest.raises(RecipeError, match=says):
        open_clip.preflight(**params)


# -- timm ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny_timm():
    import timm as library

    torch.manual_seed(0)
    return library, library.create_model(TINY_TIMM).eval()


def features(library, model, pictures, **changes) -> np.ndarray:
    config = library.data.resolve_model_data_config(model) | changes
    look = library.data.create_transform(**config, is_training=False)
    with torch.inference_mode():
        batch = torch.stack([look(Image.fromarray(picture)) for picture in pictures])
        return model.forward_head(model.forward_features(batch), pre_logits=True).numpy()


def test_timm_gives_the_pooled_features_of_timm(tiny_timm, view, pictures, tmp_path):
    from safetensors.torch import save_file

    library, model = tiny_timm
    save_file(model.state_dict(), tmp_path / "tiny.safetensors")  # with its classifier, which is left out
    checkpoint = tmp_path / "tiny.safetensors"
    encoder = timm.encode(view, device="cpu", model=TINY_TIMM, checkpoint=checkpoint, image_size=None, batch=2)
    made = run(encoder, view, tmp_path / "out", workers=2)
    np.testing.assert_allclose(made, features(library, model, pictures), atol=1e-4)


def test_timm_takes_another_image_size_also_where_positions_are_learned(tiny_timm, view, tmp_path):
    _, model = tiny_timm
    torch.save(model.state_dict(), tmp_path / "tiny.pth")
    encoder = timm.encode(view, device="cpu", model=TINY_TIMM, checkpoint=tmp_path / "tiny.pth", image_size=64)
    assert encoder.prepare(Image.new("RGB", (90, 50))).shape == (64, 64, 3)
    assert run(encoder, view, tmp_path / "out").shape == (3, model.num_features)


def test_timm_reads_cached_weights_without_asking_the_hub(tiny_timm, view, pictures, tmp_path, monkeypatch):
    from huggingface_hub import constants
    from safetensors.torch import save_file

    library, model = tiny_timm
    repo = tmp_path / "models--timm--test_vit.r160_in1k"
    (repo / "snapshots" / "abc").mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc")
    save_file(model.state_dict(), repo / "snapshots" / "abc" / "model.safetensors")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(weights, "_status", lambda address: pytest.fail("the hub was asked"))
    timm.preflight(model=TINY_TIMM)
    encoder = timm.encode(view, device="cpu", model=TINY_TIMM, image_size=None)
    np.testing.assert_allclose(run(encoder, view, tmp_path / "out"), features(library, model, pictures), atol=1e-4)
    assert constants.HF_HUB_OFFLINE is False


def test_a_checkpoint_without_the_models_tensors_is_refused(tiny_timm, view, tmp_path):
    torch.save({"state_dict": {"something.else": torch.zeros(1)}}, tmp_path / "other.pth")
    with pytest.raises(SourceError, match=r"does not fit timm's test_vit.r160_in1k: .* tensors are missing"):
        timm.encode(view, device="cpu", model=TINY_TIMM, checkpoint=tmp_path / "other.pth")


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("resnte18", "did you mean 'resnet18'"),
        ("resnet18.nothing", "no weights 'nothing' for resnet18; expected"),
    ],
)
def test_names_timm_does_not_know_are_told_before_the_run(model, says):
    with pytest.raises(RecipeError, match=says):
        timm.preflight(model=model)
