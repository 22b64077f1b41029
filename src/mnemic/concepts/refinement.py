"""New categories from few labelled examples, on top of a code nobody labelled.

Marco de Lucas 2023, on transfer learning: a network trained on a large database gives its own
classes first; "a computational solution that applies a supervised classification on top of an
unsupervised solution" refines them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression

from mnemic.errors import ConfigError, CueError, ShapeError

STRENGTH = 100.0  # inverse of the penalty on weights, of features scaled to spread 1
STEPS = 1_000


@dataclass(frozen=True, eq=False)
class Refinement:
    """A linear head: the probability of each label, by the softmax of weighted features.

    >>> head = Refinement.fit(np.eye(4, dtype=np.float32), ["cat", "cat", "dog", "dog"])
    >>> head.predict(np.eye(4, dtype=np.float32))
    ['cat', 'cat', 'dog', 'dog']
    """

    labels: tuple[str, ...]
    centre: Float[np.ndarray, " dim"]
    scale: float
    weights: Float[np.ndarray, "labels dim"]
    bias: Float[np.ndarray, " labels"]

    @classmethod
    def fit(
        cls,
        features: Float[np.ndarray, "examples dim"],
        labels: Sequence[str],
        *,
        strength: float = STRENGTH,
    ) -> "Refinement":
        """Learn what tells the labels apart, each counting alike however many examples it has.

        Logistic regression with an L2 penalty, on centred features of mean spread 1. The same
        examples give the same head.

        Raises:
            ShapeError: there is not a label for each example.
            ConfigError: fewer than two labels, or a ``strength`` that is not positive.
            CueError: a feature is NaN or infinite.
        """
        if len(features) != len(labels):
            raise ShapeError(f"{len(features)} examples have {len(labels)} labels")
        if len(set(labels)) < 2:
            raise ConfigError(
                f"a refinement tells labels apart and needs two or more; got {sorted(set(labels))}"
            )
        if not strength > 0:
            raise ConfigError(f"strength must be more than 0, got {strength}")
        if not np.isfinite(features).all():
            raise CueError("an example holds NaN or infinity")
        centre = features.mean(axis=0)
        # one scale for all: directions in which a code hardly differs stay unimportant
        scale = float(np.sqrt(np.mean(np.sum((features - centre) ** 2, axis=1)))) or 1.0
        head = LogisticRegression(C=strength, class_weight="balanced", max_iter=STEPS)
        head.fit((features - centre) / scale, list(labels))
        weights, bias = head.coef_, head.intercept_
        if len(head.classes_) == 2:  # of two, scikit-learn gives the second against the first
            weights, bias = np.concatenate([-weights, weights]) / 2, np.append(-bias, bias) / 2
        names = tuple(str(name) for name in head.classes_)
        return cls(names, centre, scale, np.asarray(weights), np.asarray(bias))

    def probabilities(
        self, features: Float[np.ndarray, "batch dim"]
    ) -> Float[np.ndarray, "batch labels"]:
        """Of each label, in the order of ``labels``; a row sums to 1.

        Raises:
            ShapeError: features of another sense, by their number.
        """
        if features.shape[-1] != len(self.centre):
            raise ShapeError(
                f"this refinement was learned from {len(self.centre)} features, got"
                f" {features.shape[-1]}"
            )
        scores = (features - self.centre) / self.scale @ self.weights.T + self.bias
        likely = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return likely / likely.sum(axis=-1, keepdims=True)

    def predict(self, features: Float[np.ndarray, "batch dim"]) -> list[str]:
        """The likeliest label of each."""
        return [self.labels[index] for index in self.probabilities(features).argmax(axis=-1)]


def nearest_label(
    features: Float[np.ndarray, "batch dim"],
    examples: Float[np.ndarray, "examples dim"],
    labels: Sequence[str],
) -> list[str]:
    """The other route: the label of the nearest example, by locality alone.

    Raises:
        ShapeError: there is not a label for each example.
    """
    if len(examples) != len(labels) or not len(examples):
        raise ShapeError(f"{len(examples)} examples have {len(labels)} labels")
    distances = (
        (features**2).sum(axis=1)[:, None]
        - 2 * features @ examples.T
        + (examples**2).sum(axis=1)[None]
    )
    return [str(labels[index]) for index in distances.argmin(axis=1)]
