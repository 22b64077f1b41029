"""A student of texts: a variational autoencoder of which words are in a document.

After the text model of Spens & Burgess (2024, their code): words are in a document or not, half of
them are dropped while it learns, the decoder is linear, the loss is cross-entropy. Ours differs in
two things: the encoder has a hidden layer, and the decoder begins with how often each word occurs.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from mnemic.errors import ConfigError
from mnemic.functional.variational import kl_from_standard_normal, reparameterise
from mnemic.nn.autoencoder import Coded
from mnemic.nn.layers import dense

RAREST = 1e-5  # a word no document has is not impossible
CANDIDATES = tuple(step / 50 for step in range(5, 46))  # thresholds
TIMES = 4  # each document is coded to choose one


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a student of texts is made and trained.

    ``dropped`` is the chance of each word to be missed; the others then count the more, so that
    the mean stays. ``kl_weight`` is what a nat of the latent costs beside a nat of the words.
    """

    hidden: int = 200
    latent_dim: int = 50
    dropped: float = 0.5
    kl_weight: float = 0.1
    epochs: int = 16
    batch: int = 128
    learning_rate: float = 2e-3

    def __post_init__(self) -> None:
        for name in ("hidden", "latent_dim", "epochs", "batch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.dropped < 1:
            raise ConfigError(f"dropped is a share from 0 to below 1, got {self.dropped}")


class WordStudent(nn.Module):
    """Which words are in a document, as a Gaussian over latents and back as probabilities.

    ``frequencies`` are the shares of documents that have each word.
    """

    def __init__(
        self, frequencies: Float[Tensor, " words"], reading: Reading, *, rng: torch.Generator
    ) -> None:
        super().__init__()
        self.reading = reading
        words = len(frequencies)
        self.hidden = dense(words, reading.hidden, rng=rng)
        self.mean = dense(reading.hidden, reading.latent_dim, rng=rng)
        self.log_variance = dense(reading.hidden, reading.latent_dim, rng=rng)
        self.words = dense(reading.latent_dim, words, rng=rng)
        with torch.no_grad():
            self.words.bias.copy_(frequencies.clamp(RAREST, 1 - RAREST).logit())

    def encode(
        self, documents: Float[Tensor, "batch words"], *, missing: torch.Generator | None = None
    ) -> Coded:
        """The Gaussian each document is coded as; with ``missing``, some of its words missed."""
        if missing is not None:
            documents = missed(documents, self.reading.dropped, rng=missing)
        hidden = self.hidden(documents).tanh()
        return Coded(self.mean(hidden), self.log_variance(hidden))

    def decode(self, latents: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch words"]:
        """The probability of each word to be in the document."""
        return self.words(latents).sigmoid()


def missed(
    documents: Float[Tensor, "batch words"], dropped: float, *, rng: torch.Generator
) -> Float[Tensor, "batch words"]:
    """Each word is missed with chance ``dropped``; the others count 1 / (1 - dropped)."""
    kept = torch.rand(documents.shape, generator=rng) >= dropped
    return documents * kept / (1 - dropped)


def loss_of(
    student: WordStudent, documents: Float[Tensor, "batch words"], *, rng: torch.Generator
) -> Float[Tensor, ""]:
    """Nats a document costs: its words given a drawn latent, and ``kl_weight`` of the latent."""
    coded = student.encode(documents, missing=rng)
    logits = student.words(reparameterise(*coded, rng=rng))
    words = binary_cross_entropy_with_logits(logits, documents, reduction="none").sum(dim=-1)
    return (words + student.reading.kl_weight * kl_from_standard_normal(*coded)).mean()


def read(
    student: WordStudent, lesson: Float[Tensor, "count words"], *, rng: torch.Generator
) -> Iterator[tuple[int, int]]:
    """Train a student, in place, on documents; yields steps done and steps in all.

    The learning rate falls to zero along half a cosine.
    """
    reading = student.reading
    optimiser = torch.optim.Adam(student.parameters(), lr=reading.learning_rate, fused=True)
    total, done = reading.epochs * -(-len(lesson) // reading.batch), 0
    for _ in range(reading.epochs):
        for rows in torch.randperm(len(lesson), generator=rng).split(reading.batch):
            for group in optimiser.param_groups:
                falling = 0.5 * (1 + math.cos(math.pi * done / total))
                group["lr"] = reading.learning_rate * falling
            loss = loss_of(student, lesson[rows], rng=rng)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            done += 1
            yield done, total


class Encoded(NamedTuple):
    """Documents or lists at the moment they are stored."""

    heard: Bool[Tensor, "batch words"]
    latents: Float[Tensor, "batch latent"]
    schema: Float[Tensor, "batch words"]  # what the student expects, given the latents


def encoded(
    student: WordStudent,
    told: Bool[Tensor, "batch words"],
    *,
    attentive: bool = False,
    rng: torch.Generator,
) -> Encoded:
    """Code as when the student learned: some words missed (or none), a latent drawn."""
    dropped = 0.0 if attentive else student.reading.dropped
    heard = told & (torch.rand(told.shape, generator=rng) >= dropped)
    with torch.no_grad():
        latents = reparameterise(*student.encode(heard / (1 - dropped)), rng=rng)
        return Encoded(heard, latents, student.decode(latents))


def best_threshold(
    student: WordStudent, documents: Bool[Tensor, "count words"], *, rng: torch.Generator
) -> float:
    """How sure a word must be for documents to be recalled best: the greatest F1 of their words.

    What was heard comes back, from schema or detail; the threshold weighs what was missed and is
    rightly expected against what was not there and is.
    """
    told = documents.repeat(TIMES, 1)
    heard, _, schema = encoded(student, told, rng=rng)

    def score(threshold: float) -> float:
        recalled = heard | (schema > threshold)
        return 2 * float((recalled & told).sum()) / float(recalled.sum() + told.sum())

    return max(CANDIDATES, key=score)


def ranks_left_out(
    student: WordStudent,
    documents: Float[Tensor, "count words"],
    frequencies: Float[Tensor, " words"],
    *,
    rng: torch.Generator,
) -> dict[str, float]:
    """The median rank of a word left out of a document, by a student and by frequency alone."""
    documents = documents[documents.sum(dim=1) >= 2]
    hidden = torch.multinomial(documents, 1, generator=rng)
    rest = documents.scatter(1, hidden, 0.0)
    with torch.no_grad():
        expected = student.decode(student.encode(rest).mean)
    ranks: dict[str, float] = {}
    for name, guess in (("student", expected), ("frequency", frequencies.expand_as(rest))):
        among = guess.masked_fill(rest > 0, -1.0)
        above = (among > among.gather(1, hidden)).sum(dim=1)
        ranks[f"median rank, {name}"] = float(above.float().median()) + 1
    return ranks
