"""The same recall as others compute it: each one step of softmax attention over all patterns."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

Recall = Callable[[Tensor, float], Tensor]  # cues, beta -> output
NAIVE, ATTENTION, TORCHHD, HAMUX, FAISS = (
    "naive torch",
    "torch attention",
    "torch-hd",
    "hamux",
    "faiss flat, 64 nearest",
)
NEAREST = 64


def _naive(patterns: Tensor) -> Recall:
    return lambda cues, beta: (beta * cues @ patterns.T).softmax(dim=-1) @ patterns


def _attention(patterns: Tensor) -> Recall:
    return lambda cues, beta: torch.nn.functional.scaled_dot_product_attention(
        cues[None], patterns[None], patterns[None], scale=beta
    )[0]


def _torchhd(patterns: Tensor) -> Recall:
    from torchhd.memory import attention

    return lambda cues, beta: attention(cues, patterns, patterns, beta)


def _hamux(patterns: Tensor) -> Recall:
    """A quadratic feature layer, and log-sum-exp memory units: the modern network as an energy."""
    os.environ.setdefault(
        "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    )
    import equinox
    import hamux
    import jax
    import jax.numpy as jnp

    class Memories(equinox.Module):
        stored: Any

        def __call__(self, features: Any, beta: Any) -> Any:
            return -jax.nn.logsumexp(beta * self.stored @ features) / beta

    layer = hamux.NeuronLayer(hamux.lagr_identity, (patterns.shape[1],))
    memories = Memories(jnp.asarray(patterns.numpy()))

    @jax.jit
    def step(memories: Any, cues: Any, beta: Any) -> Any:
        def one(cue: Any) -> Any:
            features = layer.activations(cue)  # pyright: ignore[reportAttributeAccessIssue]
            return cue - (cue + jax.grad(memories)(features, beta))

        return jax.vmap(one)(cues)

    return lambda cues, beta: torch.from_numpy(
        np.array(step(memories, jnp.asarray(cues.numpy()), beta))
    )


def _faiss(patterns: Tensor) -> Recall:
    import faiss

    flat = faiss.IndexFlatIP(patterns.shape[1])
    flat.add(patterns.numpy())

    def recall(cues: Tensor, beta: float) -> Tensor:
        scores, rows = flat.search(cues.numpy(), min(NEAREST, len(patterns)))
        weights = (beta * torch.from_numpy(scores)).softmax(dim=-1)
        return (weights[:, None] @ patterns[torch.from_numpy(rows)])[:, 0]

    return recall


PEERS: dict[str, Callable[[Tensor], Recall]] = {
    NAIVE: _naive,
    ATTENTION: _attention,
    TORCHHD: _torchhd,
    HAMUX: _hamux,
    FAISS: _faiss,
}
"""Each prepares itself for some patterns. All but the first two need ``mnemic[bench]``."""
