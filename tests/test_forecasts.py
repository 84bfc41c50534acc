"""Forecasts are held against networks: on shares that are known, and draw by draw."""

import numpy as np
import pytest
from samples import a_run, lattice, noise, ring

from modadd import TrainingConfig, forecasts, particles, train


@pytest.fixture
def kinds() -> np.ndarray:
    rng = np.random.default_rng(0)
    circles = rng.random((12, 30)) < np.linspace(0, 1, 12)[:, None]
    return np.where(circles, "circle", "grid")


def test_kinds_are_coarse_and_one_row_a_run():
    stripe = lattice(16, 8)
    runs = [a_run(np.stack([E, ring(16, 3), noise(16)])[None]) for E in (stripe, stripe)]
    assert forecasts.kinds_of(runs).tolist() == [["grid", "circle", "other"]] * 2


def test_a_forecast_without_error_is_the_ceiling(kinds):
    (found,) = forecasts.agreements(kinds, {"same": kinds}, "same").values()
    assert found.pearson.mean == pytest.approx(1)
    assert (found.behind, found.rms, found.excess) == ((0, 0, 0), 0, (0, 0, 0))
    assert found.same_kind == (1, 1, 1)


def test_too_many_circles_are_an_excess_and_no_loss_of_correlation(kinds):
    more = kinds.copy()
    more[:, :6] = "circle"
    found = forecasts.agreements(kinds, {"same": kinds, "more": more}, "same")["more"]
    assert found.excess.mean == pytest.approx((kinds[:, :6] == "grid").sum() / kinds.size)
    assert found.excess.low > 0
    assert found.behind.mean == pytest.approx(1 - found.pearson.mean)
    assert found.same_kind.mean == pytest.approx((more == kinds).mean())
    lattices = forecasts.agreements(kinds, {"more": more}, "more", "grid")["more"]
    assert lattices.excess.mean == pytest.approx(-found.excess.mean)


def test_kinds_of_other_starts_agree_less(kinds):
    other = forecasts.same_kind(kinds, np.roll(kinds, 1, axis=1))
    assert other.high < forecasts.same_kind(kinds, kinds).low


def test_a_plane_that_fits_has_the_correlation_of_its_residuals(kinds):
    shares = (kinds == "circle").mean(1)
    found = forecasts.fitted(kinds, np.arange(12)[:, None])
    assert found.mean == pytest.approx(abs(np.corrcoef(shares, np.arange(12))[0, 1]))


def test_many_recipes_are_run_behind_one_bar(capsys):
    configs = [TrainingConfig(5, 8, steps=20, bias_scale=b, train_share=0.9) for b in (0, 1)]
    networks = [train(config, [3, 4], snapshots=2, progress=False) for config in configs]
    starts = [run.embeddings[0] for run in networks]
    twins = forecasts.twins(configs, starts, [7, 8])
    laws = forecasts.laws(configs, starts, [3, 4], "isotropic", pace=0.0)
    quiet = {"snapshots": 2, "progress": False}
    for i, config in enumerate(configs):
        np.testing.assert_array_equal(twins[i].embeddings[0], starts[i])
        given = {"features": "isotropic", "pace": 0.0, "seeds": [3, 4]}
        law = particles.field(starts[i], config, **given, **quiet)
        np.testing.assert_array_equal(laws[i].final, law.final)
    assert "seed" not in capsys.readouterr().err  # the recipes have the bar, not their seeds
