"""Units as detectors: what a unit tells of the class of what is seen, heard or read.

The measures are those by which concept cells were found in the human medial temporal lobe (Quian
Quiroga et al. 2005, *Invariant visual representation by single neurons in the human brain*): the
area under the ROC of a unit's responses to one class against all others; how selective it is; in
how many ways of showing a thing it holds; and how many units respond to one thing.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata

HALF = 0.5  # of the strongest response: from there on a unit is active


def roc_areas(
    responses: Float[np.ndarray, "cues units"], of: Int[np.ndarray, " cues"], classes: int
) -> Float[np.ndarray, "units classes"]:
    """How well each unit's response alone tells each class from all others.

    The area under the ROC: the probability that the response to one of the class is greater than
    to one of another, ties counting half (Mann & Whitney). .5 where there is nothing to tell.
    """
    ranks = rankdata(responses, axis=0)
    areas = np.full((responses.shape[1], classes), 0.5)
    for one in range(classes):
        mine = of == one
        count, others = int(mine.sum()), int((~mine).sum())
        if count and others:
            areas[:, one] = (ranks[mine].sum(axis=0) / count - (count + 1) / 2) / others
    return areas


def selectivity(
    responses: Float[np.ndarray, "cues units"], of: Int[np.ndarray, " cues"]
) -> Float[np.ndarray, " units"]:
    """How much of a unit's response goes to one class (depth of selectivity, Rainer & Miller 2000).

    (n - Σ r / max r) / (n - 1) over the mean responses r to n classes, from the least of a unit's
    responses upwards: 1 where it responds to one class alone, 0 where to all alike.
    """
    raised = responses - responses.min(axis=0)
    means = np.stack([raised[of == one].mean(axis=0) for one in np.unique(of)])
    most = means.max(axis=0)
    shares = np.divide(
        means.sum(axis=0), most, out=np.full(len(most), 1.0 * len(means)), where=most > 0
    )
    return (len(means) - shares) / max(len(means) - 1, 1)


def active(responses: Float[np.ndarray, "cues units"]) -> Bool[np.ndarray, "cues units"]:
    """Which units respond at least half as strongly as the strongest does; none to nothing."""
    strength = np.abs(responses)
    most = strength.max(axis=1, keepdims=True)
    return (strength >= HALF * most) & (most > 0)
