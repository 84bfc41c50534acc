"""The solved circle: its symmetries, its optimum, its limits, and networks held against it."""

import numpy as np
import pytest
import torch
from samples import check_frames, check_inside
from scipy.optimize import minimize

from modadd import ModularAddition, TrainingConfig, model, theory, train
from modadd.chapters import n13_the_circle_solved as chapter
from modadd.model import Parameters
from modadd.plots.palette import PAPER, STYLES

TASKS = {n: ModularAddition(n) for n in (5, 17)}
STRONG = [(5, 0.02), (17, 0.003), (17, 0.03)]


def losses(network: Parameters, decay: float, bias_scale: float = 1.0) -> tuple[float, float]:
    """Cross-entropy, and with the decay's share, as `model` defines them."""
    task = TASKS[len(network.embeddings)]
    weights = torch.tensor(model.pair_weights(task, np.ones(len(task.pairs), bool)))
    tensors = network.map(torch.as_tensor)
    entropy = model.loss(tensors, task, weights, bias_scale=bias_scale).item()
    return entropy, entropy + decay / 2 * sum(float((a**2).sum()) for a in network)


@pytest.mark.parametrize(("n", "decay"), STRONG)
def test_losses_are_those_of_the_network_it_speaks_of(n, decay):
    found = theory.circle(n, decay)
    for frequency, hidden, beta in ((1, 2 * n, 1.0), (2, 2 * n + 3, 0.0), (n - 1, 64, 4.0)):
        network = theory.network(found, hidden, frequency)
        entropy, whole = losses(network, decay, beta)
        assert entropy == pytest.approx(found.cross_entropy, abs=1e-12)
        assert whole == pytest.approx(found.loss, abs=1e-9)
        squares = [(a**2).sum() for a in network]
        expected = [found.squared_norm, found.squared_norm, 0, found.squared_norm, 0]
        np.testing.assert_allclose(squares, expected, rtol=1e-9)
    assert found.weight_decay == pytest.approx(decay, rel=1e-9)


@pytest.mark.parametrize(("n", "decay"), STRONG)
def test_no_direction_leads_down_from_it(n, decay):
    # Its pair sums lie on kinks: the loss has slopes to both sides, and none may be negative.
    found = theory.circle(n, decay)
    start = theory.network(found, 2 * n)
    _, least = losses(start, decay)
    rng = np.random.default_rng(n)
    for size in np.repeat([1e-3, 1e-4], 20):
        moves = (size * rng.standard_normal(a.shape) / np.sqrt(a.size) for a in start)
        moved = Parameters(*(a + move for a, move in zip(start, moves)))
        assert losses(moved, decay)[1] > least - size * 1e-5


def test_gradient_of_the_reduced_problem_is_that_of_finite_differences():
    # U(R, v) of the derivation, written out from the definition and not from the fit.
    def whole(R, v, decay):
        n, k = len(v), np.arange(len(v))
        sine = np.abs(np.sin(np.pi * (k[:, None] - k) / n))
        z = R * 2 * np.abs(np.cos(np.pi * k / n))[:, None] * (sine @ v)
        entropy = (np.log(np.exp(z).sum(-1)) - z[:, 0]).mean()
        return entropy + decay * (n * R**2 / 2 + 2 * n * np.linalg.norm(v))

    for n, decay in STRONG:
        found = theory.circle(n, decay)
        assert whole(found.radius, found.profile, decay) == pytest.approx(found.loss, abs=1e-12)
        point = np.r_[found.radius, found.profile]
        for step in 1e-5 * np.eye(n + 1):
            high, low = (whole(p[0], p[1:], decay) for p in (point + step, point - step))
            assert abs(high - low) / 2e-5 < 1e-8


@pytest.mark.parametrize(("n", "decay"), [(7, 0.02), (11, 0.01), (17, 0.028)])
def test_optimum_is_found_from_many_starts_with_free_offsets(n, decay):
    """Any axes, each with any profile: no start ends below the circle with half offsets."""
    found = theory.circle(n, decay)
    k, axes = np.arange(n), 3
    d = 2 * np.abs(np.cos(np.pi * k / n))

    def whole(parameters):
        x = torch.tensor(parameters, requires_grad=True)
        R, places, v = x[0], x[1 : 1 + axes], x[1 + axes :].reshape(axes, n)
        # Axes at `places` and their images: label k sees the m-th at the angle π(k − m − place)/N.
        angle = np.pi * (torch.tensor(k[:, None] - k)[None] - places[:, None, None]) / n
        z = R * torch.tensor(d)[:, None] * torch.einsum("okm,om->k", torch.cos(angle).abs(), v)
        entropy = (torch.logsumexp(z, -1) - z[:, 0]).mean()
        size = torch.sqrt((v**2).sum(-1) + 1e-14).sum()
        value = entropy + decay * (n * R**2 / 2 + 2 * n * size)
        (gradient,) = torch.autograd.grad(value, x)
        return value.item(), gradient.numpy()

    rng, ends = np.random.default_rng(1), []
    for _ in range(4):
        start = np.r_[2.0, rng.uniform(0, 1, axes), 0.3 * rng.standard_normal(axes * n)]
        ends.append(
            minimize(whole, start, jac=True, method="L-BFGS-B", options={"maxiter": 3000}).fun
        )
    known = min(found.loss, np.log(n))  # knowing nothing is a minimum, too
    assert min(ends) > known - 1e-6
    if decay < 0.02:
        assert min(ends) == pytest.approx(found.loss, abs=1e-4)


