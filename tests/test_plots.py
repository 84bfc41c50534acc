"""Colours by measurement, figures against the data they show, files whole and repeatable."""

import base64
import json
import os
import struct
import zlib
from pathlib import Path

import nbformat
import numpy as np
import plotly.graph_objects as go
import pytest
from axes import outside
from samples import ring

from modadd import ModularAddition, TrainingConfig, intervals, model, plots, structure
from modadd.chapters import n01_the_model, n02_grids_and_circles
from modadd.plots import export, palette, panels, png, traces
from modadd.plots.motion import motion
from modadd.training import train

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("[0-9][0-9]_*.ipynb"))

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


def test_tokens_stand_out_from_the_paper_and_their_numbers_from_them():
    (discs,) = traces.embeddings(np.zeros((59, 2)))
    for color, rim, text in zip(
        discs.marker.color, discs.marker.line.color, discs.textfont.color, strict=True
    ):
        assert palette.contrast(rim, palette.PAPER) >= 3
        assert palette.contrast(text, color) >= 4
    for style in palette.STYLES.values():
        assert palette.contrast(style.color, palette.PAPER) >= 3
    assert palette.contrast(palette.INK, palette.PAPER) >= 7
    assert palette.contrast(palette.MUTED, palette.PAPER) >= 4.5


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
        assert parts[2].marker.color == palette.PAPER
    text = {note.text for note in figure.layout.annotations}
    assert {f"step {run.steps[t]}" for t in chosen} < text
    (loss,) = named(figure, "loss")
    np.testing.assert_array_equal(loss.y, one.loss[:, 0])
    np.testing.assert_array_equal(loss.customdata, run.steps)


def chunks(image: bytes) -> list[tuple[bytes, bytes]]:
    """Names and contents of the parts of a PNG."""
    found, at = [], 8
    while at < len(image):
        (length,) = struct.unpack(">I", image[at : at + 4])
        name, body = image[at + 4 : at + 8], image[at + 8 : at + 8 + length]
        (checked,) = struct.unpack(">I", image[at + 8 + length : at + 12 + length])
        assert checked == zlib.crc32(name + body)
        found.append((name, body))
        at += 12 + length
    return found


def decode(image: bytes) -> np.ndarray:
    """Colours (Y, X, 3) of an indexed PNG without filters."""
    parts = dict(chunks(image))
    width, height = struct.unpack(">II", parts[b"IHDR"][:8])
    rows = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()
    return np.frombuffer(parts[b"PLTE"], np.uint8).reshape(-1, 3)[rows[:, 1:]]


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
        pale = palette.blend(colors[label], palette.PAPER, 0.62)
        assert (picture[labels == label] == list(bytes.fromhex(pale[1:]))).all()


def lattice() -> np.ndarray:
    """17 tokens on a patch of a lattice with steps 1 and 4."""
    i, j = np.divmod(np.arange(N), 4)
    return np.stack([i + 0.2 * j, 1.1 * j], -1)


def test_bonds_of_a_grid_are_its_lattice_vectors_and_noise_has_few():
    E = lattice()
    joined = traces.bonds(E)
    assert {(b - a) % N for a, b in joined.tolist()} == {1, 4}
    assert len(joined) == 12 + 13  # rows of four, and columns, one of them with a fifth token
    noise = np.random.default_rng(1).normal(size=(N, 2))
    assert len(traces.bonds(noise)) < len(joined) / 2


def test_clumps_of_a_grid_carry_one_label_each():
    (trace,) = n02_grids_and_circles.clumps(lattice())
    assert sum(trace.customdata) == N**2  # every ordered pair is in one
    x, label = xy(trace), np.array(trace.text, int)
    apart = np.linalg.norm(x[:, None] - x, axis=-1) + 9 * np.eye(len(x))
    assert apart.min() > 0.9
    assert len(x) > N  # a label has several lattice points
    colors = palette.token_colors(N)
    assert list(trace.marker.color) == [colors[y] for y in label]


