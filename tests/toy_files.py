"""What methods that read or write files are tried on: one tiny set of pictures, as every source finds it on disk.

A new source, a new encoder that needs weights, or a student that needs code of a person's own adds a line to the table
of its kind here; the contract tests say so when it is missing.
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from curation import packages

N = 8
NAMES = [f"{i}.png" for i in range(N)]
LABELS = ["cat", "dog"] * (N // 2)
SPLITS = ["train"] * 6 + ["test"] * 2
TEXTS = ["where is my card", "the card is late", "a refund please", "money back please", "my phone is gone",
         "lost phone and card", "how do i pay", "pay by phone"]  # fmt: skip
PICTURES = np.random.default_rng(0).integers(0, 256, (N, 12, 9, 3), dtype=np.uint8)


def folder(at: Path) -> dict[str, Any]:
    """split/class/name.png"""
    for name, label, split, picture in zip(NAMES, LABELS, SPLITS, PICTURES, strict=True):
        (at / "set" / split / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(at / "set" / split / label / name)
    return {"path": at / "set"}


def archive(at: Path) -> dict[str, Any]:
    there = folder(at / "unpacked")["path"]
    return {"path": Path(shutil.make_archive(str(at / "set"), "zip", there))}


def table(at: Path) -> dict[str, Any]:
    (at / "images").mkdir(parents=True)
    for name, picture in zip(NAMES, PICTURES, strict=True):
        Image.fromarray(picture).save(at / "images" / name)
    lines = [f"images/{name},{label},{split}" for name, label, split in zip(NAMES, LABELS, SPLITS, strict=True)]
    (at / "set.csv").write_text("\n".join(["path,label,split", *lines]) + "\n")
    return {"path": at / "set.csv"}


def arrays(at: Path) -> dict[str, Any]:
    at.mkdir(parents=True, exist_ok=True)
    np.savez(at / "set.npz", images=PICTURES, labels=np.array(LABELS), splits=np.array(SPLITS))
    return {"path": at / "set.npz"}


def huggingface(at: Path) -> dict[str, Any]:
    import datasets

    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    parts = {}
    for split in ("train", "test"):
        rows = [i for i in range(N) if SPLITS[i] == split]
        columns = {"image": [Image.fromarray(PICTURES[i]) for i in rows], "label": [LABELS[i] for i in rows]}
        parts[split] = datasets.Dataset.from_dict(columns, features=features)
    datasets.DatasetDict(parts).save_to_disk(at / "set")
    return {"name": str(at / "set")}


def torchvision(at: Path) -> dict[str, Any]:
    raw = at / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for part, n in (("train", 6), ("t10k", 2)):
        for name, array in (("images-idx3", np.zeros((n, 28, 28), np.uint8)), ("labels-idx1", np.arange(n) % 2)):
            array = array.astype(np.uint8)
            data = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
            (raw / f"{part}-{name}-ubyte").write_bytes(data)
            (raw / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(data))
    return {"dataset": "FashionMNIST", "root": str(at)}


def chat(at: Path) -> dict[str, Any]:
    at.mkdir(parents=True, exist_ok=True)
    lines = [
        {"messages": [{"role": "user", "content": f"Say {i}."}, {"role": "assistant", "content": f"{i}!"}]}
        for i in range(N)
    ]
    (at / "set.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return {"path": at / "set.jsonl"}


def pairs(at: Path) -> dict[str, Any]:
    """metadata.jsonl beside the images of every split"""
    for split in ("train", "test"):
        (at / "set" / split).mkdir(parents=True, exist_ok=True)
        said = []
        for name, label, its, picture in zip(NAMES, LABELS, SPLITS, PICTURES, strict=True):
            if its == split:
                Image.fromarray(picture).save(at / "set" / split / name)
                said.append(json.dumps({"file_name": name, "text": f"{name} shows a {label}", "label": label}))
        (at / "set" / split / "metadata.jsonl").write_text("\n".join(said))
    return {"path": at / "set", "label": "label"}


def webdataset(at: Path) -> dict[str, Any]:
    for split in ("train", "test"):
        at.mkdir(parents=True, exist_ok=True)
        with tarfile.open(at / f"{split}-0.tar", "w") as shard:
            for i, (label, its, picture) in enumerate(zip(LABELS, SPLITS, PICTURES, strict=True)):
                image = io.BytesIO()
                Image.fromarray(picture).save(image, "PNG")
                said = (("png", image.getvalue()), ("cls", label.encode()), ("txt", f"{i}: a {label}".encode()))
                for ending, data in said if its == split else ():
                    info = tarfile.TarInfo(f"{i}.{ending}")
                    info.size = len(data)
                    shard.addfile(info, io.BytesIO(data))
    return {"path": at / "{train,test}-0.tar"}


SOURCES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "archive": archive,
    "arrays": arrays,
    "chat": chat,
    "folder": folder,
    "huggingface": huggingface,
    "pairs": pairs,
    "sample": lambda at: {},
    "table": table,
    "torchvision": torchvision,
    "webdataset": webdataset,
}


def no_weights(at: Path) -> dict[str, Any]:
    return {}


def open_clip(at: Path) -> dict[str, Any]:
    """A tiny random model, known to open_clip by the name toy."""
    import open_clip as library
    import torch

    shape = {
        "embed_dim": 8,
        "vision_cfg": {"image_size": 16, "layers": 1, "width": 16, "head_width": 8, "patch_size": 8},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 8, "heads": 1, "layers": 1},
    }
    (at / "toy.json").write_text(json.dumps(shape))
    library.add_model_config(at / "toy.json")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(library.create_model("toy").state_dict(), at / "toy.pt")
    return {"model": "toy", "checkpoint": at / "toy.pt"}


def timm(at: Path) -> dict[str, Any]:
    """timm's smallest model, with random weights."""
    import timm as library
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(library.create_model("test_vit.r160_in1k").state_dict(), at / "toy.pt")
    return {"model": "test_vit.r160_in1k", "checkpoint": at / "toy.pt", "image_size": 32}


