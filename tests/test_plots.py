"""Colours by measurement, figures against the data they show, files whole and repeatable."""

import base64
import functools
import json
import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from samples import ring

from modadd import ModularAddition, TrainingConfig, intervals, model, plots, structure
from modadd.chapters import n01_the_model, n02_grids_and_circles
from modadd.plots import export, palette, panels, traces
from modadd.training import train

N = 17
TASK = ModularAddition(N)

# Machado, Oliveira and Fernandes 2009, full severity, on linear RGB, row after row
VISION = {
    "normal": [1, 0, 0, 0, 1, 0, 0, 0, 1],
    "protan": [
        *(0.152286, 1.052583, -0.204868),
        *(0.114503, 0.786281, 0.099216),
        *(-0.003882, -0.048116, 1.051998),
    ],
    "deutan": [
        *(0.367322, 0.860646, -0.227968),
        *(0.280085, 0.672501, 0.047413),
        *(-0.011820, 0.042940, 0.968881),
    ],
    "tritan": [
        *(1.255528, -0.076749, -0.178779),
        *(-0.078411, 0.930809, 0.147602),
        *(0.004733, 0.691367, 0.303900),
    ],
}
# From linear RGB to OKLab (Ottosson 2020): one matrix, cube roots, another
TO_LMS = [
    *(0.4122214708, 0.5363325363, 0.0514459929),
    *(0.2119034982, 0.6806995451, 0.1073969566),
    *(0.0883024619, 0.2817188376, 0.6299787005),
]
TO_LAB = [
    *(0.2104542553, 0.7936177850, -0.0040720468),
    *(1.9779984951, -2.4285922050, 0.4505937099),
    *(0.0259040371, 0.7827717662, -0.8086757660),
]


@pytest.fixture(scope="module")
def run():
    config = TrainingConfig(steps=300, train_share=0.8)
    return train(config, [3, 9], snapshots=12, keep_parameters=True, cache=False, progress=False)


@pytest.fixture(autouse=True)
def light():
    yield
    palette.theme("light")


def seen(colors, vision: str) -> np.ndarray:
    """OKLab of hex colours as such a viewer sees them, (C, 3)."""
    c = np.array([list(bytes.fromhex(color[1:])) for color in colors]) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    seen, to_lms, to_lab = (np.reshape(m, (3, 3)).T for m in (VISION[vision], TO_LMS, TO_LAB))
    return np.cbrt(np.clip(linear @ seen, 0, 1) @ to_lms) @ to_lab


def differences(colors, vision: str) -> np.ndarray:
    lab = seen(colors, vision)
    return np.linalg.norm(lab[:, None] - lab, axis=-1)


