"""The Python side of the widgets; tests/test_browser.py has what happens in a browser."""

import json
import re
import time
import zlib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from modadd import TrainingConfig, model, structure, train, widgets
from modadd.particles import two_force
from modadd.plots import export
from modadd.widgets import _frames, _live, _view, replay
from modadd.widgets._session import Session

CONFIG = TrainingConfig(modulus=7, hidden=16, steps=60, train_share=0.8, embedding_scale=0.9)


@pytest.fixture(scope="module")
def run():
    return train(CONFIG, [3, 4], snapshots=8, keep_parameters=True, cache=False, progress=False)


def unpack(track: dict) -> dict:
    content = zlib.decompress(track["bytes"])
    found, at, count = {}, 0, len(track["steps"])
    for name, kind, shape in track["layout"]:
        size = count * int(np.prod(shape, dtype=int))
        array = np.frombuffer(content, kind, size, at)
        found[name] = array.reshape(count, *shape)
        at += array.nbytes
    assert at == len(content)
    return found


# tracks


def test_track_holds_what_the_run_recorded(run):
    track = _frames.track(run, 4)
    arrays = unpack(track)
    one, task = run.select(4), CONFIG.task
    values = dict(zip(track["values"], arrays["values"].T, strict=True))
    assert track["steps"] == run.steps.tolist()
    np.testing.assert_array_equal(arrays["embeddings"], one.embeddings[:, 0])
    np.testing.assert_array_equal(values["loss"], one.loss[:, 0])
    np.testing.assert_allclose(values["closure"], structure.closure(one.embeddings[:, 0]))
    assert track["held_out"] == np.flatnonzero(~task.training_pairs(0.8, 4)).tolist()
    right = (arrays["predicted"] == task.labels) * task.multiplicity
    held_out = task.training_pairs(0.8, 4) == 0
    share = right[:, held_out].sum(-1) / task.multiplicity[held_out].sum()
    np.testing.assert_allclose(share, one.validation_accuracy[:, 0], atol=1e-6)
    json.dumps({k: v for k, v in track.items() if k != "bytes"})


def test_regions_have_the_upper_row_first(run):
    track = _frames.track(run, 3)
    arrays = unpack(track)
    reach = arrays["values"][-1, track["values"].index("reach")]
    last = run.parameters.map(lambda array: array[-1, 0])
    edge = 2 * reach * (1 - 1 / 80)
    corners = model.regions(last, np.array([-edge, edge]), np.array([edge, -edge]))
    np.testing.assert_array_equal(arrays["regions"][-1][::79, ::79], corners)


def test_measured_arrows_are_the_force(run):
    arrays = unpack(track := _frames.track(run, 3))
    values = dict(zip(track["values"], arrays["values"].T, strict=True))
    rms = np.sqrt((arrays["measured"] ** 2).sum(-1).mean(-1))
    np.testing.assert_allclose(rms, values["force"], rtol=1e-4, atol=1e-7)
    np.testing.assert_array_equal(values["residual"], run.select(3).residual_rms[:, 0])


def test_track_without_parameters_has_neither_regions_nor_measured_forces():
    E0 = np.random.default_rng(0).standard_normal((7, 2))
    arrays = unpack(_frames.track(two_force(E0, steps=5, snapshots=3), 0))
    assert set(arrays) == {"values", "embeddings"}


def test_reference_run_is_small():
    config = TrainingConfig()
    run = train(config, 3, snapshots=20, keep_parameters=True, cache=False, progress=False)
    track = _frames.track(run, 3)
    assert len(track["bytes"]) < 2e5
    assert sum(a.nbytes for a in unpack(track).values()) < 2e5


# widgets


def test_scrub_opens_a_seed_only_when_it_is_asked_for(run):
    widget = widgets.scrub(run, 4)
    assert widget.seeds == [3, 4]
    assert [track["seed"] for track in widget.tracks] == [4]
    widget._receive(widget, {"type": "seed", "seed": 3}, [])
    assert [track["seed"] for track in widget.tracks] == [3]
    widget._receive(widget, {"type": "seed", "seed": 99}, [])
    assert [track["seed"] for track in widget.tracks] == [3]


def test_two_runs_side_by_side(run):
    beside = two_force(run.embeddings[0], steps=5, seeds=[3, 4], snapshots=3)
    widget = widgets.scrub(run, 4, beside=beside)
    assert [track["source"] for track in widget.tracks] == ["network", "two_force"]
    assert len(widget.picture().data) > 0


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((None,), "run"),
        (("run", 5), "seeds"),
        (("run", 3, "another"), "beside"),
        (("run", 3, "lacking"), "beside"),
    ],
)
def test_scrub_refuses_what_does_not_fit(run, arguments, name):
    other = train(replace(CONFIG, modulus=5), [3, 4], snapshots=2, cache=False, progress=False)
    lacking = replace(run.select([3, 4]), seeds=np.array([8, 9]))
    known = {"run": run, "another": other, "lacking": lacking}
    with pytest.raises(ValueError, match=name):
        widgets.scrub(*(known.get(a, a) if isinstance(a, str) else a for a in arguments))