def precomputed(at: Path) -> dict[str, Any]:
    np.save(at / "x.npy", np.random.default_rng(0).normal(size=(N, 5)).astype(np.float32))
    return {"path": at / "x.npy"}


def static(at: Path) -> dict[str, Any]:
    """A Model2Vec model of the words of the texts, with random vectors."""
    from model2vec import StaticModel

    tokenizer = words_of(TEXTS)
    vectors = np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), 6)).astype(np.float32)
    StaticModel(vectors, tokenizer).save_pretrained(at / "model")
    return {"model": str(at / "model")}


def sentence_transformer(at: Path) -> dict[str, Any]:
    """A BERT of one layer with random weights, over the words of the texts."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = words_of(TEXTS)
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(BertConfig(vocab_size=words.get_vocab_size(), **shape)).save_pretrained(at / "bert")
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(at / "bert")
    net = modules.Transformer(str(at / "bert"), max_seq_length=16)
    SentenceTransformer(modules=[net, modules.Pooling(8)]).save_pretrained(str(at / "model"))
    return {"model": str(at / "model")}


def words_of(texts: list[str]):
    """A tokenizer of whole words."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", *dict.fromkeys(" ".join(texts).split())])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


ENCODERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "lite0": lambda at: {"size": 64},
    "lsa": lambda at: {"dim": 4},
    "open_clip": open_clip,
    "patches": lambda at: {"atoms": 16, "dim": 4},
    "pixels": no_weights,
    "precomputed": precomputed,
    "sentence_transformer": sentence_transformer,
    "static": static,
    "timm": timm,
}


def on_pixels(classes: int):
    """A person's own network, for the pixels of `tests.toy`."""
    import torch

    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(8 * 8 * 3, classes))


def on_embeddings(classes: int):
    import torch

    return torch.nn.Linear(6, classes)


STUDENTS: dict[str, dict[str, Any]] = {
    "cnn": {"width": 4, "steps": 20},
    "module": {"path": "tests.toy_files:on_pixels", "steps": 20},
    "module_embeddings": {"path": "tests.toy_files:on_embeddings", "steps": 20},
    "resnet18": {"steps": 2},
    "resnet50": {"steps": 2},
    "vit": {"width": 8, "depth": 2, "from_layer": 0, "keep_tokens": 0.5, "keep_attention": 0.5, "steps": 20},
}


def brought(at: Path) -> dict[str, dict[str, Any]]:
    """What evidence that a person brings along is read from: method -> its parameters."""
    from tests import toy, toy_lm

    given = toy.arrays()
    ids, names = given["ids"].astype(str), [str(c) for c in range(toy.CLASSES)]
    np.savez(at / "p.npz", ids=ids, probabilities=given["probabilities"], classes=names)
    np.savez(at / "run.npz", ids=ids, logits=given["dynamics"].logits, classes=names)
    marks = [f"{name},{i % 7}" for i, name in enumerate(ids)]
    (at / "marks.csv").write_text("\n".join(["id,mark", *marks]))
    (at / "wanted.txt").write_text("the cat sat on the mat.\n")
    made = {
        "probabilities_file": {"path": at / "p.npz"},
        "dynamics_file": {"path": at / "run.npz"},
        "dsir": {"target": at / "wanted.txt"},
        "rds": {"target": at / "wanted.txt"},
        "column": {"path": at / "marks.csv", "column": "mark"},
    }
    if not packages.missing(["torch", "transformers", "tokenizers"]):  # where only the core is, these are not asked
        made["ifd"] = {"model": toy_lm.save(at / "lm")}
        made["reward"] = {"model": toy_lm.save_reward(at / "reward")}
    return made
