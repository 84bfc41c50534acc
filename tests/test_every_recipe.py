"""One law, every recipe: its measures against known cases, and what its figures draw."""

import numpy as np
import pytest
from samples import check_inside, lattice, noise, ring, turned

from modadd import TrainingConfig, forecasts
from modadd.chapters import n12_one_law_every_recipe as chapter


def test_recipes_differ_from_the_default_in_what_is_turned():
    found = chapter.turned("rate", 9, learning_rate=[0.1, 0.2], momentum=[0.5, 0.9])
    assert [r.config.learning_rate for r in found] == [0.1, 0.2]
    assert [chapter.words(r) for r in found] == [
        "learning rate 0.1, momentum 0.5",
        "learning rate 0.2",
    ]
    assert chapter.words(chapter.Recipe("default", TrainingConfig())) == "the default recipe"


def test_drawn_recipes_vary_all_knobs_and_keep_what_was_drawn():
    found = [recipe.config for recipe in chapter.drawn(20, 50)]
    assert found[:5] == [recipe.config for recipe in chapter.drawn(5, 50)]
    for field in ("modulus", "hidden", "bias_scale", "embedding_scale", "weight_decay"):
        assert len({getattr(config, field) for config in found}) > 2
    assert {config.steps for config in found} == {50}


def test_details_name_frequency_and_steps():
    grid = lattice(25, 5, ((0, 1.3), (1, 0)))
    found = chapter.details(np.stack([ring(25, 3), grid, noise(25)]))
    assert found.tolist() == ["circle 3", "grid 1 5", "other"]
    assert chapter.kind(found).tolist() == ["circle", "grid", "other"]
    assert chapter.usual_steps(np.array([["grid 1 5", "grid 1 4", "grid 1 5"]])) == "1 5"


def test_a_vote_goes_to_most_and_a_tie_to_the_first():
    kinds = np.array([["a", "b", "a"], ["b", "b", "c"], ["b", "a", "b"], ["a", "c", "d"]])
    assert chapter.vote(kinds).tolist() == ["a", "b", "a"]


def test_regression_finds_what_a_feature_tells_and_nothing_where_there_is_nothing():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((400, 5))
    circles = features[:, 2] + 0.5 * rng.standard_normal((3, 400)) > 0
    told = chapter.ranking(chapter.regression(features, circles), circles[0])
    assert told > 0.9
    coins = rng.random((3, 400)) < 0.5
    assert abs(chapter.ranking(chapter.regression(features, coins), coins[0]) - 0.5) < 0.1


def test_ranking_counts_ties_as_half():
    circles = np.array([True, True, False, False])
    assert chapter.ranking(np.zeros(4), circles) == 0.5
    assert chapter.ranking(np.array([1, 0, 1, 0]), circles) == 0.5
    assert chapter.ranking(np.ones(4), np.ones(4, bool)) == 0.5


def test_features_do_not_see_where_a_start_lies_or_how_it_is_turned():
    E = noise(4, 17)
    moved = E @ turned(0.9, mirrored=False) + [3, -2]
    np.testing.assert_allclose(chapter.features_of(E), chapter.features_of(moved), atol=1e-9)
    assert chapter.features_of(E).shape == (4, 5)


def test_an_answer_is_held_against_each_network():
    five = np.array([["circle 1", "grid 3 5"], ["circle 2", "grid 3 5"]])
    found = chapter.read(five, [five[0], five[0]], [[1, 0], [1, 0]])
    assert found.kind.mean == 1
    assert found.detail.mean == 0.75
    assert found.circle == 1
    figure = chapter.readings({"a": found})
    assert [t.x[0] for t in figure.data if t.mode == "markers"] == [1, 0.75]
    check_inside(figure)


@pytest.mark.parametrize("count", [1, 6])
def test_figures_show_every_recipe(count):
    recipes = [*chapter.turned("default", 9, modulus=[17])]
    recipes += chapter.turned("width", 9, hidden=[16, 32, 128, 256, 512][: count - 1])
    rng = np.random.default_rng(3)
    kinds, other = rng.choice(["circle", "grid", "other"], (2, count, 8))
    others = {"law": other, "again": kinds}
    found = {k: forecasts.agreements(kinds, others, "again", k) for k in ("circle", "grid")}
    figure = chapter.over_all(recipes, kinds, others, found)
    marks = [t for t in figure.data if t.mode == "markers"]
    assert sum(len(t.x) for t in marks) == 4 * count
    check_inside(figure)
    figure = chapter.knob_by_knob(recipes, kinds, other, {"width": "hidden"})
    np.testing.assert_allclose(figure.data[0].y[0], (kinds == "circle").mean(-1)[1 % count])
    check_inside(figure)
