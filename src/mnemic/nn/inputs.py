"""What an association is given: checked before anything is computed, and its masks made one."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mnemic.errors import ShapeError


def check_features(name: str, given: Tensor, dim: int) -> None:
    """Raise ``ShapeError`` unless ``given`` is a batch of lists of vectors of ``dim`` features."""
    if given.ndim != 3 or given.shape[-1] != dim:
        raise ShapeError(
            f"{name} must be batch × count × {dim}, got {_sizes(given.shape)}; batch first, with "
            f"one list of vectors for each member of the batch"
        )


def check_fit(
    state: Tensor,
    stored: Tensor,
    values: Tensor | None,
    known: Tensor | None,
    allowed: Tensor | None,
) -> None:
    """Raise ``ShapeError`` unless values and masks fit the states and the stored patterns."""
    if values is not None and values.shape[:2] != stored.shape[:2]:
        raise ShapeError(
            f"values are {_sizes(values.shape)} and stored is {_sizes(stored.shape)}; give one "
            f"value for each stored pattern"
        )
    batches = (state.shape[0], stored.shape[0])
    if batches[0] != batches[1] and 1 not in batches:
        raise ShapeError(
            f"state has a batch of {batches[0]} and stored one of {batches[1]}; give as many of "
            f"both, or one of either"
        )
    if known is not None:
        _check_mask("known", known, [stored.shape[:2]])
    if allowed is not None:
        pairs = (state.shape[1], stored.shape[1])
        batch = batches[1] if batches[0] == 1 else batches[0]
        _check_mask("allowed", allowed, [pairs, (batch, *pairs)])


def as_one_mask(stored: Tensor, known: Tensor | None, allowed: Tensor | None) -> Tensor | None:
    """Which state may see which pattern, with an axis for the heads; None where all see all."""
    if stored.shape[1] == 0:
        return torch.zeros(1, 1, 1, 0, dtype=torch.bool, device=stored.device)
    if allowed is not None:
        allowed = allowed[None, None] if allowed.ndim == 2 else allowed[:, None]
    if known is None:
        return allowed
    known = known[:, None, None, :]
    return known if allowed is None else known & allowed


def _check_mask(name: str, mask: Tensor, shapes: Sequence[tuple[int, ...]]) -> None:
    if mask.dtype != torch.bool:
        raise ShapeError(f"{name} must be boolean, True for what may take part; got {mask.dtype}")
    if all(tuple(mask.shape) != tuple(shape) for shape in shapes):
        wanted = " or ".join(map(_sizes, shapes))
        raise ShapeError(f"{name} must be {wanted}, got {_sizes(mask.shape)}")


def _sizes(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape)) or "a single number"
