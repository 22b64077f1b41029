"""Continuous time against plain loops, its law, and the discrete memories in its limits."""

import inspect
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from mnemic.errors import ConfigError, CueError, DivergedError, EmptyMemoryError, ShapeError
from mnemic.functional import dynamics
from mnemic.functional.dynamics import (
    Currents,
    Lagrangian,
    Network,
    adiabatic_velocity,
    at_rest,
    energy,
    exponential,
    log_cosh,
    log_sum_exp,
    polynomial,
    quadratic,
    spherical,
    trajectory,
    velocity,
)
from mnemic.randomness import generator

EXACT = {"rtol": 1e-12, "atol": 1e-12}
SEEDS = st.integers(0, 2**32 - 1)
BOUNDED = {"log_cosh": log_cosh(gamma=3.0), "spherical": spherical(epsilon=0.1)}
MEMORIES = {
    "quadratic": quadratic(),
    "polynomial 2": polynomial(degree=2),
    "polynomial 3": polynomial(degree=3),
    "exponential": exponential(beta=0.8),
    "log_sum_exp": log_sum_exp(beta=6.0),
}
LAGRANGIANS = BOUNDED | MEMORIES
# features whose output is bounded give every energy a floor; linear ones need bounded memories
FLOORED = [*itertools.product(BOUNDED.values(), MEMORIES.values()), (quadratic(), log_sum_exp(6.0))]
# a trajectory is some hundred checked calls
trajectories = settings(max_examples=max(20, settings.default.max_examples // 20))


def drawn(seed, *shape):
    rng = generator(seed, f"drawn {shape}")
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def binary(seed, *shape):
    return drawn(seed, *shape).sign()


def until(end, count=2):
    return torch.linspace(0, end, count, dtype=torch.float64)


# The activations and values again, one unit at a time, in NumPy.


def loop_activation(name, x):
    if name.startswith("quadratic"):
        return list(x)
    if name.startswith("log_cosh"):
        return [math.tanh(3.0 * unit) for unit in x]
    if name.startswith("spherical"):
        length = math.sqrt(sum(unit * unit for unit in x) + 0.1**2)
        return [unit / length for unit in x]
    if name.startswith("polynomial"):
        return [max(unit, 0.0) ** (int(name[-2]) - 1) for unit in x]
    if name.startswith("exponential"):
        return [math.exp(0.8 * unit) for unit in x]
    weights = [math.exp(6.0 * unit) for unit in x]
    return [weight / sum(weights) for weight in weights]


def loop_value(name, x):
    if name.startswith("quadratic"):
        return sum(unit * unit for unit in x) / 2
    if name.startswith("log_cosh"):
        return sum(math.log(math.cosh(3.0 * unit)) for unit in x) / 3.0
    if name.startswith("spherical"):
        return math.sqrt(sum(unit * unit for unit in x) + 0.1**2)
    if name.startswith("polynomial"):
        return sum(max(unit, 0.0) ** int(name[-2]) for unit in x) / int(name[-2])
    if name.startswith("exponential"):
        return sum(math.exp(0.8 * unit) for unit in x) / 0.8
    return math.log(sum(math.exp(6.0 * unit) for unit in x)) / 6.0


def loop_velocity(v, h, patterns, network, drive):
    g = loop_activation(network.features.name, v)
    f = loop_activation(network.memories.name, h)
    slow = [
        (sum(patterns[m, i] * f[m] for m in range(len(h))) - v[i] + drive[i]) / network.tau_f
        for i in range(len(v))
    ]
    fast = [
        (sum(patterns[m, i] * g[i] for i in range(len(v))) - h[m]) / network.tau_h
        for m in range(len(h))
    ]
    return slow, fast


def loop_energy(v, h, patterns, network, drive):
    g = loop_activation(network.features.name, v)
    f = loop_activation(network.memories.name, h)
    held = sum((v[i] - drive[i]) * g[i] for i in range(len(v)))
    between = sum(f[m] * patterns[m, i] * g[i] for m in range(len(h)) for i in range(len(v)))
    return (
        held - loop_value(network.features.name, v),
        sum(h[m] * f[m] for m in range(len(h))) - loop_value(network.memories.name, h),
        -between,
    )


def softmax_update(state, patterns, beta):
    scores = beta * np.asarray(patterns) @ np.asarray(state)
    weights = np.exp(scores - scores.max())
    return weights @ np.asarray(patterns) / weights.sum()


def dense_step(signs, patterns, degree):
    """sign(Ξᵀ F'(Ξ s)) with F the rectified polynomial, one feature at a time."""
    overlaps = [max(float(pattern @ signs), 0.0) ** (degree - 1) for pattern in patterns]
    fields = [
        sum(overlap * pattern[i] for overlap, pattern in zip(overlaps, patterns, strict=True))
        for i in range(len(signs))
    ]
    return np.sign(fields)


def dense_retrieval(signs, patterns, degree):
    for _ in range(100):
        updated = dense_step(signs, patterns, degree)
        if (updated == signs).all():
            return signs
        signs = updated
    raise AssertionError("the discrete memory came to no rest")


@pytest.mark.parametrize("features", LAGRANGIANS)
@pytest.mark.parametrize("memories", LAGRANGIANS)
def test_velocity_and_energy_agree_with_the_loop(features, memories):
    network = Network(
        features=LAGRANGIANS[features], memories=LAGRANGIANS[memories], tau_f=0.7, tau_h=0.2
    )
    currents, patterns = Currents(drawn(0, 2, 4), drawn(1, 2, 3)), drawn(2, 3, 4)
    drive = drawn(3, 2, 4)
    ours = velocity(currents, patterns, network, drive=drive)
    terms = energy(currents, patterns, network, drive=drive)
    for row in range(2):
        where = (
            currents.features[row].tolist(),
            currents.memories[row].tolist(),
            patterns.numpy(),
            network,
            drive[row].tolist(),
        )
        slow, fast = loop_velocity(*where)
        np.testing.assert_allclose(ours.features[row], slow, **EXACT)
        np.testing.assert_allclose(ours.memories[row], fast, **EXACT)
        np.testing.assert_allclose([float(term[row]) for term in terms], loop_energy(*where), 1e-12)
        assert float(terms.total[row]) == pytest.approx(sum(loop_energy(*where)), rel=1e-12)


@pytest.mark.parametrize("features", LAGRANGIANS)
@pytest.mark.parametrize("memories", LAGRANGIANS)
def test_velocity_and_energy_have_the_gradients_of_their_differences(features, memories):
    network = Network(features=LAGRANGIANS[features], memories=LAGRANGIANS[memories])

    def both(v, h, patterns, drive):
        currents = Currents(v, h)
        moving = velocity(currents, patterns, network, drive=drive)
        return (
            *moving,
            *energy(currents, patterns, network, drive=drive),
            adiabatic_velocity(v, patterns, network, drive=drive),
        )

    where = (drawn(0, 2, 3), drawn(1, 2, 2), drawn(2, 2, 3), drawn(3, 2, 3))
    assert torch.autograd.gradcheck(both, [tensor.requires_grad_() for tensor in where])


@pytest.mark.parametrize("name", LAGRANGIANS)
@given(seed=SEEDS, spread=st.floats(0.01, 10.0))
def test_an_output_is_the_gradient_of_a_convex_lagrangian(name, seed, spread):
    lagrangian, currents = LAGRANGIANS[name], spread * drawn(seed, 5)
    gradient = torch.func.grad(lagrangian.value)(currents)
    torch.testing.assert_close(lagrangian.activation(currents), gradient, rtol=1e-10, atol=1e-10)
    curvature = torch.linalg.eigvalsh(torch.func.jacrev(lagrangian.activation)(currents))
    assert curvature.min() >= -1e-12 * (1 + curvature.abs().max())


@pytest.mark.parametrize("name", ["log_cosh", "quadratic", "spherical", "log_sum_exp"])
def test_a_lagrangian_of_very_large_currents_is_finite(name):
    currents = torch.tensor([3e4, -2e4, 0.0], dtype=torch.float64)
    assert LAGRANGIANS[name].value(currents).isfinite()
    assert LAGRANGIANS[name].activation(currents).isfinite().all()


def test_spherical_features_at_zero_put_out_nothing():
    assert spherical().activation(torch.zeros(1, 3)).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("features", LAGRANGIANS)
@pytest.mark.parametrize("memories", LAGRANGIANS)
@given(seed=SEEDS, tau_f=st.floats(0.1, 10), tau_h=st.floats(0.1, 10))
@settings(max_examples=max(5, settings.default.max_examples // 50))
def test_the_energy_changes_by_its_analytic_slope(features, memories, seed, tau_f, tau_h):
    """dE/dt = -tau_f v̇ᵀ(∂²L_v)v̇ - tau_h ḣᵀ(∂²L_h)ḣ, by differences against curvatures."""
    network = Network(
        features=LAGRANGIANS[features], memories=LAGRANGIANS[memories], tau_f=tau_f, tau_h=tau_h
    )
    currents, patterns = Currents(drawn(seed, 4), drawn(seed, 3)), drawn(seed, 3, 4)
    assume(currents.memories.abs().min() > 1e-4)  # a quadratic cut off at 0 has no curvature there
    assume(currents.features.abs().min() > 1e-4)
    drive = drawn(seed + 1, 4)
    moving = velocity(currents, patterns, network, drive=drive)

    def total(time):
        moved = Currents(*(x + time * dx for x, dx in zip(currents, moving, strict=True)))
        return float(energy(moved, patterns, network, drive=drive).total)

    step = 1e-5 / (1 + max(float(rate.abs().max()) for rate in moving))
    measured = (total(step) - total(-step)) / (2 * step)
    slope = 0.0
    for lagrangian, tau, x, dx in zip(
        (network.features, network.memories), (tau_f, tau_h), currents, moving, strict=True
    ):
        curvature = torch.autograd.functional.hessian(lagrangian.value, x)
        slope -= tau * float(dx @ curvature @ dx)
    # the difference of two energies loses what they have in common
    lost = 1e-14 * (1 + sum(abs(float(term)) for term in energy(currents, patterns, network)))
    assert measured == pytest.approx(slope, rel=1e-6, abs=1e-6 + lost / step)
    assert slope <= 1e-12


@trajectories
@given(
    seed=SEEDS,
    pair=st.sampled_from(FLOORED),
    log_tau=st.floats(-3, 1),
    driven=st.booleans(),
    far=st.booleans(),
)
def test_the_energy_never_rises_along_a_trajectory(seed, pair, log_tau, driven, far):
    network = Network(features=pair[0], memories=pair[1], tau_h=10**log_tau)
    ran = trajectory(
        2 * drawn(seed, 1, 5),
        drawn(seed, 4, 5),
        network,
        times=until(6.0, 40),
        drive=drawn(seed + 1, 1, 5) if driven else None,
        memories=3 * drawn(seed, 1, 4) if far else None,
    )
    height = ran.energy.total
    highest = max(float(term.abs().max()) for term in ran.energy)
    assert float(height.diff(dim=-1).max()) <= 1e-8 * (1 + highest)
    assert (height[:, -1] < height[:, 0]).all()


@given(seed=SEEDS, beta=st.floats(0.1, 50), tau_f=st.floats(0.01, 100))
def test_one_euler_step_at_rest_is_the_modern_update(seed, beta, tau_f):
    modern = Network(features=quadratic(), memories=log_sum_exp(beta), tau_f=tau_f)
    states, patterns = drawn(seed, 3, 6), drawn(seed, 5, 6)
    ours = states + tau_f * adiabatic_velocity(states, patterns, modern)
    expected = np.stack([softmax_update(state, patterns, beta) for state in states])
    np.testing.assert_allclose(ours, expected, **EXACT)


@pytest.mark.parametrize("tau_h", [1e-1, 1e-3, 1e-6])
def test_the_modern_network_ends_where_the_modern_update_does(tau_h):
    patterns = drawn(0, 6, 16) / 4
    cues = patterns + 0.1 * drawn(1, 6, 16)
    modern = Network(features=quadratic(), memories=log_sum_exp(beta=12.0), tau_h=tau_h)
    ran = trajectory(cues, patterns, modern, times=until(40.0))
    for cue, end in zip(cues, ran.end.features, strict=True):
        state = cue.numpy()
        for _ in range(500):
            state = softmax_update(state, patterns, 12.0)
        np.testing.assert_allclose(end, state, atol=1e-7)


def test_trajectories_tend_to_the_adiabatic_one_as_tau_h_vanishes():
    patterns, cue, times = drawn(0, 4, 8) / 3, drawn(1, 1, 8), until(4.0, 9)
    expected = solve_ivp(
        lambda _, v: softmax_update(v, patterns, 5.0) - v,
        (0.0, 4.0),
        cue[0].numpy(),
        t_eval=times.numpy(),
        rtol=1e-10,
        atol=1e-12,
    ).y.T
    apart = []
    for tau_h in (1e-1, 1e-2, 1e-3, 1e-4):
        modern = Network(features=quadratic(), memories=log_sum_exp(5.0), tau_h=tau_h)
        ran = trajectory(cue, patterns, modern, times=times)
        apart.append(np.abs(ran.features[0].numpy() - expected).max())
    for wider, closer in itertools.pairwise(apart):
        assert closer < wider / 8  # in proportion to tau_h
    assert apart[-1] < 1e-4


@given(seed=SEEDS)
def test_adiabatic_is_the_velocity_of_features_with_memories_at_rest(seed):
    network = Network(features=log_cosh(2.0), memories=polynomial(3), tau_f=0.3, tau_h=0.2)
    features, patterns, drive = drawn(seed, 2, 4), drawn(seed, 3, 4), drawn(seed + 1, 2, 4)
    resting = at_rest(features, patterns, network)
    moving = velocity(resting, patterns, network, drive=drive)
    alone = adiabatic_velocity(features, patterns, network, drive=drive)
    torch.testing.assert_close(alone, moving.features, **EXACT)
    assert (moving.memories == 0).all()
    terms = energy(resting, patterns, network)  # the last two are -L_h
    expected = -network.memories.value(resting.memories)
    torch.testing.assert_close(terms.memories + terms.interaction, expected, rtol=1e-9, atol=1e-9)


@trajectories
@given(seed=SEEDS, degree=st.integers(2, 4))
def test_steep_features_come_to_rest_where_dense_memory_does(seed, degree):
    patterns = binary(seed, 3, 13)  # of odd length: no overlap of signs is zero
    patterns = torch.cat([patterns, -patterns])  # so that some overlap is positive
    dense = Network(features=log_cosh(gamma=50.0), memories=polynomial(degree))
    ran = trajectory(drawn(seed, 1, 13), patterns, dense, times=until(20.0), rtol=1e-6)
    moving = velocity(ran.end, patterns, dense).features
    assert moving.abs().max() < 1e-5 * ran.end.features.abs().max()
    signs = ran.end.features[0].sign().numpy()
    np.testing.assert_array_equal(dense_step(signs, patterns.numpy(), degree), signs)


@pytest.mark.parametrize("degree", [2, 3, 5])
def test_corrupted_patterns_are_recalled_as_dense_memory_recalls_them(degree):
    patterns, flipped = binary(0, 4, 48), drawn(1, 4, 48).argsort(dim=-1)[:, :8]
    cues = patterns.scatter(1, flipped, -patterns.gather(1, flipped))
    dense = Network(features=log_cosh(gamma=20.0), memories=polynomial(degree), tau_h=0.01)
    ran = trajectory(cues, patterns, dense, times=until(20.0))
    for cue, pattern, end in zip(cues, patterns, ran.end.features, strict=True):
        retrieved = dense_retrieval(cue.numpy(), patterns.numpy(), degree)
        np.testing.assert_array_equal(end.sign(), retrieved)
        np.testing.assert_array_equal(retrieved, pattern)


@pytest.mark.parametrize("memories", [log_sum_exp(beta=20.0), exponential(beta=8.0)])
@pytest.mark.parametrize("features", [spherical(), log_cosh(gamma=20.0)])
def test_corrupted_patterns_are_recalled_by_any_of_the_sharp_networks(features, memories):
    patterns = binary(0, 5, 40) / math.sqrt(40)
    network = Network(features=features, memories=memories, tau_h=0.01)
    cues = patterns + 0.5 * drawn(1, 5, 40) / math.sqrt(40)
    assert not torch.equal(cues.sign(), patterns.sign())
    ran = trajectory(cues, patterns, network, times=until(30.0))
    assert torch.equal(ran.end.features.sign(), patterns.sign())


def test_a_drive_on_half_the_features_completes_the_rest():
    patterns = binary(0, 4, 40)
    dense = Network(features=log_cosh(gamma=20.0), memories=polynomial(3))
    drive = torch.zeros_like(patterns)
    drive[:, :20] = patterns[:, :20]
    ran = trajectory(torch.zeros_like(patterns), patterns, dense, times=until(20.0), drive=drive)
    assert torch.equal(ran.end.features.sign(), patterns)


def test_at_rest_the_modern_network_is_held_off_by_its_drive():
    patterns, drive = drawn(0, 4, 6), 0.3 * drawn(1, 1, 6)
    modern = Network(features=quadratic(), memories=log_sum_exp(beta=9.0))
    end = trajectory(patterns[:1], patterns, modern, times=until(60.0), drive=drive).end
    recalled = softmax_update(end.features[0], patterns, 9.0)
    np.testing.assert_allclose(end.features[0], recalled + drive[0].numpy(), atol=1e-7)


@given(seed=SEEDS)
@settings(max_examples=5)
def test_a_cue_ignores_its_batch_neighbours(seed):
    patterns, cues = drawn(seed, 4, 6), drawn(seed, 3, 6)
    network = Network(features=log_cosh(2.0), memories=log_sum_exp(4.0))
    options = {"patterns": patterns, "network": network, "times": until(3.0, 5)}
    together = trajectory(cues, **options)
    for row in range(3):
        alone = trajectory(cues[row : row + 1], **options)
        assert torch.equal(alone.features[0], together.features[row])
        assert torch.equal(alone.memories[0], together.memories[row])
        assert torch.equal(alone.energy.total[0], together.energy.total[row])
        assert alone.evaluations[0] == together.evaluations[row]


def test_running_on_from_where_one_stopped_is_running_through():
    patterns, cue = drawn(0, 4, 6), drawn(1, 1, 6)
    network = Network(features=log_cosh(2.0), memories=log_sum_exp(4.0), tau_h=2.0)
    through = trajectory(cue, patterns, network, times=until(6.0, 3))
    first = trajectory(cue, patterns, network, times=until(3.0)).end
    second = trajectory(
        first.features, patterns, network, times=3.0 + until(3.0), memories=first.memories
    )
    torch.testing.assert_close(through.features[:, 1], first.features, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(through.end.features, second.end.features, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(through.end.memories, second.end.memories, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("method", ["LSODA", "Radau", "BDF", "RK45", "DOP853"])
def test_every_solver_finds_the_way_of_small_steps(method):
    patterns, cue, times = drawn(0, 3, 4) / 2, drawn(1, 1, 4), until(2.0, 3)
    network = Network(features=log_cosh(2.0), memories=polynomial(3), tau_h=0.5)
    ran = trajectory(cue, patterns, network, times=times, method=method)
    v, xi, step = cue[0].numpy(), patterns.numpy(), 1e-3
    h = xi @ np.tanh(2 * v)

    def slopes(v, h):
        return np.maximum(h, 0) ** 2 @ xi - v, (xi @ np.tanh(2 * v) - h) / 0.5

    for _ in range(2000):  # the midpoint rule
        dv, dh = slopes(v, h)
        dv, dh = slopes(v + step / 2 * dv, h + step / 2 * dh)
        v, h = v + step * dv, h + step * dh
    np.testing.assert_allclose(ran.end.features[0], v, atol=1e-6)
    np.testing.assert_allclose(ran.end.memories[0], h, atol=1e-6)
    assert ran.evaluations[0] > 10


def test_a_finer_tolerance_costs_more_and_errs_less():
    patterns, cue = drawn(0, 3, 4), drawn(1, 1, 4)
    network = Network(features=log_cosh(2.0), memories=log_sum_exp(4.0))
    options = {"patterns": patterns, "network": network, "times": until(2.0)}
    best = trajectory(cue, **options, rtol=1e-12, atol=1e-13)
    fine, coarse = trajectory(cue, **options), trajectory(cue, **options, rtol=1e-3, atol=1e-4)
    missed = [(ran.end.features - best.end.features).abs().max() for ran in (fine, coarse)]
    assert missed[0] < 1e-6 < missed[1]
    assert coarse.evaluations < fine.evaluations < best.evaluations


def test_single_precision_in_is_double_precision_out_and_gradients_stay_behind():
    patterns = drawn(0, 3, 4).float().requires_grad_()
    modern = Network(features=quadratic(), memories=log_sum_exp(4.0))
    ran = trajectory(patterns, patterns, modern, times=torch.linspace(0, 1, 3))
    for values in (ran.times, ran.features, ran.memories, ran.energy.total):
        assert values.dtype == torch.float64
        assert not values.requires_grad
    assert ran.features.shape == (3, 3, 4)
    assert ran.memories.shape == (3, 3, 3)
    assert torch.equal(ran.features[:, 0], patterns.detach().double())


def test_a_lagrangian_of_ones_own_is_as_good():
    """Softplus features: the output is the logistic function."""
    softplus = torch.nn.functional.softplus
    logistic = Lagrangian("logistic", lambda x: softplus(x).sum(dim=-1), torch.sigmoid)
    network = Network(features=logistic, memories=quadratic())
    ran = trajectory(drawn(0, 1, 4), drawn(1, 3, 4) / 2, network, times=until(5.0, 20))
    assert ran.energy.total.diff(dim=-1).max() < 1e-9


def test_a_lagrangian_with_parameters_is_run_and_learned():
    gamma = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    learned = Lagrangian(
        "learned",
        lambda x: ((gamma * x).cosh().log() / gamma).sum(-1),
        lambda x: (gamma * x).tanh(),
    )
    cue, patterns = drawn(0, 1, 4), drawn(1, 3, 4)
    network = Network(features=learned, memories=quadratic())
    ran = trajectory(cue, patterns, network, times=until(1.0))
    fixed = Network(features=log_cosh(gamma=2.0), memories=quadratic())
    expected = trajectory(cue, patterns, fixed, times=until(1.0))
    torch.testing.assert_close(ran.end.features, expected.end.features, **EXACT)
    velocity(ran.end, patterns, network).memories.sum().backward()
    assert gamma.grad.abs() > 0


def test_no_cues_take_no_time():
    modern = Network(features=quadratic(), memories=log_sum_exp(4.0))
    ran = trajectory(torch.zeros(0, 4), torch.eye(4), modern, times=until(1.0))
    assert ran.features.shape == (0, 2, 4)
    assert ran.energy.total.shape == (0, 2)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"cues": torch.zeros(4)}, ShapeError, r"cues\[None\]"),
        ({"cues": torch.zeros(2, 3)}, ShapeError, r"cues are \(2, 3\).*need \(2, 4\)"),
        ({"drive": torch.zeros(1, 4)}, ShapeError, r"drive are \(1, 4\).*4 features"),
        ({"memories": torch.zeros(2, 4)}, ShapeError, r"need \(2, 3\): 3 memory units"),
        ({"patterns": torch.zeros(0, 4)}, EmptyMemoryError, "no patterns"),
        ({"cues": torch.full((2, 4), torch.nan)}, CueError, "cues hold NaN"),
        ({"drive": torch.full((2, 4), torch.inf)}, CueError, "drive hold NaN or infinity"),
        ({"memories": torch.full((2, 3), torch.nan)}, CueError, "memories hold NaN"),
        ({"patterns": torch.full((3, 4), torch.nan)}, CueError, "patterns hold NaN"),
        ({"times": torch.zeros(1)}, ConfigError, "two or more"),
        ({"times": torch.tensor([0.0, torch.inf])}, ConfigError, "finite"),
        ({"times": torch.tensor([0.0, 2.0, 2.0])}, ConfigError, "must increase"),
        ({"method": "euler"}, ConfigError, "one of LSODA.*'euler'"),
        ({"rtol": 0.0}, ConfigError, "rtol"),
        ({"rtol": torch.nan}, ConfigError, "rtol"),
        ({"atol": 0.0}, ConfigError, "atol must be positive"),
        ({"max_evaluations": 0}, ConfigError, "max_evaluations"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(changes, error, says):
    given_well = {
        "cues": torch.zeros(2, 4),
        "patterns": torch.ones(3, 4),
        "network": Network(features=quadratic(), memories=log_sum_exp(4.0)),
        "times": torch.tensor([0.0, 1.0]),
    }
    unchecked = inspect.unwrap(trajectory)  # as users call it: with no checking of shapes
    with pytest.raises(error, match=says):
        unchecked(**(given_well | changes))


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: log_cosh(gamma=0.0), "gamma must be positive"),
        (lambda: spherical(epsilon=-1.0), "epsilon"),
        (lambda: polynomial(degree=1), "degree must be at least 2"),
        (lambda: exponential(beta=math.inf), "beta"),
        (lambda: log_sum_exp(beta=math.nan), "beta"),
        (lambda: Network(features=quadratic(), memories=quadratic(), tau_f=0.0), "tau_f"),
        (lambda: Network(features=quadratic(), memories=quadratic(), tau_h=-1.0), "tau_h"),
    ],
)
def test_settings_out_of_range_are_refused(made, says):
    with pytest.raises(ConfigError, match=says):
        made()


@pytest.mark.parametrize("method", ["LSODA", "Radau", "BDF", "RK45", "DOP853"])
@pytest.mark.parametrize("memories", [polynomial(degree=3), exponential()])
def test_a_cue_that_runs_away_is_named(memories, method):
    endless = Network(features=quadratic(), memories=memories)
    cues = torch.tensor([[-1.0, -1.0], [30.0, 30.0]])
    with pytest.raises(DivergedError, match=r"cue 1: .*no floor"):
        trajectory(
            cues, torch.eye(2) / 2, endless, times=until(5.0), method=method, max_evaluations=1500
        )


def test_a_solver_unfit_for_stiff_units_is_stopped():
    stiff = Network(features=quadratic(), memories=log_sum_exp(4.0), tau_h=1e-6)
    options = {"times": until(10.0), "max_evaluations": 2000}
    with pytest.raises(DivergedError, match=r"2000 evaluations .* use LSODA"):
        trajectory(torch.ones(1, 3), torch.eye(3), stiff, method="RK45", **options)
    assert trajectory(torch.ones(1, 3), torch.eye(3), stiff, **options).evaluations < 2000


def test_the_names_of_lagrangians_say_what_they_are():
    for lagrangian in LAGRANGIANS.values():
        assert lagrangian.name.split("(")[0] in vars(dynamics)