# Colours


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("modulus", [12, 17, 59])
def test_token_colours_differ_as_tokens_do(vision, modulus):
    apart = differences(palette.token_colors(modulus), vision)
    a = np.arange(modulus)
    steps = np.minimum((a[:, None] - a) % modulus, (a - a[:, None]) % modulus)
    mean = [apart[steps == d].mean() for d in range(modulus // 2 + 1)]
    assert (np.diff(mean) > 0).all()  # farther on the cycle, farther in colour
    assert apart[steps >= modulus / 4].min() > 0.15
    neighbours = apart[steps == 1]
    assert neighbours.max() < 3.5 * neighbours.min()  # no jump, also from N - 1 to 0


@pytest.mark.parametrize("name", palette.THEMES)
def test_tokens_stand_out_from_the_paper_and_their_numbers_from_them(name):
    theme = palette.theme(name)
    (discs,) = traces.embeddings(np.zeros((59, 2)))
    for color, rim, text in zip(
        discs.marker.color, discs.marker.line.color, discs.textfont.color, strict=True
    ):
        assert palette.contrast(rim, theme.paper) >= 3
        assert palette.contrast(text, color) >= 4
    for style in palette.STYLES.values():
        assert palette.contrast(style.color, theme.paper) >= 3
    assert palette.contrast(theme.ink, theme.paper) >= 7
    assert palette.contrast(theme.muted, theme.paper) >= 4.5


@pytest.mark.parametrize(
    "group",
    [structure.KINDS, ("training", "validation"), ("measured", "clustering", "alignment")],
)
def test_what_is_compared_differs_in_colour_symbol_and_dash(group):
    styles = [palette.STYLES[name] for name in group]
    for vision in VISION:
        apart = differences([style.color for style in styles], vision)
        assert apart[~np.eye(len(styles), dtype=bool)].min() > 0.075
    assert len({style.symbol for style in styles}) == len(styles)
    assert len({style.dash for style in styles}) == len(styles)


def test_a_theme_is_a_word_of_two():
    with pytest.raises(ValueError, match="name must be one of light, dark, got 'sepia'"):
        palette.theme("sepia")
    palette.theme("dark")
    figure, _ = panels.sheet(100, [])
    assert figure.layout.template.layout.paper_bgcolor == palette.THEMES["dark"].paper


# Figures against their data


def named(figure, name: str) -> list:
    return [trace for trace in figure.data if trace.name == name]


def xy(trace) -> np.ndarray:
    return np.stack([trace.x, trace.y], -1).astype(float)


def test_a_pair_sum_has_its_labels_colour_and_a_token_its_own():
    E = np.random.default_rng(0).normal(size=(N, 2))
    (discs,), (sums, wrong) = traces.embeddings(E), traces.pair_sums(E)
    np.testing.assert_array_equal(xy(discs), E)
    assert list(discs.text) == [str(a) for a in range(N)]
    np.testing.assert_allclose(xy(sums), TASK.pair_sums(E))
    assert len(wrong.x) == 0
    for (a, b, label), color in zip(sums.customdata, sums.marker.color, strict=True):
        assert label == (a + b) % N
        assert color == discs.marker.color[label]


def test_story_shows_the_chosen_steps_and_marks_the_wrong_pairs(run):
    figure = n01_the_model.training_story(run, 9, [0, 120, 300])
    one, chosen = run.select(9), [run.nearest(step) for step in (0, 120, 300)]
    discs = list(figure.select_traces({"mode": "markers+text"}))
    for trace, t in zip(discs, chosen, strict=True):
        np.testing.assert_array_equal(xy(trace), one.embeddings[t, 0])
    weights, held_out = TASK.multiplicity, ~TASK.training_pairs(0.8, 9)
    names = ("right", "wrong", "held out, right", "held out, wrong")
    for *parts, t in zip(*(named(figure, name) for name in names), chosen, strict=True):
        pairs = [{tuple(pair) for pair in part.customdata[:, :2].tolist()} for part in parts]
        assert sum(map(len, pairs)) == len(TASK.pairs)
        assert pairs[2] | pairs[3] == {tuple(pair) for pair in TASK.pairs[held_out].tolist()}
        failed = pairs[1] | pairs[3]
        missed = np.array([tuple(pair) in failed for pair in TASK.pairs.tolist()])
        for pairs_, accuracy in ((~held_out, one.accuracy), (held_out, one.validation_accuracy)):
            share = 1 - (weights * missed)[pairs_].sum() / weights[pairs_].sum()
            assert share == pytest.approx(accuracy[t, 0], abs=1e-6)
        assert parts[1].marker.line.width > parts[0].marker.line.width
        assert parts[2].marker.color == palette.theme().paper
    text = {note.text for note in figure.layout.annotations}
    assert {f"step {run.steps[t]}" for t in chosen} < text
    (loss,) = named(figure, "loss")
    np.testing.assert_array_equal(loss.y, one.loss[:, 0])
    np.testing.assert_array_equal(loss.customdata, run.steps)


def test_figures_over_regions_need_all_parameters(run):
    bare = replace(run, parameters=None)
    with pytest.raises(ValueError, match="keep_parameters=True"):
        n01_the_model.training_story(bare, 9, [0])
    with pytest.raises(ValueError, match="seeds must be among those of the run, got 4"):
        n01_the_model.training_story(run, 4, [0])


def decode(image: bytes) -> np.ndarray:
    """Colours (Y, X, 3) of an indexed PNG without filters."""
    chunks, at = {}, 8
    while at < len(image):
        (length,) = struct.unpack(">I", image[at : at + 4])
        kind, body = image[at + 4 : at + 8], image[at + 8 : at + 8 + length]
        assert image[at + 8 + length : at + 12 + length] == struct.pack(
            ">I", zlib.crc32(kind + body)
        )
        chunks[kind], at = body, at + 12 + length
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()
    return np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)[rows[:, 1:]]


def test_regions_are_the_networks_own(run):
    parameters = run.parameters.map(lambda array: array[-1, 0])
    (trace,) = traces.regions(parameters, 4.0, resolution=50)
    picture = decode(base64.b64decode(trace.source.split(",")[1]))
    at = trace.x0 + trace.dx * np.arange(50)
    assert at[0] == pytest.approx(-4 + 4 / 50)
    assert at[-1] == pytest.approx(4 - 4 / 50)
    labels = model.regions(parameters, at, at)  # the first row is the lowest y, as plotly draws it
    assert len(np.unique(labels)) > 5
    colors = palette.token_colors(N)
    for label in np.unique(labels):
        pale = palette.blend(colors[label], palette.theme().paper, 0.62)
        assert (picture[labels == label] == list(bytes.fromhex(pale[1:]))).all()


def lattice() -> np.ndarray:
    """17 tokens on a patch of a lattice with steps 1 and 4."""
    i, j = np.divmod(np.arange(N), 4)
    return np.stack([i + 0.2 * j, 1.1 * j], -1)


@pytest.mark.parametrize(("k", "modulus"), [(1, 17), (5, 17), (4, 12), (3, 12)])
def test_bonds_of_a_circle_join_neighbours(k, modulus):
    E = ring(modulus, k)
    joined = traces.bonds(E)
    side = 2 * np.sin(np.pi * np.gcd(k, modulus) / modulus)
    np.testing.assert_allclose(np.linalg.norm(E[joined[:, 0]] - E[joined[:, 1]], axis=-1), side)
    assert set(joined.ravel()) == set(range(modulus))


def test_bonds_of_a_grid_are_its_lattice_vectors_and_noise_has_few():
    E = lattice()
    joined = traces.bonds(E)
    assert {(b - a) % N for a, b in joined.tolist()} == {1, 4}
    assert len(joined) == 12 + 13  # rows of four, and columns, one of them with a fifth token
    noise = np.random.default_rng(1).normal(size=(N, 2))
    assert len(traces.bonds(noise)) < len(joined) / 2


def test_no_token_of_a_trained_grid_is_left_without_a_bond(run):
    for E in run.final[structure.grid(run.final).score > structure.GRID_SCORE]:
        joined = np.flatnonzero(structure.grid(E).joined)
        assert set(joined) == set(traces.bonds(E).ravel())


def test_clumps_of_a_grid_carry_one_label_each():
    (trace,) = traces.clumps(lattice())
    assert sum(trace.customdata) == N**2  # every ordered pair is in one
    x, label = xy(trace), np.array(trace.text, int)
    apart = np.linalg.norm(x[:, None] - x, axis=-1) + 9 * np.eye(len(x))
    assert apart.min() > 0.9
    assert len(x) > N  # a label has several lattice points
    colors = palette.token_colors(N)
    assert list(trace.marker.color) == [colors[y] for y in label]


def test_lines_of_a_circle_pass_through_their_labels_pair_sums():
    E = ring(N, 3)
    for y, line in zip((2, 7), traces.axes_of_labels(E, lines=(2, 7)), strict=False):
        start, end = xy(line)[:2]
        normal = np.array([[0, 1], [-1, 0]]) @ (end - start)
        on_line = TASK.pair_sums(E)[TASK.labels == y] @ normal
        np.testing.assert_allclose(on_line, 0, atol=1e-9)
        np.testing.assert_allclose(start, -end)
        assert line.line.color == palette.token_colors(N)[y]


def test_gallery_is_sorted_by_kind_and_keeps_shapes():
    noise = np.random.default_rng(1).normal(size=(N, 2))
    given = np.stack([noise, 3 * lattice() + 5, ring(N, 4)])
    figure = plots.gallery(given)
    titles = [note.text for note in figure.layout.annotations]
    assert ["circle" in titles[0], "grid" in titles[1], "other" in titles[2]] == [True] * 3
    drawn = [xy(trace) for trace in figure.data if trace.mode == "markers+text"]
    agreement = structure.procrustes_r2(np.stack(drawn), given[::-1])
    np.testing.assert_allclose(agreement, 1)
    assert np.abs(drawn).max() == pytest.approx(1)


def test_census_bars_draw_the_wilson_intervals_of_their_data():
    kinds = np.array(["circle"] * 5 + ["grid"] * 12 + ["other"] * 3)
    values = np.linspace(0, 1, 20)
    figure = n02_grids_and_circles.census_bars(kinds, accuracy=values)
    for kind in structure.KINDS:
        mark = next(t for t in named(figure, kind) if t.error_x.array is not None)
        count = int((kinds == kind).sum())
        low, high = intervals.wilson(count, 20)
        assert mark.x[0] == count / 20
        assert mark.x[0] - mark.error_x.arrayminus[0] == pytest.approx(low)
        assert mark.x[0] + mark.error_x.array[0] == pytest.approx(high)
        assert any(f"{count} of 20" in note.text for note in figure.layout.annotations)
        points = next(t for t in named(figure, kind) if t.error_x.array is None)
        np.testing.assert_array_equal(points.x, values[kinds == kind])


def test_a_band_is_the_middle_half_around_the_median(run):
    values = run.validation_accuracy
    area, median = traces.band(run.steps, values)
    half = len(run.steps)
    np.testing.assert_allclose(median.x, np.sqrt(run.steps), rtol=1e-6)
    np.testing.assert_allclose(median.y, np.median(values, axis=1), rtol=1e-6)
    np.testing.assert_allclose(area.y[:half], np.quantile(values, 0.75, axis=1), rtol=1e-6)
    np.testing.assert_allclose(area.y[half:][::-1], np.quantile(values, 0.25, axis=1), rtol=1e-6)
    with pytest.raises(ValueError, match="style must be one of"):
        traces.band(run.steps, values, "temperature")


def test_network_diagram_shows_what_the_network_computes(run):
    parameters = run.parameters.map(lambda array: array[-1, 1])
    figure = n01_the_model.network_diagram(parameters, (5, 14))
    E, w1, b1, w2, b2 = parameters
    h = np.maximum((E[5] + E[14]) @ w1 + b1, 0)
    z = h @ w2 + b2
    (units,), (bars,) = named(figure, "hidden"), named(figure, "p")
    np.testing.assert_allclose(units.customdata, h, rtol=1e-5, atol=1e-6 * h.max())
    np.testing.assert_allclose(bars.customdata, np.exp(z) / np.exp(z).sum(), rtol=1e-4)
    assert any(note.text == "<b>5 + 14 ≡ 2 (mod 17)</b>" for note in figure.layout.annotations)
    before = run.parameters.map(lambda array: array[0, 1])
    assert n01_the_model.network_diagram(before, (5, 14)).to_json() != figure.to_json()
    with pytest.raises(ValueError, match=r"pair must be an integer in \[0, 16\], got 17"):
        n01_the_model.network_diagram(parameters, (3, 17))


# Files


@pytest.fixture
def figure():
    figure, (panel,) = panels.sheet(200, [(20, 20, 160, 160)])
    panel.plane(1.3)
    panel.add(*traces.embeddings(ring(N, 3)))
    return figure


def test_figures_go_beside_the_package(monkeypatch):
    monkeypatch.delenv("MODADD_FIGURES")
    assert export.folder() == Path(__file__).resolve().parent.parent / "figures"


def test_pages_are_repeatable_and_share_plotlys_script(figure, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "browser", lambda: None)
    (tmp_path / "01_ring.png").write_bytes(b"as it was")
    (page,) = plots.save(figure, "01_ring", tmp_path, caption="A ring: 3 < 4.")
    first = page.read_bytes()
    plots.save(figure, "01_ring", tmp_path, caption="A ring: 3 < 4.")
    assert page.read_bytes() == first
    assert len(first) < 30_000
    assert b"A ring: 3 &lt; 4." in first
    assert b'src="plotly.min.js"' in first
    assert b"http" not in first.replace(b"https://plot.ly", b"")  # nothing from the network
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "01_ring.html",
        "01_ring.png",
        "plotly.min.js",
    ]
    assert (tmp_path / "01_ring.png").read_bytes() == b"as it was"