@pytest.mark.parametrize("n", [5, 7, 17, 59, 199])
def test_profile_and_positions_have_the_symmetry_of_the_circle(n):
    found = theory.circle(n, 0.3 * theory.critical_decay(n).ends)
    np.testing.assert_allclose(found.profile[1:], found.profile[:0:-1], atol=1e-12)
    assert found.profile.argmin() == 0
    assert abs(found.profile.sum()) < 1e-9  # what is common to all labels would cost and not count
    places = found.positions * n / np.pi
    np.testing.assert_allclose(places % 1, 0.5, atol=1e-9)
    assert 2 * np.linalg.norm(found.profile) == pytest.approx(found.radius**2)


@pytest.mark.parametrize("n", [5, 7, 17, 59, 199])
def test_branch_rises_to_its_end_and_falls(n):
    limits, curve = theory.critical_decay(n), theory.branch(n)
    assert (np.diff(curve.radius) > 0).all()
    rises = np.diff(curve.weight_decay) > 0
    assert rises[0] and not rises[-1] and np.diff(rises).sum() == 1
    assert curve.weight_decay.max() <= limits.ends * (1 + 1e-9)
    assert curve.stable.sum() and not curve.stable[0]
    assert 0.8 < limits.pays / limits.ends < 0.9
    pays = theory.circle(n, limits.pays)
    assert pays.loss == pytest.approx(np.log(n), abs=1e-8)


def test_limits_of_small_and_of_critical_decay():
    radii = [theory.circle(17, d).radius for d in (1e-6, 1e-4, 1e-2)]
    assert radii == sorted(radii, reverse=True)
    assert theory.circle(17, 1e-6).cross_entropy < 1e-3
    limits = theory.critical_decay(17)
    assert theory.circle(17, limits.ends * (1 - 1e-6)).radius == pytest.approx(
        limits.radius, rel=0.01
    )
    # Near a fold the radius leaves as the root of the distance.
    away = [theory.circle(17, limits.ends * (1 - e)).radius - limits.radius for e in (1e-4, 4e-4)]
    assert away[1] / away[0] == pytest.approx(2, rel=0.02)


def test_many_tokens_scale():
    few, many = theory.critical_decay(99), theory.critical_decay(199)
    assert few.ends / many.ends == pytest.approx((199 / 99) ** (2 / 3), rel=1e-3)
    assert few.radius / many.radius == pytest.approx((199 / 99) ** (1 / 6), rel=1e-3)


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_no_hidden_unit_would_earn_more(beta):
    for decay in (0.003, 0.01, 0.03):
        assert theory.certificate(theory.circle(17, decay), beta) == pytest.approx(1, abs=1e-6)
    # There the sides of an axis differ.
    assert theory.certificate(theory.circle(17, 3e-4), beta) > 2


def test_simplest_guess_is_near_and_ends_sooner():
    sizes = np.geomspace(0.2, 60, 400)
    decay = chapter.simplest(17, sizes)
    assert decay.max() < 0.9 * theory.critical_decay(17).ends
    sharp = np.interp(0.003, decay[:200:-1], np.cbrt(sizes[:200:-1]))
    assert sharp == pytest.approx(theory.circle(17, 0.003).radius, rel=0.02)


def test_freedom_of_the_two_sides_never_costs_and_matters_at_small_decay():
    for n, share in ((7, 0.01), (7, 0.1), (11, 0.03), (17, 0.01), (17, 0.3)):
        known = theory.circle(n, share * theory.critical_decay(n).ends)
        radius, loss = chapter.two_sided(n, known.weight_decay)
        assert loss < known.loss * (1 + 1e-6)
        if share == 0.3:
            assert (radius, loss) == pytest.approx((known.radius, known.loss), rel=1e-4)
        else:
            assert loss < 0.98 * known.loss