@pytest.mark.parametrize(
    ("make", "arguments", "name"),
    [
        (widgets.particles, {"alignment_force": 1.1}, "alignment_force"),
        (widgets.particles, {"start": np.zeros((7, 2))}, "start"),
        (widgets.particles, {"start": np.ones((32, 2))}, "start"),
        (widgets.live_training, {"seed": -1}, "seed"),
        (widgets.live_training, {"config": TrainingConfig(decay_from=3)}, "config"),
        (widgets.live_training, {"config": 3}, "config"),
    ],
)
def test_bad_input_is_named(make, arguments, name):
    with pytest.raises(ValueError, match=name):
        make(**arguments)


def test_page_needs_nothing_from_outside(run):
    live = widgets.live_training(CONFIG)
    for widget in (widgets.scrub(run), widgets.playground(), widgets.particles(), live):
        page = widget.fragment()
        assert "http" not in page.replace("http://www.w3.org", "")
        assert page.count("</script>") == 1


def test_every_widget_leaves_a_picture_and_a_caption(run, kernel):
    live = widgets.live_training(CONFIG)
    for widget in (widgets.scrub(run), widgets.playground(), widgets.particles(), live):
        widget._ipython_display_()
        (bundle, metadata), (caption, _) = kernel
        assert {"text/html", "application/vnd.jupyter.widget-view+json"} <= set(bundle)
        assert metadata["draw"] == {"figure": json.loads(widget.picture().to_json()), "name": None}
        assert bundle["text/plain"] == widget.caption
        assert caption.data == f"*{widget.caption}*"
        kernel.clear()


def test_a_named_widget_is_saved_like_a_figure(run, kernel, tmp_path):
    widget = widgets.scrub(run)
    export.show(widget, name="01_scrub", caption="Scrub: 3 < 4.")
    (_, metadata), _ = kernel
    assert (metadata["page"], metadata["draw"]["name"]) == ("01_scrub.html", "01_scrub")
    assert [path.name for path in tmp_path.iterdir()] == ["01_scrub.html"]
    page = (tmp_path / "01_scrub.html").read_text(encoding="utf-8")
    assert widget.fragment() in page
    assert "Scrub: 3 &lt; 4." in page


# the phase diagram


def cells(runs: int = 10) -> dict:
    """Embeddings (2, 3, runs, 7, 2) that are circles in the first column and noise elsewhere."""
    E = np.random.default_rng(0).standard_normal((2, 3, runs, 7, 2))
    angle = 2 * np.pi * 2 * np.arange(7) / 7
    E[:, 0] = np.stack([np.cos(angle), np.sin(angle)], -1)
    kinds = structure.classify(E)
    assert (kinds[:, 0] == "circle").all() and (kinds[:, 1:] != "circle").all()
    sizes = {"scales": [0.5, 1], "bias_scales": [0, 1, 2], "seeds": range(40, 40 + runs)}
    return {"E": E, "kinds": kinds, **sizes}


def test_phases_hold_the_kinds_of_all_runs_and_the_first_nine():
    given = cells()
    state = widgets.phases(**given).initial
    assert state["seeds"] == list(range(40, 49))
    assert np.array(state["names"])[np.array(state["kinds"])].tolist() == given["kinds"].tolist()
    run = state["cells"][1][2][8]
    np.testing.assert_allclose(np.reshape(run["E"], (7, 2)), given["E"][1, 2, 8], rtol=1e-6)
    assert len(state["cells"][0][0][0]["bonds"]) == 7  # a closed ring
    assert {len(cell) for row in state["cells"] for cell in row} == {9}


@pytest.mark.parametrize(
    "change", [{"scales": [1]}, {"seeds": range(3)}, {"kinds": np.full((2, 3), "circle")}]
)
def test_phases_refuse_what_does_not_fit(change):
    with pytest.raises(ValueError, match="^kinds must"):
        widgets.phases(**cells() | change)
    with pytest.raises(ValueError, match="config must be of modulus 7"):
        widgets.phases(**cells() | {"config": TrainingConfig(modulus=5)})
    with pytest.raises(ValueError, match="kinds must be one of circle, "):
        widgets.phases(**cells() | {"kinds": np.full((2, 3, 10), "star")})


# live training


def state(run) -> list[np.ndarray]:
    return [array[-1, 0] for array in run.parameters]


def same_bits(a, b) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(state(a), state(b), strict=True))


