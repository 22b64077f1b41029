"""Recall at scale: the softmax-weighted mean of many patterns, exact, certified or approximate."""

import math
import warnings
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mnemic.errors import ConfigError, CueError, EmptyMemoryError, ShapeError
from mnemic.search.approximate import approximate
from mnemic.search.certified import NUMBERS, Weighed, at_once, weigh
from mnemic.search.dense import fold
from mnemic.search.fused import fold_fused
from mnemic.search.index import Index
from mnemic.search.patterns import Block, Given, Stored
from mnemic.search.reduced import DOUBLE_DIGIT, GROUP, SINGLE_DIGIT
from mnemic.search.similarity import Dot, Masked, Similarity

Method = Literal["auto", "dense", "certified", "approximate"]
SUMMED = 2**11  # patterns of a dense pass summed at a time: rounding grows with their number
SAMPLE = 2048  # patterns looked at before deciding how to look at all
WORTH = 20  # scores of a dense pass that cost what one second look costs


class Attended(NamedTuple):
    """What many patterns recall for each cue, together.

    ``bound`` is how far ``output`` may be from the exact answer: the L2 error over the diameter
    of the values, beyond the rounding of the output itself. 1 says nothing, as no answer is
    farther off: so does an approximate search.
    """

    output: Float[Tensor, "batch width"]
    ids: Int[Tensor, "batch top"]  # heaviest first; -1 where fewer weigh anything
    weights: Float[Tensor, "batch top"]
    bound: Float[Tensor, " batch"]
    method: str


def attend(
    cues: Float[Tensor, "batch dim"],
    patterns: Float[Tensor, "stored dim"] | np.ndarray | Index,
    values: Float[Tensor, "stored width"] | np.ndarray | None = None,
    *,
    beta: float | Float[Tensor, " batch"],
    known: Bool[Tensor, "batch dim"] | None = None,
    error: float = 1e-3,
    method: Method = "auto",
    top: int = 8,
) -> Attended:
    """softmax(β cue·patternᵀ) · values; with ``known``, softmax(-β d/2) · values.

    d is the mean squared difference over what is known of a cue (Millidge et al. 2022: two
    similarities, one separation). ``patterns`` may be a matrix, one mapped from a file
    (``numpy.memmap``), or an ``Index``, which grows and keeps what speeds the next call up.
    ``values`` are the patterns themselves unless given. ``beta`` may differ from cue to cue. Cues
    and patterns are taken in single precision, whatever they come in.

    "dense" reads everything in full. "certified" rules most patterns out at low precision and
    leaves out no more than a share ``error`` of the softmax, for certain; where that would take
    too many second looks it is dense after all, and ``Attended.method`` says so. "approximate"
    (an ``Index`` only) follows a graph and certifies nothing. "auto" takes a sample to choose
    between the first two.

    Raises:
        EmptyMemoryError: there are no patterns.
        ShapeError: cues, patterns, values, ``known`` or ``beta`` do not fit one another.
        CueError: a cue or a pattern holds a number that is not finite, or a cue knows nothing.
        ConfigError: ``beta`` or ``error`` is not positive, ``method`` is not one of these.

    >>> attend(torch.tensor([[1.0, 0.1]]), torch.eye(2), beta=50.0).output.round()
    tensor([[1., 0.]])
    """
    stored, carried = _opened(patterns, values)
    similarity = _similarity(cues, stored, beta, known)
    if not 0 < error <= 1:
        raise ConfigError(f"error is a share of the values' diameter, above 0 to 1, got {error}")
    if method not in get_args(Method):
        raise ConfigError(f"method must be one of {', '.join(get_args(Method))}, got {method!r}")
    if top < 1:
        raise ConfigError(f"top must be at least 1, got {top}")
    if method == "approximate":
        if not isinstance(patterns, Index):
            raise ConfigError("an approximate search needs an Index: mnemic.search.Index.of(...)")
        return _near(similarity, patterns, carried, top)
    parts = [
        _attend(similarity.of(chunk), stored, carried, error, method, top)
        for chunk in _chunks(len(similarity), len(stored))
    ]
    methods = {part.method for part in parts}
    output = torch.cat([part.output for part in parts])
    if not bool(output.isfinite().all()):
        raise CueError("a value holds NaN or infinity; mend it or leave its pattern out")
    return Attended(
        output,
        torch.cat([part.ids for part in parts]),
        torch.cat([part.weights for part in parts]),
        torch.cat([part.bound for part in parts]),
        methods.pop() if len(methods) == 1 else "dense",
    )