def test_lines_of_a_circle_pass_through_their_labels_pair_sums():
    E = ring(N, 3)
    for y, line in zip((0, 3, 8), n02_grids_and_circles.axes_of_labels(E), strict=False):
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
    area, median = traces.band(run.steps, values, palette.STYLES["validation"], "")
    half = len(run.steps)
    np.testing.assert_allclose(median.x, np.sqrt(run.steps), rtol=1e-6)
    np.testing.assert_allclose(median.y, np.median(values, axis=1), rtol=1e-6)
    np.testing.assert_allclose(area.y[:half], np.quantile(values, 0.75, axis=1), rtol=1e-6)
    np.testing.assert_allclose(area.y[half:][::-1], np.quantile(values, 0.25, axis=1), rtol=1e-6)


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


def test_an_animated_picture_shows_each_token_at_its_place():
    config = TrainingConfig(modulus=7, hidden=16, steps=300)
    run = train(config, range(2), snapshots=50, progress=False, cache=False)
    parts = chunks(motion(run, frames=5, size=120))
    kinds = [kind for kind, _ in parts]
    assert kinds == [b"IHDR", b"PLTE", b"acTL", b"fcTL", b"IDAT", *[b"fcTL", b"fdAT"] * 16, b"IEND"]
    (frames, plays), controls = struct.unpack(">II", parts[2][1]), parts[3:-1:2]
    assert (frames, plays) == (17, 0)
    order = [body[:4] for kind, body in parts if kind in (b"fcTL", b"fdAT")]
    assert [struct.unpack(">I", number)[0] for number in order] == list(range(33))
    waits = [struct.unpack(">HH", body[20:24]) for _, body in controls]
    assert [over / under for over, under in waits] == [0.062] * 16 + [2.0]
    colors = np.frombuffer(parts[1][1], np.uint8).reshape(-1, 3)
    rows = np.frombuffer(zlib.decompress(parts[-2][1][4:]), np.uint8).reshape(120, 241)
    E = run.final.astype(float)
    E -= (E.max(1, keepdims=True) + E.min(1, keepdims=True)) / 2
    x, y = np.moveaxis(
        60 * (1 + E * [1, -1] / (1.12 * np.abs(E).max((1, 2), keepdims=True))), -1, 0
    )
    for seed in range(2):
        middles = colors[rows[:, 1:][y[seed].astype(int), x[seed].astype(int) + 120 * seed]]
        shown = ["#" + bytes(middle).hex() for middle in middles]
        assert shown == palette.token_colors(7), seed


# What is outside its axes is not seen


def test_what_lies_outside_its_axes_is_found():
    figure, (panel,) = panels.sheet(100, [(0, 0, 100, 100)])
    panel.axes({"range": [0, 2], "type": "log"}, {"range": [1, -1]})
    panel.add(go.Scatter(x=[1, 100], y=[-1, 1], error_y=traces.whisker([0, 0], 0, 0, "#000000")))
    panel.text("inside", 2, 0)
    assert outside(json.loads(figure.to_json())) == []
    panel.add(go.Scatter(x=[101, 10], y=[0, 0], name="late"))
    panel.add(go.Scatter(x=[10], y=[0.5], error_y=traces.whisker(0.5, 0, 1.5, "#000000")))
    panel.text("above", 1, 1.2)
    figure.frames = [go.Frame(name="7", data=[{"x": [0.1, 10]}], traces=[0])]
    found = outside(json.loads(figure.to_json()))
    assert [words.split(" on ")[0] for words in found] == [
        "late: 2",
        "scatter: 1.5",
        "scatter at 7: -1",
        "words: 1.2",
    ]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_point_of_every_committed_figure_is_inside_its_axes(notebook):
    cells = nbformat.read(notebook, as_version=4).cells
    bundles = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    figures = [bundle[export.PLOTLY] for bundle in bundles if export.PLOTLY in bundle]
    assert figures
    for figure in figures:
        assert outside(figure) == []