def test_what_has_no_circle_is_told_why():
    with pytest.raises(ValueError, match="modulus must be odd"):
        theory.circle(16, 0.01)
    with pytest.raises(ValueError, match="weight_decay must be below 0.030198, where circles of"):
        theory.circle(17, 0.031)
    with pytest.raises(ValueError, match="frequency must be without a factor in common with 15"):
        theory.network(theory.circle(15, 0.01), 30, 6)


# --- networks ------------------------------------------------------------------------------------


def test_units_of_a_computed_network_are_found_where_it_put_them():
    found = theory.circle(17, 0.003)
    nets = [theory.network(found, 34, k) for k in (1, 3, 14)]
    flipped = nets[0]._replace(embeddings=nets[0].embeddings * [1, -1], w1=nets[0].w1 * [[1], [-1]])
    start = Parameters(*(np.stack(a) for a in zip(*nets, flipped)))
    config = TrainingConfig(17, 34, steps=0, weight_decay=0.003)
    options = {"snapshots": [0], "keep_parameters": True, "progress": False, "cache": False}
    run = train(config, range(4), initial_parameters=start, **options)
    units = chapter.units(run)
    np.testing.assert_allclose(units.place % 1, 0.5, atol=1e-4)
    expected = found.profile / np.linalg.norm(found.profile)
    np.testing.assert_allclose(units.profile, np.broadcast_to(expected, (136, 17)), atol=1e-4)
    assert chapter.oddness(run) < 1e-5
    assert chapter.regularised_loss(run)[0] == pytest.approx([found.loss] * 4, rel=1e-5)


@pytest.mark.parametrize(
    ("beta", "changes"), [(0.0, {}), (0.5, {"train_share": 0.5}), (2.0, {"label_smoothing": 0.3})]
)
def test_two_differences_decay_alike_whatever_the_loss(beta, changes):
    rate, decay = 0.01, 0.1
    plain = {"momentum": 0.0, "learning_rate": rate, "weight_decay": decay}
    config = TrainingConfig(
        7, 16, 800, readout_init="standard", bias_scale=beta, **plain, **changes
    )
    run = train(config, [13000], snapshots=9, keep_parameters=True, progress=False)
    found = chapter.motion(run)
    assert found.time[-1] == pytest.approx(0.8)
    assert chapter.departure(found) < 0.01
    wrong = found._replace(time=1.1 * found.time)
    assert chapter.departure(wrong) > 0.02


def test_figures_hold_what_they_are_given():
    config = TrainingConfig(7, 16, 400, weight_decay=0.03, optimiser="adam", learning_rate=0.01)
    options = {"snapshots": [400], "keep_parameters": True, "progress": False}
    start = np.stack([chapter.ring(7, k, 1.5) for k in (1, 2)])
    run = train(config, [13000, 13001], initial_embeddings=start, **options)
    ramp = chapter.turn_up(run, [0.04, 0.05, 0.07], patience=20)
    assert ramp.alive.tolist() == [[True, True], [True, True], [False, False]]
    falling = chapter.go_on(run, 0.06, 60, snapshots=[0, 30])
    below = chapter.Ramp(*(a[:2] for a in ramp[:-1]), run)
    figure = chapter.letting_go(below, falling)
    steps = [f"beyond, step {t}" for t in (0, 30, 60)]
    check_frames(figure, ["λ = 0.0400", "λ = 0.0500", *steps])
    figures = [figure, chapter.unit_figure(chapter.units(run), theory.circle(7, 0.03))]
    held = chapter.Ramp(*(np.resize(a, (8, *np.shape(a)[1:])) for a in ramp[:-1]), run)
    figures.append(chapter.survival_figure({"a": held}))
    filled = figures[-1].data[0].marker.color
    assert list(filled[:2]) == [PAPER, STYLES["circle"].color]  # holds 2, 0, 1 … of the three
    ends = {n: theory.critical_decay(n) for n in (5, 7, 9)}
    figures.append(chapter.scaling_figure(ends, {7: ramp}))
    figures.append(chapter.certificate_figure({7: [(0.02, 1.05), (0.05, 1.0)]}))
    losses = {b: (np.array([1.0, 1.1]), np.array([2.0 - b])) for b in (0.5, 1.0)}
    figures.append(chapter.levels_figure(losses))
    kinds = {"before": np.array(["circle", "grid"]), "after": np.array(["circle", "circle"])}
    figures.append(chapter.schedules_figure(kinds, {0.3: np.ones(4, bool), 0.7: np.zeros(4, bool)}))
    bars = [t.x[0] for t in figures[-1].data if t.type == "bar"]
    assert bars == [0.5, 0.5, 0, 0, 0, 1, 0, 0, 0, 0]
    for figure in figures:
        check_inside(figure)