def executed(code: str):
    names = {}
    exec(code, names)
    return names["run"]


@pytest.mark.parametrize("optimiser", ["gradient_descent", "adamw"])
def test_pieces_give_the_bits_of_one_training(optimiser):
    config = replace(CONFIG, optimiser=optimiser)
    session = Session(config, 3)
    for steps in (1, 9, 50):
        session.advance(steps)
    whole = train(config, 3, keep_parameters=True, cache=False, progress=False)
    assert same_bits(session.run(), whole)


@pytest.mark.parametrize(
    ("changes", "uses"),
    [
        ([], "train(config"),
        ([(0, 0.0), (10, 0.01)], "decay_from=10"),
        ([(10, 0.0)], "decay_until=10"),
        ([(0, 0.0), (10, 0.01), (30, 0.0)], "decay_until=30"),
        ([(10, 0.0), (30, 0.02)], "replay(config"),
        ([(10, 0.01), (30, 0.02), (40, 0.0)], "replay(config"),
    ],
)
def test_printed_code_gives_the_same_bits(changes, uses):
    session = Session(CONFIG, 3)
    for step, decay in changes:
        session.advance(step - session.step)
        session.weight_decay = decay
    session.advance(45 - session.step)
    code = session.code(45)
    assert uses in code
    again = executed(code)
    assert again.steps[-1] == 45
    assert same_bits(session.run(), again)


def test_changed_decay_shows_only_from_the_next_step():
    session = Session(CONFIG, 3)
    session.advance(10)
    before = state(session.run())
    session.weight_decay = 0.5
    assert all(np.array_equal(a, b) for a, b in zip(before, state(session.run()), strict=True))
    session.advance(1)
    other = Session(CONFIG, 3)
    other.advance(11)
    assert not same_bits(session.run(), other.run())
    session.weight_decay = CONFIG.weight_decay
    assert session.decays == [(0, 3e-3), (10, 0.5), (11, 3e-3)]


def test_session_forgets_every_second_state_beyond_its_limit():
    session = Session(CONFIG, 3, keep=10)
    for _ in range(30):
        session.advance(1)
    steps = session.run().steps
    assert len(steps) <= 10 and steps[0] == 0 and steps[-1] == 30


@pytest.mark.parametrize("decays", [[], [(1, 0.1)], [(0, 0.1), (0, 0.2)], [(0, -1.0)]])
def test_replay_refuses_bad_decays(decays):
    with pytest.raises(ValueError, match="decays"):
        replay(CONFIG, 3, decays)


@pytest.fixture
def live():
    """Make a widget whose messages are kept, and whose front end draws at once if it `answers`."""
    made = []

    def live(config=CONFIG, answers=True):
        widget = widgets.live_training(config, 3)
        sent = []

        def send(content, buffers=None):
            sent.append(content)
            if answers and content["type"] == "frames":
                widget._receive(widget, {"type": "drawn"}, [])

        widget.send = send
        made.append(widget)
        ask = lambda kind, **content: widget._receive(widget, {"type": kind, **content}, [])  # noqa: E731
        return widget, ask, sent

    yield live
    for widget in made:
        widget.close()


def wait_until(true) -> None:
    end = time.monotonic() + 300
    while not true():
        assert time.monotonic() < end, "waited for five minutes"
        time.sleep(0.002)


def test_live_training_obeys_its_front_end(live):
    widget, ask, sent = live()
    ask("hello")
    assert sent[0]["fresh"] and sent[0]["steps"] == [0]
    recipe = sent[0]["recipe"]
    assert recipe == {name: getattr(CONFIG, name) for name in _live.RECIPE}
    ask("step")
    assert widget.run.steps.tolist() == [0, 1]
    ask("decay", value=0.0)
    assert widget.session.weight_decay == 0.0
    assert sent[-1]["decays"] == [[0, 3e-3], [1, 0.0]]
    ask("decay", value=-1)
    assert sent[-1]["wrong"] and "weight_decay" in sent[-1]["text"]
    ask("code", step=1)
    assert same_bits(widget.run, executed(sent[-2]["text"]))
    ask("reset", settings={"modulus": 5, "seed": 2, "optimiser": "adam"})
    assert widget.run.modulus == 5 and widget.session.seed == 2
    assert widget.session.weight_decay == 0.0
    # What the front end has no field for stays as it was given.
    assert widget.session.config.embedding_scale == CONFIG.embedding_scale != 1
    ask("start")
    assert widget.running
    ask("pause")
    assert not widget.running