# Files


@pytest.fixture
def figure():
    figure, (panel,) = panels.sheet(200, [(20, 20, 160, 160)])
    panel.plane(1.3)
    panel.add(*traces.embeddings(ring(N, 3)))
    return figure


@pytest.fixture
def no_browser(monkeypatch):
    monkeypatch.setattr(png, "browser", lambda: None)


def test_figures_go_beside_the_package_or_where_one_works(monkeypatch, tmp_path):
    assert export.folder() == Path(os.environ["MODADD_FIGURES"])
    monkeypatch.delenv("MODADD_FIGURES")
    assert export.folder() == Path(__file__).resolve().parent.parent / "figures"
    monkeypatch.setattr(export, "__file__", str(tmp_path / "lib/modadd/plots/export.py"))
    monkeypatch.chdir(tmp_path)
    assert export.folder() == tmp_path  # of an installed package


def test_pages_are_repeatable_and_share_plotlys_script(figure, tmp_path, no_browser):
    (tmp_path / "01_ring.png").write_bytes(b"as it was")
    (page,) = plots.save(figure, "01_ring", tmp_path, caption="A ring: 3 < 4.")
    first = page.read_bytes()
    plots.save(figure, "01_ring", tmp_path, caption="A ring: 3 < 4.")
    assert page.read_bytes() == first
    assert len(first) < 30_000
    assert b"A ring: 3 &lt; 4." in first
    assert b'src="plotly.min.js"' in first
    assert b"http" not in first.replace(b"https://plot.ly", b"")  # nothing from the network
    names = ["01_ring.html", "01_ring.png", "plotly.min.js"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names
    assert (tmp_path / "01_ring.png").read_bytes() == b"as it was"


@pytest.mark.parametrize("name", ["", "..", "../x", "/a", "a\0b", "a.b", "a b\n", "a\n", 3])
def test_names_of_files_stay_in_their_folder(figure, name, tmp_path, no_browser):
    with pytest.raises(ValueError, match="^name must be letters, digits, _ and -, got "):
        plots.save(figure, name, tmp_path)
    with pytest.raises(ValueError, match="^caption must be text, got bytes"):
        plots.save(figure, "ring", tmp_path, caption=b"")
    assert not list(tmp_path.iterdir())


def test_a_failing_save_leaves_the_old_file_whole(figure, tmp_path, no_browser, monkeypatch):
    (page,) = plots.save(figure, "01_ring", tmp_path)
    old = page.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        plots.save(figure, "01_ring", tmp_path, caption="new")
    assert page.read_bytes() == old
    assert not list(tmp_path.glob(".*"))


def test_pictures_are_written_where_a_browser_is(figure, tmp_path, browser_path):
    page, picture = plots.save(figure, "01_ring", tmp_path)
    first = picture.read_bytes()
    assert struct.unpack(">II", first[16:24]) == (1600, 400)
    colors = decode(first).reshape(-1, 3).tolist()
    for color in palette.token_colors(N):  # squeezed to 256 colours, areas keep theirs
        assert list(bytes.fromhex(color[1:])) in colors
    plots.save(figure, "01_ring", tmp_path)
    assert picture.read_bytes() == first


def test_half_a_picture_is_the_mean_of_four_pixels():
    rng = np.random.default_rng(0)
    big = np.kron(rng.integers(0, 256, (3, 5, 3)), np.ones((2, 2, 1), int)).astype(np.uint8)
    rgba = np.concatenate([big, np.full((6, 10, 1), 255, np.uint8)], -1).reshape(6, -1)
    rows = np.diff(rgba, axis=0, prepend=np.zeros((1, 40), np.uint8))  # filtered by "up"
    lines = zlib.compress(b"".join(b"\2" + row.tobytes() for row in rows))
    head = struct.pack(">IIBBBBB", 10, 6, 8, 6, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", lines))
    chunks = [struct.pack(">I", len(data)) + kind + data + b"crc!" for kind, data in parts]
    image = b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
    np.testing.assert_array_equal(decode(png.squeeze(image)), big)
    np.testing.assert_array_equal(decode(png.squeeze(image, half=True)), big[::2, ::2])
    big[::2, ::2] = 0
    np.testing.assert_array_equal(png.halved(big), (3 * big[1::2, 1::2].astype(int) + 2) // 4)


def broken(tmp_path, lines: str) -> str:
    path = tmp_path / "chrome"
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)
    return str(path)


def test_a_browser_that_does_not_start_is_as_good_as_none(figure, tmp_path, monkeypatch):
    monkeypatch.setenv("BROWSER_PATH", broken(tmp_path, "exit 1"))
    with pytest.warns(UserWarning, match="no PNG are drawn: the browser .*/chrome does") as told:
        (page,) = plots.save(figure, "01_ring", tmp_path / "a")
    assert page.suffix == ".html" and len(told) == 1
    monkeypatch.setattr(png._Browser, "open", lambda _: pytest.fail("it was started again"))
    assert plots.save(figure, "02_ring", tmp_path / "a")[0].exists()  # and no second warning


def test_a_browser_that_hangs_is_given_up(figure, monkeypatch, tmp_path):
    class Hanging(png._Browser):
        def run(self, action):
            raise TimeoutError

    monkeypatch.setenv("BROWSER_PATH", broken(tmp_path, "sleep 600"))
    monkeypatch.setattr(png, "_Browser", Hanging)
    with pytest.warns(UserWarning, match="does not .TimeoutError"):
        assert png.draw(figure.to_dict()) is None
    Hanging.on.cache_clear()


def test_dark_pages_and_a_dark_jupyterlab_turn_figures_over_by_one_rule(
    figure, tmp_path, no_browser
):
    (page,) = plots.save(figure, "01_ring", tmp_path)
    css = Path(__file__).parent.parent / ".jupyter" / "custom" / "custom.css"
    assert export.DARK in page.read_text()
    assert export.DARK in css.read_text()


# Under a notebook's cell


def test_show_gives_a_figure_its_stand_in_and_what_is_to_be_drawn(figure, kernel, tmp_path):
    plots.show(figure, "01_ring", caption='A "ring".')
    (bundle, metadata), (caption, _) = kernel
    json.dumps(bundle)
    assert len(bundle[export.PLOTLY]["data"][0]["text"]) == N
    assert caption.data == '*A "ring".*'
    assert 'aria-label="A &quot;ring&quot;."' in bundle["text/html"]
    assert "image/png" not in bundle  # `make figures` draws them
    assert metadata["page"] == "01_ring.html"
    assert metadata["draw"]["name"] == "01_ring"
    assert metadata["draw"]["figure"]["layout"]["width"] == panels.WIDTH
    assert sorted(p.name for p in tmp_path.iterdir()) == ["01_ring.html", "plotly.min.js"]


def test_a_notebook_run_by_hand_leaves_no_trace(figure, kernel, monkeypatch):
    monkeypatch.delenv("MODADD_FIGURES")
    monkeypatch.setattr(export, "write", lambda *_: pytest.fail("a file was written"))
    plots.show(figure, "01_ring")
    ((bundle, metadata),) = kernel
    assert export.PLOTLY in bundle and metadata == {}


def test_outside_a_kernel_caption_and_paths_are_printed(
    figure, tmp_path, no_browser, monkeypatch, capsys
):
    monkeypatch.setenv("MODADD_FIGURES", str(tmp_path))
    plots.show(figure, "ring", caption="A ring.")
    plots.show(figure)
    assert capsys.readouterr() == (f"A ring.\n{tmp_path / 'ring.html'}\n", "")