def _attend(
    similarity: Similarity, stored: Stored, values: Tensor, error: float, method: Method, top: int
) -> Attended:
    most = len(stored) * len(similarity) / WORTH
    if method == "certified" or (method == "auto" and _few(similarity, stored, error, most)):
        weighed = weigh(similarity, stored, error=error, most=most)
        if weighed is not None:
            return _mean_of(weighed, stored, values, top)
    return _over_all(similarity, stored, values, error, top)


def _few(similarity: Similarity, stored: Stored, error: float, most: float) -> bool:
    """Whether a sample says that few patterns weigh anything: never few when many do."""
    if len(stored) < 4 * SAMPLE or len(similarity) == 0:
        return False
    rows = stored.rows[:: len(stored) // SAMPLE].float()
    some = similarity.of(torch.linspace(0, len(similarity) - 1, min(len(similarity), 16)).long())
    scores = some.over(Block(0, rows, None, None, None)).double()
    level = scores.amax(dim=-1, keepdim=True) + math.log(error / 2 / len(stored))
    share = float((scores >= level).double().mean())
    return min(1.0, share * GROUP / 4) * len(stored) * len(similarity) < most


def _over_all(
    similarity: Similarity, stored: Stored, values: Tensor, error: float, top: int
) -> Attended:
    """Every pattern in full; in double precision where single might miss the error asked for."""
    if stored.available is not None and not bool(stored.available.any()):
        raise EmptyMemoryError("every pattern is silenced; wake one to recall from it")
    longest = stored.longest
    if math.isnan(longest):
        raise CueError("a pattern holds NaN or infinity; mend it or leave it out")
    stretch = _stretch(values, longest if _same(values, stored.rows) else _longest(values))
    bound = _rounded(similarity, longest, stretch, len(stored), SINGLE_DIGIT)
    single = (bound <= error) & (stretch > 0)  # where all values are one, the weights still count
    output = torch.empty(len(similarity), values.shape[-1])
    rows = torch.empty(len(similarity), min(top, len(stored)), dtype=torch.long)
    weights = torch.empty(rows.shape)
    for precise in (False, True):
        these = (~single if precise else single).nonzero()[:, 0]
        if len(these) == 0:
            continue
        dtype = torch.double if precise else torch.float
        some = similarity.of(these)
        folded = None if precise else fold_fused(some, stored, values, rows.shape[1])
        if folded is None:
            otherwise = torch.zeros(len(these), values.shape[-1], dtype=dtype)
            folded = fold(stored, some.over, otherwise, rows.shape[1], values=values, size=SUMMED)
        output[these] = folded.mean.float()
        rows[these] = folded.best.rows
        weights[these] = (folded.best.scores - folded.log_mass[:, None]).exp().float()
        if precise:
            bound[these] = _rounded(some, longest, stretch, len(stored), DOUBLE_DIGIT)
    if not bool(torch.isfinite(weights[:, 0]).all()):
        raise CueError("nothing stored has a finite score: a number is too large, or not finite")
    found = weights > 0
    return Attended(output, _named(rows, found, stored), weights, bound.clamp_max(1.0), "dense")


def _rounded(
    similarity: Similarity, longest: float, stretch: float, count: int, digit: float
) -> Float[Tensor, " batch"]:
    """How far rounding can move a dense answer, over the diameter of the values."""
    if stretch == 0:  # all values are one
        return torch.zeros(len(similarity), dtype=torch.double)
    of_scores = torch.expm1(2 * similarity.rounding(longest, digit))
    return of_scores + 2 * (SUMMED + count / SUMMED + 16) * digit * stretch


def _same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are one piece of memory, seen alike."""
    return (a.data_ptr(), a.shape, a.stride()) == (b.data_ptr(), b.shape, b.stride())


def _longest(values: Tensor) -> float:
    return max(float(part.float().norm(dim=-1).max()) for part in values.split(SUMMED))


def _stretch(values: Tensor, longest: float) -> float:
    """The longest value over the diameter of all, at most: 0 when all values are one."""
    sample = values[:: max(1, len(values) // SAMPLE)].double()
    across = float((sample - sample[0]).norm(dim=-1).max())
    if across == 0:
        parts = values.split(SUMMED)
        across = max(float((part.double() - sample[0]).norm(dim=-1).max()) for part in parts)
    return longest / across if across else 0.0


def _mean_of(weighed: Weighed, stored: Stored, values: Tensor, top: int) -> Attended:
    batch = len(weighed.log_mass)
    weights = (weighed.scores - weighed.log_mass[weighed.cues]).exp()
    output = torch.zeros(batch, values.shape[-1], dtype=torch.double)
    for pairs in torch.arange(len(weights)).split(max(1, NUMBERS // values.shape[-1])):
        terms = weights[pairs, None] * values[weighed.rows[pairs]].double()
        output.index_add_(0, weighed.cues[pairs], terms)
    order = weights.argsort(descending=True)
    order = order[weighed.cues[order].argsort(stable=True)]
    cue = weighed.cues[order]
    place = torch.arange(len(cue)) - torch.searchsorted(cue, cue)  # how many are heavier
    first = place < top
    cue, place, order = cue[first], place[first], order[first]
    width = min(top, len(stored))
    rows = torch.zeros(batch, width, dtype=torch.long)
    heaviest = torch.zeros(batch, width)
    rows[cue, place] = weighed.rows[order]
    heaviest[cue, place] = weights[order].float()
    ids = _named(rows, heaviest > 0, stored)
    return Attended(output.float(), ids, heaviest, weighed.omitted, "certified")


def _near(similarity: Similarity, index: Index, values: Tensor, top: int) -> Attended:
    rows = approximate(similarity, index)
    cue = torch.arange(len(rows))
    scores = similarity.among(cue, rows, index.patterns)
    log_mass = scores.logsumexp(dim=-1, keepdim=True)
    if not bool(log_mass.isfinite().all()):
        raise EmptyMemoryError("nothing that may answer was found; search with method='dense'")
    weights = (scores - log_mass).exp()
    output = (weights[:, None] @ values[rows.clamp_min(0)].double())[:, 0]
    heaviest, order = weights.topk(min(top, weights.shape[-1]), dim=-1)
    ids = _named(rows.gather(-1, order), heaviest > 0, index.patterns)
    nothing_certain = torch.ones(len(rows), dtype=torch.double)
    return Attended(output.float(), ids, heaviest.float(), nothing_certain, "approximate")


def _named(rows: Tensor, found: Tensor, stored: Stored) -> Int[Tensor, "batch top"]:
    return torch.where(found, stored.ids[rows.clamp_min(0)], -1)


def _chunks(cues: int, patterns: int) -> list[slice]:
    size = at_once(patterns)
    return [slice(start, min(start + size, cues)) for start in range(0, cues, size)] or [slice(0)]


def _opened(
    patterns: Tensor | np.ndarray | Index, values: Tensor | np.ndarray | None
) -> tuple[Stored, Tensor]:
    if isinstance(patterns, Index):
        if values is not None:
            raise ConfigError("an Index holds its own values; give them to Index.add")
        stored, carried = patterns.patterns, patterns.values
    else:
        rows = _matrix(patterns, "patterns")
        stored = Given(rows)
        carried = rows if values is None else _matrix(values, "values")
        if len(carried) != len(rows):
            raise ShapeError(f"{len(rows)} patterns need as many values, got {len(carried)}")
    if len(stored) == 0:
        raise EmptyMemoryError("there are no patterns to recall from")
    return stored, carried


def _matrix(given: Tensor | np.ndarray, what: str) -> Tensor:
    if isinstance(given, np.ndarray):
        try:
            with warnings.catch_warnings():  # what is mapped read-only is only read
                warnings.filterwarnings("ignore", "The given NumPy array is not writable")
                given = torch.from_numpy(given)
        except (TypeError, ValueError) as error:
            raise ShapeError(f"{what} cannot be read as a matrix: {error}") from error
    if given.ndim != 2:
        raise ShapeError(f"{what} must be a matrix, a row each; got shape {tuple(given.shape)}")
    return given.detach()


def _similarity(
    cues: Tensor, stored: Stored, beta: float | Tensor, known: Tensor | None
) -> Similarity:
    dim = stored.rows.shape[-1]
    if cues.ndim != 2 or cues.shape[-1] != dim:
        raise ShapeError(f"cues have shape {tuple(cues.shape)}, but patterns have {dim} features")
    if known is not None and known.shape != cues.shape:
        raise ShapeError(f"known has shape {tuple(known.shape)}, but cues {tuple(cues.shape)}")
    betas = torch.as_tensor(beta, dtype=torch.double).detach()
    if betas.ndim > 1 or (betas.ndim == 1 and len(betas) != len(cues)):
        raise ShapeError(f"beta is one number, or one a cue: {len(cues)}, got {len(betas)}")
    if not bool(((betas > 0) & betas.isfinite()).all()):
        raise ConfigError(f"beta must be positive and finite, got {beta}")
    cues = cues.detach().float()
    if known is not None:
        cues = torch.where(known, cues, 0.0)
        if not bool(known.any(dim=-1).all()):
            raise CueError("nothing is known of a cue: its mask is False everywhere")
    if not bool(cues.isfinite().all()):
        raise CueError("a cue holds NaN or infinity in a known feature; mark it unknown or mend it")
    betas = betas.expand(len(cues))
    if known is None:
        return Dot(cues, betas)
    return Masked(cues, betas, None if bool(known.all()) else known)
