"""What comes next: an ``Engram`` layer that learns in what order latents follow one another.

Matching for prediction (Marco de Lucas 2023) carried over to time: of what was seen so far it
says what it expects, how sure it is, and afterwards how far off that was. Spens & Burgess (2022,
Discussion) name sequences among what is to come.
"""

import copy
import math
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from sklearn.covariance import LedoitWolf
from torch import Tensor, nn

from mnemic.errors import ConfigError, DamagedError, DivergedError, EmptyMemoryError
from mnemic.neocortex.files import read_tensors, write_tensors
from mnemic.neocortex.surprise import surprise
from mnemic.nn.engram import Engram
from mnemic.nn.layers import dense
from mnemic.nn.sequences import valid

FORMAT = "mnemic order"
CHECKED = 50  # steps of learning after which held-out sequences are asked
FEW = 5  # sequences; of fewer none is held out
EVEN = 1e-3  # share of the largest spread that a feature is taken to have at least
BOUND = 6.0  # of the logarithm of a variance
UNHEARD_OF = 80.0  # logarithm of a ratio that single precision can still hold
KEPT = ("mean", "spread", "unforeseen", "anything")


@dataclass(frozen=True, kw_only=True)
class OrderConfig:
    """How an order is learned.

    Args:
        hidden: features of the layer's memories.
        slots: memories in its bank.
        longest: latents a prediction looks back on, and of a piece of sequence to learn from.
        steps: of learning with each noise, on ``batch`` pieces each.
        held_out: share of the sequences that are only asked: they say when to stop, and which
            errors are usual. None of fewer than five.
        noise: standard deviations of what is added to latents in learning, in their own spreads.
            An order is learned with each, and the one kept that misses least of what was held
            out: the less of a latent can be foreseen, the more noise keeps from learning by heart.

    Raises:
        ConfigError: a setting makes no sense.
    """

    hidden: int = 64
    slots: int = 32
    longest: int = 32
    steps: int = 800
    batch: int = 32
    rate: float = 3e-3
    held_out: float = 0.2
    noise: tuple[float, ...] = (0.1, 1.0)

    def __post_init__(self) -> None:
        for name, least in (("hidden", 1), ("slots", 2), ("longest", 2), ("steps", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.batch < 1 or not 0 < self.rate < math.inf:
            raise ConfigError(f"batch and rate must be above 0, got {self.batch}, {self.rate}")
        if not 0 <= self.held_out < 1:
            raise ConfigError(f"held_out must be a share, got {self.held_out}")
        if not self.noise or not all(0 <= one < math.inf for one in self.noise):
            raise ConfigError(f"noise must be numbers from 0, one at least, got {self.noise}")


class Expected(NamedTuple):
    """What is expected next: its latent, and the mean variance of that, in spreads of latents.

    1 is the variance of any latent at all: nothing is expected.
    """

    latent: Float[Tensor, " latent"]
    variance: float

    @property
    def sure(self) -> float:
        """The share of all variance that the expectation accounts for, 0..1."""
        return max(0.0, 1.0 - self.variance)


class OrderStep(NamedTuple):
    """How learning went so far."""

    done: int
    total: int
    loss: float


class _Next(nn.Module):
    """Latents in their own spreads to those that follow: means, and one log variance each."""

    def __init__(self, latent: int, config: OrderConfig, *, rng: torch.Generator) -> None:
        super().__init__()
        self.layer = Engram(latent, config.hidden, config.slots, rng=rng)
        self.head = dense(config.hidden, latent + 1, rng=rng)
        self.carried = nn.Parameter(torch.zeros(latent))  # how much of each feature stays as it is

    def forward(
        self, latents: Float[Tensor, "batch time latent"], known: Bool[Tensor, "batch time"]
    ) -> tuple[Float[Tensor, "batch time latent"], Float[Tensor, "batch time"]]:
        outputs, _ = self.layer(latents, known=known)
        told = self.head(outputs)
        return told[..., :-1] + self.carried * latents, told[..., -1].clamp(-BOUND, BOUND)


class Order:
    """What was learned of the order of latents.

    ``usual`` says how surprising what came was, in rising order, in sequences held out where there
    were enough. ``unforeseen`` and ``anything`` are inverse covariances, of what predictions miss
    (over the variance they expect) and of latents at all, in the spreads of these.
    """

    def __init__(
        self,
        latent: int,
        config: OrderConfig,
        *,
        rng: torch.Generator,
        mean: Tensor | None = None,
        spread: Tensor | None = None,
    ) -> None:
        self.config = config
        self.net = _Next(latent, config, rng=rng)
        self.mean = torch.zeros(latent) if mean is None else mean
        self.spread = torch.ones(latent) if spread is None else spread
        self.unforeseen = torch.eye(latent)
        self.anything = torch.eye(latent)
        self.usual: list[float] = []
        self.notes: dict[str, Any] = {}  # plain JSON, kept with it

    @torch.no_grad()
    def expect(self, latents: Float[Tensor, "time latent"]) -> Expected:
        """What follows these, of which the last ``longest`` count."""
        seen = self._scaled(latents[-self.config.longest :])[None]
        mean, log_variance = self.net.eval()(seen, torch.ones(seen.shape[:2], dtype=torch.bool))
        return Expected(mean[0, -1] * self.spread + self.mean, math.exp(float(log_variance[0, -1])))

    def surprise(self, expected: Expected, latent: Float[Tensor, " latent"]) -> float:
        """The share of what came in other sequences that was less surprising, 0..1."""
        mean, came = self._scaled(expected.latent), self._scaled(latent)
        told = self._unlikely(came, mean, torch.tensor(math.log(expected.variance)))
        return float(surprise(told[None], self.usual)[0])

    def _unlikely(
        self,
        came: Float[Tensor, "*some latent"],
        mean: Float[Tensor, "*some latent"],
        log_variance: Float[Tensor, "*some"],
    ) -> Float[Tensor, "*some"]:
        """How many times less likely what came is after what was seen than at any time, a feature.

        N(x; 0, S) / N(x; m, v Σ), but for constants: x is what came, m what was expected and v its
        variance, Σ the covariance of what is missed and S that of latents. What is odd at any time
        does not count against the order.
        """
        off, dim = came - mean, came.shape[-1]
        missed = ((off @ self.unforeseen) * off).sum(dim=-1) * (-log_variance).exp()
        usual = ((came @ self.anything) * came).sum(dim=-1)
        return (0.5 * ((missed - usual) / dim + log_variance)).clamp_max(UNHEARD_OF).exp()

    def save(self, path: Path) -> None:
        """Write everything; after a crash the file is whole or as it was.

        Raises:
            StoreError: it could not be written.
        """
        tensors = {f"net.{name}": value for name, value in self.net.state_dict().items()}
        tensors |= {name: getattr(self, name) for name in KEPT}
        config = {"order": asdict(self.config), "usual": self.usual, "notes": self.notes}
        write_tensors(path, FORMAT, tensors, config)

    @classmethod
    def load(cls, path: Path) -> "Order":
        """Read back what ``save`` wrote.

        Raises:
            StoreError: there is no such file, or it cannot be read.
            DamagedError: it is cut short, altered, or something else.
            NewerVersionError: a newer mnemic wrote it.
        """
        tensors, config = read_tensors(path, FORMAT)
        try:
            order = cls(
                len(tensors["mean"]),
                OrderConfig(**config["order"] | {"noise": tuple(config["order"]["noise"])}),
                rng=torch.Generator(),
                mean=tensors.pop("mean"),
                spread=tensors.pop("spread"),
            )
            order.unforeseen, order.anything = tensors.pop("unforeseen"), tensors.pop("anything")
            order.net.load_state_dict(
                {name.removeprefix("net."): value for name, value in tensors.items()}
            )
            order.usual, order.notes = list(config["usual"]), dict(config["notes"])
        except (KeyError, TypeError, RuntimeError, ConfigError) as error:
            raise DamagedError(
                f"{path} does not hold an order that this mnemic can read ({error}); "
                "sleep(order=True) learns it anew"
            ) from error
        return order

    @torch.no_grad()
    def _take_measure(
        self,
        latents: Float[Tensor, "batch time latent"],
        known: Bool[Tensor, "batch time"],
        every: Float[Tensor, "count latent"],
    ) -> None:
        """What is usually missed, of sequences in their spreads, and what of latents at all."""
        mean, log_variance = self.net.eval()(latents, known)
        there = known[:, 1:]
        came, mean, log_variance = latents[:, 1:][there], mean[:, :-1][there], log_variance[:, :-1]
        log_variance = log_variance[there]
        off = (came - mean) * (-0.5 * log_variance).exp()[:, None]
        self.unforeseen, self.anything = _inverse_covariance(off), _inverse_covariance(every)
        self.usual = sorted(self._unlikely(came, mean, log_variance).tolist())

    def _scaled(self, latents: Float[Tensor, "*some latent"]) -> Float[Tensor, "*some latent"]:
        return (latents - self.mean) / self.spread


def noted(path: Path) -> dict[str, Any]:
    """What was noted when an order was learned, even by a net of another make.

    Raises:
        StoreError: there is no such file, or it cannot be read.
        DamagedError: it is cut short, altered, or something else.
        NewerVersionError: a newer mnemic wrote it.
    """
    return dict(read_tensors(path, FORMAT).config.get("notes", {}))


def learn_order(
    sequences: Sequence[Float[Tensor, "_ latent"]], config: OrderConfig, *, rng: torch.Generator
) -> Generator[OrderStep, None, Order]:
    """Learn what follows what; yields after every step, and returns what was learned.

    Pieces begin anywhere in a sequence, so that a prediction needs no beginning.

    Raises:
        EmptyMemoryError: no latent follows another.
        DivergedError: the loss was not finite.
    """
    sequences = [one for one in sequences if len(one) > 1]
    if not sequences:
        raise EmptyMemoryError("nothing follows anything else, so there is no order to learn")
    every = torch.cat(list(sequences))
    spread = every.std(dim=0, correction=0)
    spread = spread.clamp_min(EVEN * max(float(spread.max()), EVEN))
    order = Order(every.shape[-1], config, rng=rng, mean=every.mean(dim=0), spread=spread)
    scaled = [order._scaled(one) for one in sequences]  # pyright: ignore[reportPrivateUsage]
    chosen = torch.randperm(len(scaled), generator=rng).tolist()
    aside = max(1, int(config.held_out * len(scaled))) if config.held_out else 0
    aside = aside if len(scaled) >= FEW else 0
    asked, learned = ([scaled[i] for i in some] for some in (chosen[:aside], chosen[aside:]))
    longest = config.longest + 1  # the last of a piece is only predicted
    held = _padded([piece for one in asked or learned for piece in one.split(longest)])
    best, total = math.inf, len(config.noise) * config.steps
    for turn, noise in enumerate(config.noise):
        net = _Next(every.shape[-1], config, rng=rng)
        for step, loss, missed in _learning(net, learned, held, config, noise, rng=rng):
            if missed is not None and missed < best:
                best, order.net = missed, copy.deepcopy(net)
                order.notes["noise"] = noise
            yield OrderStep(turn * config.steps + step, total, loss)
    order._take_measure(*held, torch.cat(scaled))  # pyright: ignore[reportPrivateUsage]
    order.notes |= {"sequences": len(scaled), "held out": aside, "loss": best}
    return order


def _learning(
    net: _Next,
    learned: Sequence[Tensor],
    held: tuple[Tensor, Tensor],
    config: OrderConfig,
    noise: float,
    *,
    rng: torch.Generator,
) -> Generator[tuple[int, float, float | None]]:
    """Teach a net in place: steps done, the loss, and now and then what it misses of the held."""
    optimiser = torch.optim.Adam(net.parameters(), lr=config.rate)
    for step in range(config.steps):
        net.train()
        latents, known = _pieces(learned, config.batch, config.longest + 1, rng=rng)
        noisy = latents + noise * torch.randn(latents.shape, generator=rng)
        for group in optimiser.param_groups:
            group["lr"] = config.rate * 0.5 * (1 + math.cos(math.pi * step / config.steps))
        optimiser.zero_grad()
        loss = _missed(net, noisy, latents, known)
        if not bool(loss.isfinite()):
            raise DivergedError(f"the order could not be learned: its loss left step {step} as nan")
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        missed = None
        if (step + 1) % CHECKED == 0 or step + 1 == config.steps:
            with torch.no_grad():
                missed = float(_missed(net.eval(), held[0], *held))
        yield step + 1, float(loss.detach()), missed


def _missed(net: nn.Module, seen: Tensor, latents: Tensor, known: Tensor) -> Float[Tensor, ""]:
    """The negative log likelihood of what followed, a feature."""
    mean, log_variance = net(seen, known)
    off = (mean[:, :-1] - latents[:, 1:]).square().mean(dim=-1)
    log_variance = log_variance[:, :-1]
    return 0.5 * (off * (-log_variance).exp() + log_variance)[known[:, 1:]].mean()


def _inverse_covariance(off: Float[Tensor, "count latent"]) -> Float[Tensor, "latent latent"]:
    """Of what has mean 0; shrunk as far as its number asks for (Ledoit & Wolf 2004)."""
    if len(off) < 2:
        return torch.eye(off.shape[-1])
    shrunk = LedoitWolf(assume_centered=True).fit(off.double().numpy()).covariance_
    floor = EVEN * torch.eye(off.shape[-1], dtype=torch.double)
    return torch.linalg.inv(torch.from_numpy(shrunk) + floor).float()


def _pieces(
    sequences: Sequence[Tensor], count: int, longest: int, *, rng: torch.Generator
) -> tuple[Float[Tensor, "batch time latent"], Bool[Tensor, "batch time"]]:
    """Random stretches of random sequences, two latents at least, and which of their steps are."""
    sizes = torch.tensor([len(one) for one in sequences], dtype=torch.float64)
    rows = torch.multinomial(sizes, count, replacement=True, generator=rng).tolist()
    stretches: list[Tensor] = []
    for row in rows:
        one = sequences[row]
        start = int(torch.randint(len(one) - 1, (), generator=rng))
        stretches.append(one[start : start + longest])
    return _padded(stretches)


def _padded(
    pieces: Sequence[Tensor],
) -> tuple[Float[Tensor, "batch time latent"], Bool[Tensor, "batch time"]]:
    lengths = torch.tensor([len(one) for one in pieces])
    padded = nn.utils.rnn.pad_sequence(list(pieces), batch_first=True)
    return padded, valid(lengths, padded.shape[1])