def test_a_failing_save_leaves_the_old_file_whole(figure, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "browser", lambda: None)
    (page,) = plots.save(figure, "01_ring", tmp_path)
    old = page.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        plots.save(figure, "01_ring", tmp_path, caption="new")
    assert page.read_bytes() == old
    assert not list(tmp_path.glob(".*"))
    with pytest.raises(ValueError, match=r"name must be .* got '\.\./x'"):
        plots.save(figure, "../x", tmp_path)


def test_pictures_are_written_where_a_browser_is(figure, tmp_path, browser_path):
    page, picture = plots.save(figure, "01_ring", tmp_path)
    first = picture.read_bytes()
    assert struct.unpack(">II", first[16:24]) == (1600, 400)
    colors = decode(first).reshape(-1, 3).tolist()
    for color in palette.token_colors(N):  # squeezed to 256 colours, areas keep theirs
        assert list(bytes.fromhex(color[1:])) in colors
    plots.save(figure, "01_ring", tmp_path)
    assert picture.read_bytes() == first


def test_a_browser_that_does_not_start_is_an_error_not_a_wait(figure, tmp_path, monkeypatch):
    broken = tmp_path / "chrome"
    broken.write_text("#!/bin/sh\nexit 1\n")
    monkeypatch.setenv("BROWSER_PATH", str(broken))
    assert export.browser() is None
    with pytest.raises(RuntimeError, match="takes Chrome or Chromium"):
        export.png(figure)
    broken.chmod(0o755)
    assert export.browser() == str(broken)
    with pytest.raises(RuntimeError, match="did not start"):
        export.png(figure)


def test_a_browser_that_hangs_is_an_error_and_given_up(figure, monkeypatch):
    class Hanging:
        def run(self, action):
            raise TimeoutError

    asked = []
    monkeypatch.setattr(export, "browser", lambda: "/somewhere/chrome")
    monkeypatch.setattr(
        export,
        "_Browser",
        SimpleNamespace(on=functools.cache(lambda path: asked.append(path) or Hanging())),
    )
    for _ in range(2):
        with pytest.raises(RuntimeError, match="did not answer"):
            export.png(figure)
    assert len(asked) == 2


@pytest.mark.parametrize("picture", [True, False])
def test_show_displays_figure_picture_and_caption(figure, monkeypatch, picture):
    shown = []
    monkeypatch.setattr(export, "display", lambda content, **_: shown.append(content))
    monkeypatch.setattr(export, "browser", lambda: "chrome" if picture else None)
    monkeypatch.setattr(export, "png", lambda figure, scale: b"PNG")
    plots.show(figure, caption="A ring.")
    bundle, caption = shown
    assert bundle.get("image/png") == ("UE5H" if picture else None)
    json.dumps(bundle)
    assert len(bundle[export.PLOTLY]["data"][0]["text"]) == N
    assert caption.data == "*A ring.*"
