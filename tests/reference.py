"""The equations again, as NumPy loops in double precision: slow, plain and independent."""

import math

import numpy as np


def masked_distance(cue, pattern, known=None, pattern_known=None, unknown_cost=0.0):
    total, count = 0.0, 0
    for j in range(len(cue)):
        if known is not None and not known[j]:
            continue
        count += 1
        if pattern_known is not None and not pattern_known[j]:
            total += unknown_cost
        else:
            total += (float(cue[j]) - float(pattern[j])) ** 2
    return total / count


def softmax(scores):
    highest = max(scores)
    weights = [math.exp(score - highest) for score in scores]
    return [weight / sum(weights) for weight in weights]


def energy(cue, patterns, *, beta, **options):
    scores = [-0.5 * beta * masked_distance(cue, x, **options) for x in patterns]
    highest = max(scores)
    return -(highest + math.log(sum(math.exp(score - highest) for score in scores))) / beta


def settle(cue, patterns, *, beta, known=None, steps=10, tolerance=1e-4):
    """Mean-shift until the known features move less than ``tolerance``, root mean square."""
    state = np.array(cue, dtype=float)
    for _ in range(steps):
        distances = [masked_distance(state, x, known) for x in patterns]
        weights = softmax([-0.5 * beta * distance for distance in distances])
        updated = sum(w * np.array(x, dtype=float) for w, x in zip(weights, patterns, strict=True))
        moved = math.sqrt(masked_distance(updated, state, known))
        state = updated
        if moved <= tolerance:
            break
    distances = [masked_distance(state, x, known) for x in patterns]
    return state, softmax([-0.5 * beta * distance for distance in distances])


def settle_spens2022(cue, patterns, *, beta, steps=10):
    """x ← Ξ softmax(β Ξᵀx / √d)."""
    state = np.array(cue, dtype=float)
    for _ in range(steps):
        scores = [
            beta
            * sum(float(a) * float(b) for a, b in zip(x, state, strict=True))
            / math.sqrt(len(state))
            for x in patterns
        ]
        weights = softmax(scores)
        state = sum(w * np.array(x, dtype=float) for w, x in zip(weights, patterns, strict=True))
    return state


def settle_cosine(cue, patterns, *, beta, inhibition=None, steps=10):
    """x ← Σ pᵢ patternᵢ, p = softmax(β(cos(x - mean, patternᵢ - mean) - inhibitionᵢ))."""
    patterns = np.array(patterns, dtype=float)
    mean = patterns.mean(axis=0)
    keys = [x - mean for x in patterns]
    direction = np.array(cue, dtype=float)
    value = direction
    for _ in range(steps):
        scores = []
        for i, key in enumerate(keys):
            norm = math.sqrt(float(key @ key)) * math.sqrt(float(direction @ direction))
            cosine = float(key @ direction) / norm if norm > 1e-12 else 0.0
            scores.append(beta * (cosine - (0.0 if inhibition is None else inhibition[i])))
        weights = softmax(scores)
        value = sum(w * x for w, x in zip(weights, patterns, strict=True))
        direction = value - mean
    return value


def prediction_error(features, predicted, known=None, *, grid):
    """Of one picture: the mean square, over what is known, of the mean error of its 3 by 3."""
    height, width, channels = grid
    total, count = 0.0, 0

    def at(y, x, c):
        return (y * width + x) * channels + c

    for y in range(height):
        for x in range(width):
            for c in range(channels):
                if known is not None and not known[at(y, x, c)]:
                    continue
                around = []
                for near_y in range(max(0, y - 1), min(height, y + 2)):
                    for near_x in range(max(0, x - 1), min(width, x + 2)):
                        j = at(near_y, near_x, c)
                        if known is None or known[j]:
                            around.append(float(features[j]) - float(predicted[j]))
                total += (sum(around) / len(around)) ** 2
                count += 1
    return total / count if count else 0.0