@pytest.mark.parametrize(
    "message",
    [
        None,
        {},
        {"type": ["start"]},
        {"type": "close"},
        {"type": "start", "now": True},
        {"type": "decay"},
        {"type": "decay", "value": "0.1"},
        {"type": "speed", "value": 0},
        {"type": "code", "step": 5},
        {"type": "branch", "step": -1},
        {"type": "reset", "settings": [1]},
        {"type": "reset", "settings": {"steps": 3}},
        {"type": "reset", "settings": {"modulus": 7.5}},
        {"type": "reset", "settings": {"hidden": 10**6}},
        {"type": "reset", "settings": {"seed": None}},
        {"type": "reset", "settings": {"optimiser": "sgd"}},
    ],
    ids=str,
)
def test_a_malformed_message_gets_an_answer(live, message):
    widget, _, sent = live()
    widget._receive(widget, message, [])
    assert [answer["type"] for answer in sent] == ["status"]
    assert sent[0]["wrong"] and re.search(r"must (be|carry|hold)", sent[0]["text"])
    assert widget.session.step == 0 and widget.session.config == CONFIG


def test_a_branch_has_the_bits_of_the_training_it_left(live):
    widget, ask, sent = live()
    for _ in range(12):
        ask("step")
    ask("decay", value=0.1)
    for _ in range(8):
        ask("step")
    ask("branch", step=15)
    assert sent[-2]["fresh"] and "step 15" in sent[-1]["text"]
    assert widget.session.step == 15 and widget.session.decays == [(0, 3e-3), (12, 0.1)]
    assert widget.run.steps.tolist() == list(range(16))
    ask("code", step=15)
    assert same_bits(widget.run, executed(sent[-2]["text"]))
    ask("step")  # with the momentum that it had
    again = replay(replace(CONFIG, steps=16), 3, [(0, 3e-3), (12, 0.1)])
    assert same_bits(widget.run, again)


def test_live_training_without_a_limit_lets_its_reader_in(live, monkeypatch):
    monkeypatch.setattr(_live, "FRAMES_A_SECOND", 200)
    widget, ask, _ = live()
    ask("speed", value=1e6)  # more than any machine can do
    stretches, advance = [], widget._advance

    def counted(steps):
        stretches.append(widget.session.step)
        advance(steps)

    widget._advance = counted
    ask("start")
    wait_until(lambda: widget.session.step > 20_000)  # stretches have become as long as a frame
    waited = []
    for decay in (0.0, 0.1, 0.2, 0.3):
        before = len(stretches)
        ask("decay", value=decay)
        waited.append(len(stretches) - before)
        wait_until(lambda count=before + 4: len(stretches) >= count)
    # The one under way, and one just begun; more where the machine stops the one who asks.
    assert min(waited) <= 2
    ask("pause")
    changes = [step for step, _ in widget.session.decays]
    assert len(changes) == 5 and changes == sorted(set(changes))
    assert changes[-1] < widget.session.step


def test_training_is_never_more_than_a_frame_ahead_of_what_is_drawn(live):
    widget, ask, sent = live(answers=False)
    ask("start")
    frames = lambda: sum(content["type"] == "frames" for content in sent)  # noqa: E731
    wait_until(lambda: frames() == 2)
    time.sleep(0.3)
    assert frames() == 2 and widget.running
    ask("drawn")
    wait_until(lambda: frames() == 4)


def test_training_that_nobody_draws_comes_to_its_end(live, monkeypatch):
    monkeypatch.setattr(_live, "PATIENCE", 0.2)
    widget, ask, sent = live(answers=False)
    ask("start")
    wait_until(lambda: not widget.running)
    widget._thread.join(60)
    assert not widget._thread.is_alive()
    assert "nothing draws it" in sent[-1]["text"] and not sent[-1]["running"]


def test_a_cell_that_runs_again_ends_what_it_showed_before(live, monkeypatch):
    request = {"metadata": {"cellId": "cell"}, "header": {"msg_id": "first"}}
    kernel = SimpleNamespace(kernel=SimpleNamespace(get_parent=lambda channel: request))
    monkeypatch.setattr(_view, "get_ipython", lambda: kernel)
    (old, ask, _), (beside, _, _), (new, _, _) = live(), live(), live()
    for widget in (old, beside):
        widget._repr_mimebundle_()
    ask("start")
    assert old.comm is not None and old.running
    request["header"] = {"msg_id": "second"}
    new._repr_mimebundle_()
    assert old.comm is None and beside.comm is None and new.comm is not None
    old._thread.join(60)
    assert not old._thread.is_alive()
    new._repr_mimebundle_()  # shown twice by one execution
    assert new.comm is not None


def test_divergence_stops_live_training_where_it_was(live):
    widget, ask, sent = live(replace(CONFIG, learning_rate=1e6))
    for _ in range(40):
        ask("step")
    assert sent[-1]["wrong"] and "learning_rate" in sent[-1]["text"]
    assert np.isfinite(widget.run.embeddings).all()
