"""The teacher: stores in one exposure, recalls from a part, replays from noise."""

import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mnemic.errors import ConfigError, CueError, EmptyMemoryError, ShapeError
from mnemic.functional.similarity import masked_distance
from mnemic.hippocampus.masks import MaskKind, kind_of
from mnemic.hippocampus.replay import Replayed, replay_habituated, replay_spens2022
from mnemic.hippocampus.settling import (
    NEAR,
    Known,
    Near,
    in_chunks,
    least_distance,
    nearest,
    settle_masked,
    settle_spens2022,
)
from mnemic.hippocampus.tuning import Tuning
from mnemic.hippocampus.verdict import NOTHING_USUAL, Judged, judge, novelty
from mnemic.randomness import generator
from mnemic.records import Replay, Settled
from mnemic.search.patterns import Patterns

Rule = Literal["masked", "spens2022"]

HABITUATION = 32.0  # standard deviations of the cosine between noise and what is stored
SPENS2022_BETA = 10.0


class Recognised(NamedTuple):
    """Where each cue settled, and whether it had been seen before."""

    settled: Settled
    judged: Judged


class EpisodicMemory:
    """A one-shot associative memory of vectors, recalled from any part of them.

    Storing is a copy: one exposure, nothing trained. ``rule="masked"`` settles by mean-shift on
    the distance over what a cue knows, and replays by cosine with habituation.
    ``rule="spens2022"`` is the published network, which wants its patterns in -1..1 and recalls
    without a verdict.

    ``grid`` says how the features lie (height, width, channels), which tells a torn half from
    scattered holes; without it they lie in a row. Results depend on ``seed`` alone.

    >>> memory = EpisodicMemory(4)
    >>> ids = memory.store(torch.eye(4))
    >>> torn = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    >>> known = torch.tensor([[True, True, False, False]])
    >>> memory.recall(torn, known).pattern.round()
    tensor([[1., 0., 0., 0.]])
    """

    def __init__(
        self,
        dim: int,
        *,
        rule: Rule = "masked",
        grid: tuple[int, int, int] | None = None,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        if dim < 1:
            raise ConfigError(f"a memory needs at least one feature, got dim={dim}")
        grid = (dim, 1, 1) if grid is None else grid
        if math.prod(grid) != dim:
            raise ConfigError(f"a grid of {grid} holds {math.prod(grid)} features, not {dim}")
        if rule not in ("masked", "spens2022"):
            raise ConfigError(f"rule must be 'masked' or 'spens2022', got {rule!r}")
        self.dim = dim
        self.rule: Rule = rule
        self.grid = grid
        self.seed = seed
        self.patterns = Patterns(dim, device=device)
        self._next_id = 1
        self._tuning: Tuning | None = None

    def __len__(self) -> int:
        return len(self.patterns)

    def store(
        self,
        patterns: Float[Tensor, "batch dim"],
        known: Bool[Tensor, "batch dim"] | None = None,
        *,
        ids: Sequence[int] | None = None,
    ) -> Int[Tensor, " batch"]:
        """Store each pattern in one exposure and return its id.

        Features where ``known`` is False are stored as unknown. Ids count up from 1 unless given.

        Raises:
            ShapeError: the patterns have another number of features.
            CueError: a known feature is not a finite number, or a pattern knows none.
        """
        known = self._checked(patterns, known, "pattern")
        if ids is None:
            ids = range(self._next_id, self._next_id + len(patterns))
        taken = [id for id in ids if id in self.patterns]
        if taken or len(set(ids)) != len(patterns):
            raise ConfigError(f"{len(patterns)} patterns need as many new ids; {taken} are taken")
        if known is not None:
            patterns = torch.where(known, patterns, 0.0)
        self.patterns.add(ids, patterns.to(self.patterns.device), known)
        self._next_id = max([self._next_id - 1, *ids]) + 1
        return torch.tensor(list(ids), dtype=torch.long)

    def recall(
        self,
        cues: Float[Tensor, "batch dim"],
        known: Bool[Tensor, "batch dim"] | None = None,
        k: int = 8,
        *,
        beta: float | None = None,
    ) -> Settled:
        """Settle each cue, on its own, into what is stored.

        ``beta`` is found on the data unless given. ``known`` is True where the cue is to be
        believed.

        Raises:
            EmptyMemoryError: nothing is stored, or a lesion silences all of it.
            ShapeError, CueError: as in ``store``.
        """
        if self.rule == "masked":
            return self.recognise(cues, known, k, beta=beta).settled
        known = self._checked(cues, known, "cue")
        self._refuse_empty(k)
        beta = SPENS2022_BETA if beta is None else beta
        return settle_spens2022(self._alike(cues), known, self.patterns, beta=_positive(beta), k=k)

    def recognise(
        self,
        cues: Float[Tensor, "batch dim"],
        known: Bool[Tensor, "batch dim"] | None = None,
        k: int = 8,
        *,
        beta: float | None = None,
    ) -> Recognised:
        """Recall, and a verdict on each cue: was it stored, at at most 5 % false accepts?

        Raises:
            ConfigError: the published rule has no verdict.
            EmptyMemoryError, ShapeError, CueError: as in ``recall``.
        """
        if self.rule != "masked":
            raise ConfigError("the published rule has no verdict; use rule='masked'")
        known = self._checked(cues, known, "cue")
        self._refuse_empty(k)
        cues = self._alike(cues)
        tuning = self.tuning
        beta = tuning.recall_beta if beta is None else _positive(beta)
        parts: list[Recognised] = []
        for chunk in in_chunks(len(cues), self.dim, max(NEAR, k)):
            cue, mask = cues[chunk], None if known is None else known[chunk]
            near = self._nearest(cue, mask, max(NEAR, k))
            settled = settle_masked(
                near, cue, mask, self.patterns, beta=beta, unknown_cost=tuning.variance, k=k
            )
            parts.append(Recognised(settled, self._judge(cue, mask, near)))
        if not parts:
            parts.append(self._nothing_asked(k))
        settled = Settled(*(torch.cat(c) for c in zip(*(p.settled for p in parts), strict=True)))
        judged = [part.judged for part in parts]
        rates = [one.false_accepts for one in judged]
        return Recognised(
            settled,
            Judged(
                torch.cat([one.remembered for one in judged]),
                torch.cat([one.confidence for one in judged]),
                None if None in rates else rates[0],
            ),
        )

    def novelty(
        self, cues: Float[Tensor, "batch dim"], known: Bool[Tensor, "batch dim"] | None = None
    ) -> Float[Tensor, " batch"]:
        """0..1: the share of what is stored that is less unlike the rest than this is.

        0 is a thing seen before, 1 is unlike anything; 1 for everything while nothing is stored.
        """
        known = self._checked(cues, known, "cue")
        cues = self._alike(cues)
        return self._novelty(cues, known, self._least_distance(cues, known))

    def novelty_in_turn(
        self, cues: Float[Tensor, "batch dim"], known: Bool[Tensor, "batch dim"] | None = None
    ) -> Float[Tensor, " batch"]:
        """``novelty`` of cues that are about to be stored, each after those before it."""
        known = self._checked(cues, known, "cue")
        cues = self._alike(cues)
        least = self._least_distance(cues, known)
        if len(cues) > 1:
            cost = self.tuning.variance if len(self) else 0.0
            among = masked_distance(cues, cues, known, known, unknown_cost=cost)
            later = torch.ones_like(among, dtype=torch.bool).triu()
            least = torch.minimum(least, among.masked_fill(later, torch.inf).amin(dim=-1))
        return self._novelty(cues, known, least)

    def _least_distance(self, cues: Tensor, known: Known) -> Float[Tensor, " batch"]:
        if len(self) == 0:
            return torch.full((len(cues),), torch.inf, device=cues.device)
        return least_distance(cues, known, self.patterns, unknown_cost=self._unknown_cost)

    def _novelty(self, cues: Tensor, known: Known, distance: Tensor) -> Float[Tensor, " batch"]:
        usual = self.tuning.usual(MaskKind("all", 1.0)) if len(self) else NOTHING_USUAL
        return novelty(cues, known, distance, usual)

    def replay(
        self,
        count: int,
        *,
        rng: torch.Generator | None = None,
        beta: float | None = None,
        habituation: float = HABITUATION,
    ) -> Replay:
        """Recall ``count`` patterns from noise alone.

        ``habituation`` inhibits a pattern each time it fires, in standard deviations of the
        cosine between noise and what is stored; 0 turns it off. The published rule has none.

        Raises:
            EmptyMemoryError: nothing is stored, or a lesion silences all of it.
        """
        beta = self._replay_beta(beta)
        waves = self.replay_in_waves(count, rng=rng, beta=beta, habituation=habituation)
        return self.described(list(waves), beta)

    def replay_in_waves(
        self,
        count: int,
        *,
        rng: torch.Generator | None = None,
        beta: float | None = None,
        habituation: float = HABITUATION,
    ) -> Iterator[Replayed]:
        """``replay``, a few patterns at a time; ``described`` sums the waves up."""
        if count < 1:
            raise ConfigError(f"count must be at least 1, got {count}")
        self._refuse_empty(1)
        rng = generator(self.seed, "replay") if rng is None else rng
        beta = self._replay_beta(beta)
        if self.rule == "spens2022":
            return replay_spens2022(self.patterns, count, beta=beta, rng=rng)
        return replay_habituated(self.patterns, count, beta=beta, habituation=habituation, rng=rng)

    def _replay_beta(self, beta: float | None) -> float:
        if beta is not None:
            return _positive(beta)
        self._refuse_empty(1)
        return SPENS2022_BETA if self.rule == "spens2022" else self.tuning.replay_beta

    def replace(self, ids: Sequence[int], patterns: Float[Tensor, "batch dim"]) -> None:
        """Store other values under ids that are stored; what is known of them stays known.

        Raises:
            NotStoredError: an id is not stored; nothing is replaced.
            ShapeError, CueError: as in ``store``.
        """
        self._checked(patterns, None, "pattern")
        self.patterns.replace(ids, patterns)
        self._tuning = None

    def forget(self, ids: Sequence[int]) -> None:
        """Remove these patterns and overwrite them.

        Raises:
            NotStoredError: an id is not stored; nothing is removed.
        """
        self.patterns.remove(ids)

    @contextmanager
    def lesion(
        self, fraction: float, *, rng: torch.Generator | None = None
    ) -> Generator[list[int]]:
        """Silence a random share of the patterns; they answer again when the block ends.

        Yields the silenced ids.
        """
        if not 0 <= fraction <= 1:
            raise ConfigError(f"fraction must be in 0..1, got {fraction}")
        rng = generator(self.seed, "lesion") if rng is None else rng
        available = self.patterns.available
        awake = self.patterns.ids if available is None else self.patterns.ids[available.cpu()]
        awake = awake.sort().values  # rows move; the choice must not
        chosen = awake[torch.randperm(len(awake), generator=rng)[: round(fraction * len(awake))]]
        ids: list[int] = chosen.tolist()
        with self.silenced(ids):
            yield ids

    @contextmanager
    def silenced(self, ids: Sequence[int]) -> Generator[None]:
        """Keep these patterns from answering until the block ends."""
        self.patterns.silence(ids)
        try:
            yield
        finally:
            self.patterns.wake([id for id in ids if id in self.patterns])

    @property
    def answering(self) -> bool:
        """Whether anything is stored that could answer."""
        available = self.patterns.available
        return len(self) > 0 and (available is None or bool(available.any()))

    @property
    def tuning(self) -> Tuning:
        """What recall and replay are set to; measured anew once the memory has changed by half."""
        if self._tuning is None or self._tuning.stale:
            self._tuning = Tuning(self.patterns, grid=self.grid, seed=self.seed)
        return self._tuning

    def _nearest(self, cues: Tensor, known: Known, k: int) -> Near:
        return nearest(cues, known, self.patterns, k=k, unknown_cost=self._unknown_cost)

    @property
    def _unknown_cost(self) -> float:
        """What a feature costs that a cue knows and a pattern does not."""
        return 0.0 if self.patterns.known is None else self.tuning.variance

    def _judge(self, cues: Tensor, known: Known, near: Near) -> Judged:
        """Judge each cue against the never-seen under the same kind of mask."""
        tuning = self.tuning
        if known is None:
            kinds = [MaskKind("all", 1.0)] * len(cues)
        else:
            seen: dict[bytes, MaskKind] = {}
            kinds = []
            for mask in known.cpu():
                key = mask.numpy().tobytes()
                if key not in seen:
                    seen[key] = kind_of(mask, self.grid)
                kinds.append(seen[key])
        remembered = torch.zeros(len(cues), dtype=torch.bool, device=cues.device)
        confidence = torch.zeros(len(cues), device=cues.device)
        rates: list[float | None] = []
        for kind in dict.fromkeys(kinds):
            these = torch.tensor([other == kind for other in kinds], device=cues.device)
            judged = judge(
                cues[these],
                None if known is None else known[these],
                near.of(these),
                tuning.usual(kind),
                variance=tuning.variance,
                unknown_cost=tuning.variance,
            )
            remembered[these], confidence[these] = judged.remembered, judged.confidence
            rates.append(judged.false_accepts)
        return Judged(remembered, confidence, None if None in rates else rates[0])

    def described(self, replayed: Sequence[Replayed], beta: float | None = None) -> Replay:
        """Waves as one replay, with how well it stands for the whole memory."""
        beta = self._replay_beta(beta)
        patterns = torch.cat([one.patterns for one in replayed])
        rows = torch.cat([one.rows for one in replayed])
        available = self.patterns.available
        able = len(self) if available is None else int(available.sum())
        counts = torch.bincount(rows, minlength=len(self)).double()
        shares = counts[counts > 0] / counts.sum()
        entropy = float(-(shares * shares.log()).sum())
        most_even = math.log(min(able, len(rows)))
        return Replay(
            patterns,
            self.patterns.ids[rows.cpu()],
            int((counts > 0).sum()) / able,
            float(self.tuning.pure(patterns, rows).float().mean()),
            entropy / most_even if most_even > 0 else 1.0,
            beta,
            None if self.patterns.known is None else self.patterns.known[rows],
        )

    def _alike(self, vectors: Tensor) -> Tensor:
        """Vectors where the patterns are, in the precision they are kept in."""
        return vectors.to(self.patterns.device, torch.float32)

    def _checked(self, vectors: Tensor, known: Known, what: str) -> Known:
        if vectors.shape[-1] != self.dim:
            raise ShapeError(
                f"each {what} has {vectors.shape[-1]} features, but this memory stores "
                f"{self.dim}; encode it with the sense used to remember"
            )
        if known is not None and bool(known.all()):
            known = None
        believed = vectors if known is None else torch.where(known.to(vectors.device), vectors, 0.0)
        if not bool(believed.isfinite().all()):
            raise CueError(
                f"a {what} holds NaN or infinity in a known feature; mark it unknown or mend it"
            )
        if known is None:
            return None
        if not bool(known.any(dim=-1).all()):
            raise CueError(f"nothing is known of a {what}: its mask is False everywhere")
        return known.to(self.patterns.device)

    def _refuse_empty(self, k: int) -> None:
        if k < 1:
            raise ConfigError(f"k must be at least 1, got {k}")
        if len(self) == 0:
            raise EmptyMemoryError("nothing is stored yet; store something before recalling")
        if not self.answering:
            raise EmptyMemoryError("the lesion silences everything that is stored")

    def _nothing_asked(self, k: int) -> Recognised:
        none = torch.zeros(0, device=self.patterns.device)
        rows = torch.zeros(0, k, device=self.patterns.device)
        settled = Settled(
            torch.zeros(0, self.dim),
            none,
            none.long(),
            none.bool(),
            rows.long(),
            rows,
            rows,
            none,
            none,
        )
        return Recognised(settled, Judged(none.bool(), none, None))


def _positive(beta: float) -> float:
    if not 0 < beta < math.inf:
        raise ConfigError(f"beta must be positive and finite, got {beta}")
    return beta
