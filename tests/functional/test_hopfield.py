"""The family against plain loops, its law of energy, and its rows against their papers."""

import inspect
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import reference
from mnemic.errors import ConfigError, CueError, DivergedError, EmptyMemoryError, ShapeError
from mnemic.functional import hopfield, separation
from mnemic.functional.hopfield import PRESETS, Network, settle, write
from mnemic.functional.similarity import spens2022_scores
from mnemic.hippocampus import EpisodicMemory
from mnemic.randomness import generator

EXACT = {"rtol": 1e-9, "atol": 1e-10}
SEEDS = st.integers(0, 2**32 - 1)
BETAS = st.floats(-3, 3).map(lambda exponent: 10**exponent)
SEPARATIONS = {
    each.name: each
    for each in (
        separation.identity(),
        separation.polynomial(3),
        separation.polynomial(4),
        separation.exponential(),
        separation.softmax(),
        separation.sparsemax(),
        separation.entmax15(),
        separation.top_k(2),
        separation.within(-1.5),
    )
}
EVERY = {
    f"{similarity} · {name} · {projection}": Network(similarity, chosen, projection)
    for similarity, (name, chosen), projection in itertools.product(
        ("dot", "cosine", "masked", "hamming"), SEPARATIONS.items(), ("sign", "linear")
    )
}
WITH_ENERGY = {name: each for name, each in EVERY.items() if each.why_no_energy is None}
WITHOUT = {name: each for name, each in EVERY.items() if each.why_no_energy is not None}
SIGNS = {name: each for name, each in WITH_ENERGY.items() if each.projection == "sign"}
# some fifty combinations: a claim of each takes a few examples, the law of energy takes many
some = settings(max_examples=max(5, settings.default.max_examples // 40))
many = settings(max_examples=max(60, settings.default.max_examples))


BY_KIND = {  # a law is drawn for any separation of a kind
    kind: [each for name, each in WITH_ENERGY.items() if (name.split(" · ")[::2]) == kind.split()]
    for kind in ("dot sign", "dot linear", "masked sign", "masked linear", "hamming sign")
}


def every(networks):
    return pytest.mark.parametrize("network", networks.values(), ids=networks)


def drawn(seed, *shape, name="drawn"):
    rng = generator(seed, f"{name} {shape}")
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def signs(seed, *shape, name="signs"):
    return torch.where(drawn(seed, *shape, name=name) > 0, 1.0, -1.0).double()


def masks(seed, *shape):
    known = torch.rand(*shape, generator=generator(seed, f"mask {shape}")) < 0.6
    known[..., 0] = True  # a cue knows something
    return known


def strengths_of(seed, stored):
    return drawn(seed, stored, name="strengths").abs() + 0.05


def state_and_keys(network, seed, batch=3, stored=5, dim=6):
    """Signs where the network's states are signs, or what it compares are."""
    if network.projection == "sign" or network.similarity == "hamming":
        return signs(seed, batch, dim, name="state"), signs(seed, stored, dim, name="keys")
    return drawn(seed, batch, dim, name="state"), drawn(seed, stored, dim, name="keys")


# The same once more in NumPy, one number at a time.


def loop_similarity(name, state, key, known):
    seen = [i for i in range(len(state)) if known[i]]
    dot = sum(state[i] * key[i] for i in seen)
    if name == "dot":
        return dot
    if name == "cosine":
        return dot / math.sqrt(sum(state[i] ** 2 for i in seen) * sum(key[i] ** 2 for i in seen))
    if name == "masked":
        return -sum((state[i] - key[i]) ** 2 for i in seen) / len(seen) / 2
    return -sum(state[i] != key[i] for i in seen)


def loop_weights(name, z, w):
    """Simplex weights by projected steps towards the best share; the others as written."""
    if name == "identity":
        return z * w
    if name.startswith("polynomial"):
        n = int(name.split()[1])
        return (np.maximum(z, 0) if n % 2 else z) ** (n - 1) * w
    if name.startswith("within"):
        return (z >= float(name.split()[1])) * w
    if name == "exponential":
        mass = np.exp(z) * w
        return mass / mass.max()
    z = z + np.log(w)
    if name.startswith("top"):
        z = np.where(np.argsort(np.argsort(-z, kind="stable")) < int(name.split()[1]), z, -np.inf)
    if name in ("sparsemax", "entmax-1.5"):
        return simplex_weights(z, power=1 if name == "sparsemax" else 2)
    mass = np.exp(z - z.max())
    return mass / mass.sum()


def simplex_weights(z, power):
    """(z/power - τ)₊ to that power, for the support of every size: the one that sums to 1."""
    z = z / power
    for size in range(1, len(z) + 1):
        inside = np.sort(z)[-size:]
        if power == 1:
            threshold = (inside.sum() - 1) / size
        else:  # size τ² - 2 Σz τ + Σz² - 1 = 0, the lower root
            roots = np.roots([size, -2 * inside.sum(), (inside**2).sum() - 1])
            if np.iscomplex(roots).any():
                continue
            threshold = roots.real.min()
        weights = np.maximum(z - threshold, 0) ** power
        if abs(weights.sum() - 1) < 1e-9:
            return weights
    raise AssertionError("no support sums to 1")


def loop_update(network, state, keys, values, known, strengths, beta):
    scores = [loop_similarity(network.similarity, state, key, known) for key in keys]
    weights = loop_weights(network.separation.name, beta * np.array(scores), strengths)
    total = sum(weight * value for weight, value in zip(weights, values, strict=True))
    return np.where(total < 0, -1, 1) if network.projection == "sign" else total


@every(EVERY)
@some
@given(seed=SEEDS, beta=st.floats(0.1, 3), torn=st.booleans(), strong=st.booleans())
def test_an_update_agrees_with_the_loop(network, torn, strong, seed, beta):
    state, keys = state_and_keys(network, seed)
    values = drawn(seed, 5, 4, name="values")  # a sum is 0 only where nothing has weight
    known = masks(seed, 3, 6) if torn else None
    # from one feature every cosine is 1 or -1: which of equals come first is anybody's guess
    assume(network.similarity != "cosine" or known is None or int(known.sum(dim=-1).min()) > 1)
    strengths = strengths_of(seed, 5) if strong else None
    if network.separation.name.startswith("within"):
        beta = 1.0  # its threshold is in the unit of the score
    ours = network.update(state, keys, values, known=known, strengths=strengths, beta=beta)
    for i in range(3):
        expected = loop_update(
            network,
            state[i].numpy(),
            keys.numpy(),
            values.numpy(),
            np.ones(6, bool) if known is None else known[i].numpy(),
            np.ones(5) if strengths is None else strengths.numpy(),
            beta,
        )
        np.testing.assert_allclose(ours[i].numpy(), expected, rtol=1e-7, atol=1e-9)


@every(
    {
        name: each
        for name, each in EVERY.items()
        if each.projection == "linear" and "within" not in name  # a step has no gradient
    }
)
def test_the_gradient_of_an_update_is_that_of_finite_differences(network):
    state, keys, values = drawn(5, 2, 4), drawn(6, 3, 4), drawn(7, 3, 2)
    known = masks(8, 2, 4)
    leaves = [each.requires_grad_() for each in (state, keys, values, strengths_of(9, 3))]

    def update(state, keys, values, strengths):
        return network.update(state, keys, values, known=known, strengths=strengths, beta=0.7)

    assert torch.autograd.gradcheck(update, leaves)


@every({name: each for name, each in WITH_ENERGY.items() if each.projection == "linear"})
def test_an_update_of_a_dot_product_is_one_step_down_the_gradient_of_the_energy(network):
    """The state minus the gradient of the energy, which for distances is a mean-shift's."""
    state, keys = drawn(5, 3, 6).requires_grad_(), drawn(6, 5, 6)
    strengths = strengths_of(7, 5)
    energy = network.energy(state, keys, strengths=strengths, beta=0.7)
    (gradient,) = torch.autograd.grad(energy.sum(), state)
    step = 1.0 if network.similarity == "dot" else state.shape[-1]  # d is a mean over features
    expected = network.update(state, keys, strengths=strengths, beta=0.7)
    torch.testing.assert_close(state - step * gradient, expected, **EXACT)


@every(EVERY)
@some
@given(seed=SEEDS, beta=st.floats(0.1, 3))
def test_what_an_unknown_feature_holds_never_matters(network, seed, beta):
    state, keys = state_and_keys(network, seed)
    known = masks(seed, 3, 6)
    values = drawn(seed, 5, 4, name="values")
    spoiled = torch.where(known, state, torch.nan)
    expected = network.update(state, keys, values, known=known, beta=beta)
    found = network.update(spoiled, keys, values, known=known, beta=beta)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    energy = network.energy(spoiled, keys, known=known, beta=beta)
    assert energy is None or bool(energy.isfinite().all())
    of_the_known = known[0].nonzero()[:, 0]
    alone = network.update(state[:1, of_the_known], keys[:, of_the_known], values, beta=beta)
    torch.testing.assert_close(found[:1], alone, **EXACT)


@every(EVERY)
@some
@given(seed=SEEDS)
def test_a_beta_for_each_cue_is_one_call_for_each_cue(network, seed):
    state, keys = state_and_keys(network, seed)
    betas = drawn(seed, 3, name="betas").exp()
    together = network.update(state, keys, beta=betas)
    energies = network.energy(state, keys, beta=betas)
    for i in range(3):
        apart = network.update(state[[i]], keys, beta=float(betas[i]))
        torch.testing.assert_close(together[[i]], apart, **EXACT)
        if energies is not None:
            alone = network.energy(state[[i]], keys, beta=float(betas[i]))
            torch.testing.assert_close(energies[[i]], alone, **EXACT)


@every(EVERY)
def test_a_cue_ignores_its_batch_neighbours(network):
    batch = 4
    state, keys = state_and_keys(network, 4, batch=batch, stored=3, dim=9)
    bounded = network.separation.shares or network.projection == "sign"
    steps = 3 if bounded else 1  # others may run away
    known = masks(4, batch, 9)
    together = settle(network, state, keys, known=known, max_steps=steps)
    for i in range(batch):
        alone = settle(network, state[[i]], keys, known=known[[i]], max_steps=steps)
        torch.testing.assert_close(together.state[[i]], alone.state, **EXACT)
        assert int(together.steps[i]) == int(alone.steps)
        assert bool(together.settled[i]) == bool(alone.settled)


@pytest.mark.parametrize("copying", ["identity", "polynomial 3", "exponential", "softmax"])
@pytest.mark.parametrize("projection", ["sign", "linear"])
@some
@given(seed=SEEDS, copies=st.lists(st.integers(1, 4), min_size=5, max_size=5))
def test_a_strength_of_w_is_w_copies_of_the_pattern(copying, projection, seed, copies):
    network = EVERY[f"dot · {copying} · {projection}"]
    state, keys = state_and_keys(network, seed)
    values, count = drawn(seed, 5, 3, name="values"), torch.tensor(copies)
    strong = network.update(state, keys, values, strengths=count.double(), beta=0.5)
    again = keys.repeat_interleave(count, 0), values.repeat_interleave(count, 0)
    copied = network.update(state, *again, beta=0.5)
    if network.separation.name == "exponential" and projection == "linear":
        strong, copied = (each / each.norm(dim=-1, keepdim=True) for each in (strong, copied))
    torch.testing.assert_close(strong, copied, **EXACT)
    energies = (
        network.energy(state, keys, strengths=count.double()),
        network.energy(state, again[0]),
    )
    if energies[0] is not None:
        torch.testing.assert_close(*energies, **EXACT)


# The law.


@st.composite
def situations(draw):
    """Bits, sizes, beta, masks, strengths, duplicates."""
    seed, batch, dim = draw(SEEDS), draw(st.integers(1, 4)), draw(st.integers(1, 12))
    stored = draw(st.integers(1, 9))
    return {
        "seed": seed,
        "batch": batch,
        "dim": dim,
        "stored": stored,
        "beta": draw(BETAS),
        "known": masks(seed, batch, dim) if draw(st.booleans()) else None,
        "strong": draw(st.booleans()),
        "duplicates": draw(st.booleans()),
        "bits": draw(st.booleans()),
    }


def prepared(network, situation):
    seed, stored = situation["seed"], situation["stored"]
    sizes = {"batch": situation["batch"], "stored": stored, "dim": situation["dim"]}
    state, keys = state_and_keys(network, seed, **sizes)
    if situation["bits"]:
        state, keys = signs(seed, *state.shape, name="bits"), signs(seed, *keys.shape)
    elif network.similarity != "hamming":
        keys = drawn(seed, *keys.shape, name="real")  # signs need not be of signs
    if situation["duplicates"]:
        keys = keys[torch.arange(stored) // 2]
    strengths = strengths_of(seed, stored) if situation["strong"] else None
    options = {"known": situation["known"], "strengths": strengths, "beta": situation["beta"]}
    return state, keys, options


def slack(network, state, keys, options):
    """Rounding of the energy: relative to the terms that are subtracted in it."""
    energy = network.energy(state, keys, **options).abs()
    seen = state if options["known"] is None else torch.where(options["known"], state, 0.0)
    logits = network.logits(state, keys, known=options["known"], beta=options["beta"])
    return 1e-10 * (1 + energy + seen.square().sum(-1) + logits.abs().amax(-1) / options["beta"])


def falls(network, before, after, keys, options):
    rise = network.energy(after, keys, **options) - network.energy(before, keys, **options)
    allowed = slack(network, before, keys, options) + slack(network, after, keys, options)
    # a sum of small weights is lost in 1/beta of the energy: log N / beta is rounded too
    return bool((rise <= allowed + 1e-13 / options["beta"]).all())


@pytest.mark.parametrize("kind", BY_KIND)
@many
@given(data=st.data(), situation=situations())
def test_no_update_raises_the_energy(kind, data, situation):
    network = data.draw(st.sampled_from(BY_KIND[kind]))
    state, keys, options = prepared(network, situation)
    for _ in range(3):
        try:
            after = network.update(state, keys, **options)
        except DivergedError:
            return
        if float(after.abs().max()) > 1e40:
            return  # without a floor: falling for good
        assert falls(network, state, after, keys, options)
        state = after


@pytest.mark.parametrize("kind", [kind for kind in BY_KIND if kind.endswith("sign")])
@many
@given(data=st.data(), situation=situations())
def test_no_unit_by_itself_raises_the_energy(kind, data, situation):
    network = data.draw(st.sampled_from(BY_KIND[kind]))
    state, keys, options = prepared(network, situation)
    dim = situation["dim"]
    for unit in torch.randperm(dim, generator=generator(situation["seed"], "order"))[:3]:
        after = network.update_unit_by_unit(state, keys, unit[None], **options)
        others = torch.arange(dim) != unit
        assert torch.equal(after[:, others], state[:, others])
        assert falls(network, state, after, keys, options)
        state = after


@every(SIGNS)
@some
@given(seed=SEEDS, beta=st.floats(0.05, 2))
def test_one_unit_after_the_other_takes_the_sign_of_less_energy(network, seed, beta):
    """The rule the slow way: two energies for each unit, of all its features."""
    state, keys = state_and_keys(network, seed)
    options = {"known": masks(seed, 3, 6), "strengths": strengths_of(seed, 5), "beta": beta}
    order = torch.randperm(6, generator=generator(seed, "order"))
    ours = network.update_unit_by_unit(state, keys, order, **options)
    slow = state.clone()
    for unit in order.tolist():
        up, down = slow.clone(), slow.clone()
        up[:, unit], down[:, unit] = 1.0, -1.0
        gain = network.energy(down, keys, **options) - network.energy(up, keys, **options)
        tie = gain.abs() < 1e-12
        slow[:, unit] = torch.where(tie, ours[:, unit], gain.sign())
    assert torch.equal(ours, slow)


@every(WITH_ENERGY)
def test_settling_notes_the_energy_of_every_step(network):
    state, keys = state_and_keys(network, 2)
    bounded = network.separation.shares or network.projection == "sign"
    found = settle(network, state, keys, beta=0.8, max_steps=5 if bounded else 1)
    first, last = (network.energy(each, keys, beta=0.8) for each in (state, found.state))
    torch.testing.assert_close(found.energies[0], first, **EXACT)
    torch.testing.assert_close(found.energies[-1], last, **EXACT)
    assert len(found.energies) == int(found.steps.max()) + 1


@every(WITHOUT)
def test_a_combination_without_an_energy_says_so_and_why(network):
    state, keys = state_and_keys(network, 0)
    assert network.energy(state, keys) is None
    assert len(network.why_no_energy.split()) > 5
    assert settle(network, state, keys, max_steps=1).energies is None
    with pytest.raises(ConfigError, match=r"units are updated one by one"):
        network.update_unit_by_unit(state, keys)


def test_these_have_no_energy_and_all_others_have():
    linear = [name for name in WITHOUT if name.endswith("linear")]
    assert {name for name in WITHOUT if name not in linear} == {
        name
        for name in EVERY
        if name.endswith("sign") and (name.startswith("cosine") or "within" in name)
    }
    assert {name for name in EVERY if name.endswith("linear")} - set(linear) == {
        f"{similarity} · {name} · linear"
        for similarity, names in {
            "dot": set(SEPARATIONS) - {"exponential", "within -1.5"},
            "masked": {"softmax", "sparsemax", "entmax-1.5", "top 2"},
        }.items()
        for name in names
    }


@pytest.mark.parametrize(
    "name", ["cosine · softmax · sign", "cosine · identity · linear", "masked · identity · linear"]
)
def test_what_is_said_to_have_no_energy_has_indeed_none(name):
    """-F(z), which the others never raise, rises somewhere."""
    network = EVERY[name]

    def would_be(state, keys):
        return -network.separation.potential(network.logits(state, keys), None)

    rises = []
    for seed in range(100):
        state = state_and_keys(network, seed)[0]
        keys = drawn(seed, 5, 6, name="real") * drawn(seed, 5, 1, name="lengths").exp()
        rises.append(would_be(network.update(state, keys), keys) - would_be(state, keys))
    assert torch.cat(rises).max() > 1e-3


# The presets and their papers.


def stored_and_cues(seed, stored=3, dim=20, flipped=2):
    """Signs that are hardly alike, and cues with a few of them turned."""
    rng = generator(seed, "apart")
    while True:
        patterns = torch.where(torch.rand(stored, dim, generator=rng) < 0.5, -1.0, 1.0).double()
        overlaps = (patterns @ patterns.T - dim * torch.eye(stored)).abs()
        if float(overlaps.max()) <= 2:
            break
    cues = patterns.clone()
    for row in cues:
        row[torch.randperm(dim, generator=rng)[:flipped]] *= -1
    return patterns, cues


@pytest.mark.parametrize("name", PRESETS)
@some
@given(seed=SEEDS)
def test_a_stored_pattern_stays_and_a_corrupted_one_is_mended(name, seed):
    network = PRESETS[name]()
    patterns, cues = stored_and_cues(seed)
    torch.testing.assert_close(network.update(patterns, patterns), patterns, rtol=0, atol=1e-6)
    mended = settle(network, cues, patterns)
    torch.testing.assert_close(mended.state, patterns, rtol=0, atol=1e-6)
    assert mended.settled.all()


@some
@given(seed=SEEDS)
def test_classical_is_the_sign_of_the_sum_of_outer_products(seed):
    patterns, state = signs(seed, 4, 9), signs(seed, 1, 9, name="state")
    weights = np.zeros((9, 9))
    for pattern in patterns.numpy():
        weights += np.outer(pattern, pattern)
    field = weights @ state[0].numpy()
    expected = np.where(field == 0, state[0].numpy(), np.sign(field))
    assert hopfield.classical().update(state, patterns)[0].tolist() == expected.tolist()
    np.fill_diagonal(weights, 0)  # one by one a unit does not hear itself, as in the paper
    units = state[0].numpy().copy()
    for i in range(9):
        units[i] = np.sign(weights[i] @ units) or units[i]
    one_by_one = hopfield.classical().update_unit_by_unit(state, patterns)
    assert one_by_one[0].tolist() == units.tolist()


@pytest.mark.parametrize("n", [2, 3, 4, 5])
@some
@given(seed=SEEDS)
def test_dense_is_the_energy_difference_of_krotov_and_hopfield(n, seed):
    """σᵢ ← sign Σ_μ [F(ξᵢ + Σ_{j≠i} ξⱼσⱼ) - F(-ξᵢ + Σ_{j≠i} ξⱼσⱼ)], their eq. 3."""

    def power(x):
        return max(x, 0) ** n if n % 2 else x**n

    patterns, state = signs(seed, 5, 8), signs(seed, 2, 8, name="state")
    ours = hopfield.dense(n).update_unit_by_unit(state, patterns)
    for row, found in zip(state.tolist(), ours.tolist(), strict=True):
        for i in range(8):
            gain = 0
            for pattern in patterns.int().tolist():
                rest = sum(pattern[j] * int(row[j]) for j in range(8) if j != i)
                gain += power(pattern[i] + rest) - power(-pattern[i] + rest)
            row[i] = float(np.sign(gain)) or row[i]
        assert found == row


@some
@given(seed=SEEDS)
def test_exponential_is_that_of_demircigil(seed):
    """sign Σ_μ ξᵢ exp(Σⱼ ξⱼσⱼ), and its unit-by-unit form over exp of the overlaps."""
    patterns, state = signs(seed, 6, 9), signs(seed, 1, 9, name="state")
    network = hopfield.exponential()
    terms = torch.stack([math.exp(float(x @ state[0])) * x for x in patterns])
    field, whole = terms.sum(dim=0), terms.abs().sum(dim=0)
    told = field.abs() > 1e-9 * whole  # where patterns cancel, rounding decides
    assert torch.equal(network.update(state, patterns)[0][told], field.sign()[told])
    row, ours = state[0].tolist(), network.update_unit_by_unit(state, patterns)[0].tolist()
    for i in range(9):
        up = down = 0.0
        for pattern in patterns.tolist():
            rest = sum(pattern[j] * row[j] for j in range(9) if j != i)
            up, down = up + math.exp(pattern[i] + rest), down + math.exp(-pattern[i] + rest)
        tie = abs(up - down) < 1e-9 * up  # rounding may break it
        row[i] = ours[i] if tie else math.copysign(1.0, up - down)
    assert ours == row


@some
@given(seed=SEEDS, beta=BETAS)
def test_modern_is_attention(seed, beta):
    patterns, state = drawn(seed, 6, 5), drawn(seed, 2, 5, name="state")
    attention = torch.nn.functional.scaled_dot_product_attention(
        state, patterns, patterns, scale=beta
    )
    torch.testing.assert_close(hopfield.modern(beta).update(state, patterns), attention, **EXACT)


@some
@given(seed=SEEDS, beta=st.floats(0.1, 20))
def test_the_published_teacher_is_modern_with_beta_over_root_dim(seed, beta):
    patterns, state = signs(seed, 5, 9), drawn(seed, 1, 9, name="state")
    network = hopfield.modern(beta / math.sqrt(9))
    weights = spens2022_scores(state, patterns, beta=beta).softmax(-1)
    torch.testing.assert_close(network.update(state, patterns), weights @ patterns, **EXACT)
    ours = settle(network, state, patterns, max_steps=10, tolerance=0.0)
    expected = reference.settle_spens2022(state[0].tolist(), patterns.tolist(), beta=beta)
    np.testing.assert_allclose(ours.state[0].numpy(), expected, rtol=1e-9, atol=1e-9)


def test_the_published_rule_of_the_hippocampus_is_that_network(rng):
    patterns, cues = signs(0, 12, 25).float(), drawn(1, 5, 25).float()
    memory = EpisodicMemory(25, rule="spens2022")
    memory.store(patterns)
    ours = settle(hopfield.modern(10.0 / 5), cues, patterns, max_steps=10)
    torch.testing.assert_close(memory.recall(cues).pattern, ours.state, rtol=0, atol=1e-3)


@some
@given(seed=SEEDS, beta=st.floats(5, 500), torn=st.booleans())
def test_masked_is_the_recall_of_the_hippocampus(seed, beta, torn):
    patterns, cues = (drawn(seed + i, 10, 8).sigmoid().float() for i in range(2))
    known = masks(seed, 10, 8) if torn else None
    memory = EpisodicMemory(8)
    memory.store(patterns)
    theirs = memory.recall(cues, known, beta=beta)
    # the hippocampus is done when the known features move by less than 1e-4
    ours = settle(hopfield.masked(beta), cues, patterns, known=known, max_steps=10)
    both = theirs.converged & ours.settled
    moved = (ours.state - theirs.pattern).abs().amax(-1)
    assert (moved[both] < 5e-3).all()
    gap = (ours.energies[-1] - theirs.energy).abs()
    assert (gap[both] < 1e-5).all()
    first = hopfield.masked(beta).update(cues, patterns, known=known)
    expected, _ = reference.settle(
        cues[0].tolist(),
        patterns.tolist(),
        beta=beta,
        known=None if known is None else known[0].tolist(),
        steps=1,
    )
    np.testing.assert_allclose(first[0].numpy(), expected, rtol=0, atol=1e-4)


@some
@given(seed=SEEDS, radius=st.integers(1, 5))
def test_sparse_distributed_memory_reads_what_the_slow_loop_reads(seed, radius):
    """Kanerva (1988): counters at hard addresses; write and read within a Hamming distance."""
    addresses, patterns = signs(seed, 40, 8), signs(seed, 3, 8, name="patterns")
    values, cues = signs(seed, 3, 5, name="values"), signs(seed, 4, 8, name="cues")

    def apart(one, other):
        return sum(a != b for a, b in zip(one, other, strict=True))

    counters = [[0.0] * 5 for _ in range(40)]
    for pattern, value in zip(patterns.tolist(), values.tolist(), strict=True):
        for counter, address in zip(counters, addresses.tolist(), strict=True):
            if apart(pattern, address) <= radius:
                counter[:] = [c + v for c, v in zip(counter, value, strict=True)]
    written = write(addresses, patterns, values, radius=float(radius))
    assert written.tolist() == counters
    read = hopfield.sparse_distributed(float(radius)).update(cues, addresses, written)
    for cue, found in zip(cues.tolist(), read.tolist(), strict=True):
        total = [0.0] * 5
        for counter, address in zip(counters, addresses.tolist(), strict=True):
            if apart(cue, address) <= radius:
                total = [t + c for t, c in zip(total, counter, strict=True)]
        assert found == [1.0 if t >= 0 else -1.0 for t in total]  # 1 where nothing is read


def test_a_sparse_distributed_memory_recalls_through_hard_addresses(rng):
    addresses, patterns = signs(0, 3000, 64), signs(1, 12, 64)
    counters = write(addresses, patterns, patterns, radius=24.0)
    cues = patterns.clone()
    cues[:, :4] *= -1
    network = hopfield.sparse_distributed(24.0)
    for _ in range(3):
        cues = network.update(cues, addresses, counters)
    assert torch.equal(cues, patterns)


def test_one_thing_calls_up_another():
    """Keys of one space and values of another: names of the digits."""
    keys, names = stored_and_cues(0)[0], torch.eye(3, dtype=torch.float64)
    cues = stored_and_cues(0)[1]
    named = hopfield.modern(8.0).update(cues, keys, names)
    torch.testing.assert_close(named, names, rtol=0, atol=1e-6)
    signed = hopfield.dense(3).update(cues, keys, 2 * names - 1)
    assert torch.equal(signed, 2 * names - 1)


# Edges.


def test_where_the_sum_is_nothing_a_sign_keeps_the_state():
    pair = torch.tensor([[1.0, 1.0], [-1.0, -1.0]])
    state = torch.tensor([[1.0, -1.0]])
    network = hopfield.classical()
    assert torch.equal(network.update(state, pair), state)
    assert torch.equal(network.update(state, pair, torch.ones(2, 1)), torch.ones(1, 1))


@every(EVERY)
def test_zero_keys_duplicates_and_one_pattern_give_finite_numbers(network):
    state = torch.tensor([[1.0, -1.0, 1.0], [1.0, 1.0, 1.0]])
    for keys in (torch.zeros(2, 3), state[[0, 0, 0]], state[:1]):
        found = network.update(state, keys)
        assert found.isfinite().all()
        energy = network.energy(state, keys)
        assert energy is None or bool(energy.isfinite().all())
        if network.projection == "sign":
            assert found.abs().eq(1).all()


def test_one_pattern_is_all_a_simplex_can_recall():
    for name in ("modern", "sparse modern", "sparse modern, entmax-1.5", "masked"):
        found = PRESETS[name]().update(torch.randn(3, 4), torch.full((1, 4), 0.5))
        torch.testing.assert_close(found, torch.full((3, 4), 0.5))


@pytest.fixture
def unchecked(monkeypatch):
    """As users call it: with no checking of shapes from outside."""
    for name, method in vars(Network).items():
        if inspect.isfunction(method):
            monkeypatch.setattr(Network, name, inspect.unwrap(method))
    for name in ("_check", "_check_strengths", "_seen", "_finite", "masked_distance"):
        monkeypatch.setattr(hopfield, name, inspect.unwrap(getattr(hopfield, name)))


STATE, KEYS = torch.ones(2, 3), torch.ones(4, 3)
NAN = torch.tensor([[1.0, torch.nan, 1.0]])


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"state": torch.ones(2, 5)}, ShapeError, "5 features, but keys 3"),
        ({"keys": torch.ones(0, 3)}, EmptyMemoryError, "no keys"),
        ({"state": NAN}, CueError, "NaN"),
        ({"state": torch.full((1, 3), torch.inf)}, CueError, "infinity"),
        ({"keys": NAN}, CueError, "key holds NaN"),
        ({"known": torch.zeros(2, 3, dtype=torch.bool)}, CueError, "nothing is known"),
        ({"known": torch.ones(1, 2, dtype=torch.bool)}, ShapeError, r"\(1, 2\)"),
        ({"beta": 0.0}, ConfigError, "beta must be positive"),
        ({"beta": math.nan}, ConfigError, "beta"),
        ({"beta": math.inf}, ConfigError, "beta"),
        ({"beta": torch.tensor([1.0, -1.0])}, ConfigError, "beta"),
        ({"beta": torch.ones(3)}, ShapeError, "one a cue: 2"),
        ({"strengths": torch.ones(3)}, ShapeError, "as many strengths"),
        ({"strengths": torch.tensor([1.0, -1.0, 1.0, 1.0])}, ConfigError, "0 or more"),
        ({"strengths": torch.zeros(4)}, ConfigError, "not all 0"),
        ({"strengths": torch.tensor([1.0, torch.nan, 1.0, 1.0])}, ConfigError, "finite"),
    ],
)
@pytest.mark.parametrize("asked", ["update", "energy", "update_unit_by_unit"])
@pytest.mark.parametrize("name", ["classical", "exponential", "modern", "masked"])
@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused(name, asked, options, error, says):
    network = PRESETS[name]()
    if asked == "update_unit_by_unit" and network.projection == "linear":
        error, says = ConfigError, "not signs"
    with pytest.raises(error, match=says):
        getattr(network, asked)(**({"state": STATE, "keys": KEYS} | options))


