"""Figures of the recipes show the data they are given."""

import numpy as np
import pytest
from samples import noise, ring

from modadd import structure
from modadd.chapters.n11_optimisers import one_start, recipes


@pytest.fixture
def finals():
    return {"rings": ring(17) + 0.01 * noise(5, 17), "noise": noise(5, 17, seed=1)}


def test_census_and_agreement_of_each_recipe(finals):
    figure = recipes(finals, finals["rings"], {"floor": np.full(5, 0.3)})
    assert figure.layout.width <= 800
    marks = [t for t in figure.data if t.hovertemplate and "rings, circle: 100%" in t.hovertemplate]
    assert list(marks[0].x) == [1.0]
    strips = [t for t in figure.data if t.mode == "markers" and len(t.x) == 5]
    np.testing.assert_allclose(
        strips[1].x, structure.procrustes_r2(finals["noise"], finals["rings"])
    )
    assert any(list(t.x[:2]) == [0.3, 0.3] for t in figure.data if t.mode == "lines")


def test_ends_are_turned_onto_the_default(finals):
    E = finals["rings"][0]
    turned = 3 * E[:, ::-1] + 5
    figure = one_start({"default": E, "turned": turned}, "default")
    first, second = (t for t in figure.data if t.mode == "markers+text")
    np.testing.assert_allclose(first.x, second.x, atol=1e-9)
    np.testing.assert_allclose(first.y, second.y, atol=1e-9)
    assert any("R² 1.00" in note.text for note in figure.layout.annotations)


def test_one_recipe_of_one_seed(finals):
    alone = finals["rings"][:1]
    figure = recipes({"rings": alone}, alone, {})
    (census,) = (t for t in figure.data if "rings, circle: 100%" in (t.hovertemplate or ""))
    assert list(census.x) == [1.0]
    assert any(t.mode == "markers" and np.allclose(t.x, [1.0]) for t in figure.data if t != census)
    (start,) = (
        t for t in one_start({"default": alone[0]}, "default").data if t.mode == "markers+text"
    )
    assert len(start.x) == 17
