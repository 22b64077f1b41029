"""Meaning: what a thing is, read off its latent without decoding it, and so without hippocampus.

The paper fits a support vector classifier on a few labelled latents (Spens & Burgess 2022,
fig. 5). Here its margins, on examples it was not fitted on, are turned into probabilities by
logistic regression (Platt 1999, for several classes at once), so that a number of .8 is right
about four times in five.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor

from mnemic.errors import ConfigError, EmptyMemoryError, ShapeError

FOLDS = 5
FEWEST = 2  # examples of a label; one cannot be held out


@dataclass(frozen=True)
class Facts:
    """What has been learned about one attribute: its values, and how to tell them."""

    values: tuple[str, ...]
    latent_dim: int
    classifier: Pipeline | None  # latents to margins; None: only one value was ever met
    calibration: LogisticRegression | None  # margins to probabilities

    def probabilities(self, latents: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch value"]:
        """How likely each value is, in the order of ``values``; rows sum to 1.

        Raises:
            ShapeError: the latents are of another student.
        """
        if latents.shape[-1] != self.latent_dim:
            raise ShapeError(
                f"these facts were learned from latents of {self.latent_dim} numbers,"
                f" got {latents.shape[-1]}"
            )
        if self.classifier is None or self.calibration is None or len(latents) == 0:
            return torch.ones(len(latents), len(self.values)) / len(self.values)
        margins = _columns(self.classifier.decision_function(latents.numpy()))
        return torch.from_numpy(self.calibration.predict_proba(margins)).float()


def learn_facts(
    latents: Float[Tensor, "examples latent"], labels: Sequence[str], *, seed: int = 0
) -> Facts:
    """Learn to tell labels from latents, from few examples of each.

    A label met only once is left out: there would be nothing to test it on.

    Raises:
        ShapeError: not a label for each latent.
        EmptyMemoryError: no label was met twice.
    """
    if len(labels) != len(latents):
        raise ShapeError(f"{len(latents)} latents have {len(labels)} labels; give one for each")
    if not bool(latents.isfinite().all()):
        raise ConfigError("a latent holds NaN or infinity; the student that made it has diverged")
    counts = Counter(labels)
    values = tuple(sorted(label for label, count in counts.items() if count >= FEWEST))
    if not values:
        raise EmptyMemoryError(
            f"facts need a label that was met at least {FEWEST} times;"
            f" of {len(labels)} labelled engrams none was"
        )
    if len(values) == 1:
        return Facts(values, latents.shape[-1], None, None)
    kept = [index for index, label in enumerate(labels) if label in values]
    examples = latents[kept].numpy().astype(np.float64)
    truth = [labels[index] for index in kept]
    folds = StratifiedKFold(
        min(FOLDS, min(counts[value] for value in values)), shuffle=True, random_state=seed
    )
    classifier = make_pipeline(StandardScaler(), SVC())
    margins = cross_val_predict(classifier, examples, truth, cv=folds, method="decision_function")
    calibration = LogisticRegression(max_iter=1000).fit(_columns(np.asarray(margins)), truth)
    return Facts(values, latents.shape[-1], classifier.fit(examples, truth), calibration)


def _columns(margins: np.ndarray) -> np.ndarray:
    # between two values there is a single margin
    return margins[:, None] if margins.ndim == 1 else margins