@pytest.mark.usefixtures("unchecked")
def test_as_many_values_as_keys_are_asked_for():
    with pytest.raises(ShapeError, match="as many values, not 3"):
        hopfield.modern(1.0).update(STATE, KEYS, torch.ones(3, 2))


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: replace(hopfield.modern(1.0), similarity="dott"), "dot, cosine, masked, hamming"),
        (lambda: replace(hopfield.modern(1.0), projection="tanh"), "sign, linear"),
        (lambda: hopfield.modern(0.0), "beta"),
        (lambda: hopfield.masked(-1.0), "beta"),
        (lambda: hopfield.exponential(math.inf), "beta"),
        (lambda: hopfield.dense(1), "degree"),
        (lambda: settle(hopfield.classical(), STATE, KEYS, max_steps=0), "max_steps"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_a_network_that_makes_no_sense_is_refused(made, says):
    with pytest.raises(ConfigError, match=says):
        made()


def test_weights_too_large_for_a_number_are_not_passed_off_as_an_answer():
    state = torch.ones(1, 784)
    for asked in (hopfield.dense(30).update, hopfield.dense(30).update_unit_by_unit):
        with pytest.raises(DivergedError, match="lower beta"):
            asked(state, state)
        assert torch.equal(asked(state, state, beta=1 / 784), state)
    with pytest.raises(DivergedError, match="lower beta"):
        hopfield.dense(30).energy(state, state)


def test_a_settled_cue_takes_no_more_steps():
    patterns, cues = stored_and_cues(1)
    both = torch.cat([patterns[:1], cues[1:2]])
    found = settle(hopfield.dense(3), both, patterns)
    assert found.steps.tolist() == [1, 2]
    assert found.settled.all()
    unsettled = settle(hopfield.dense(3), both, patterns, max_steps=1)
    assert unsettled.settled.tolist() == [True, False]
