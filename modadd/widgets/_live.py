"""Live training: a network that trains while it is watched."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

import plotly.graph_objects as go
import traitlets

from modadd import _checks
from modadd.particles import NODES, _even_cube
from modadd.run import DivergenceError, Run
from modadd.training import OPTIMISERS, TrainingConfig
from modadd.widgets._session import Session
from modadd.widgets._view import View, picture, script, state_of

FRAMES_A_SECOND = 20
"""How often live training is drawn, at most."""

MOST_STATES = 1200
"""States that live training keeps; of more, every second one is forgotten."""

PATIENCE = 10.0
"""Seconds after which training that nobody draws any longer comes to its end."""

LIMITS = {
    "learning_rate": (1e-5, 10.0),
    "train_share": (0.05, 1.0),
    "seed": (0, 2**31),
    "modulus": (3, 31),
    "hidden": (1, 512),
    "bias_scale": (0.0, 20.0),
    "label_smoothing": (0.0, 1.0),
    "weight_decay": (0.0, 1.0),
    "speed": (1.0, 1e6),
}
"""What the fields take; a recipe that was given may lie outside, and then they reach that far."""

RECIPE = (
    "modulus",
    "hidden",
    "optimiser",
    "learning_rate",
    "momentum",
    "weight_decay",
    "train_share",
    "bias_scale",
    "embedding_scale",
    "readout_init",
    "label_smoothing",
)
"""What of a TrainingConfig decides a training here."""


class _Live(View):
    kind = traitlets.Unicode("live").tag(sync=True)
    initial = traitlets.Dict().tag(sync=True)
    caption = (
        "Training begins, goes on and ends here; in the widget it runs live, and its weight decay "
        "can be changed while it runs."
    )
    MESSAGES: ClassVar = {
        "hello": (),
        "start": (),
        "pause": (),
        "step": (),
        "drawn": (),
        "reset": ("settings",),
        "branch": ("step",),
        "decay": ("value",),
        "speed": ("value",),
        "code": ("step",),
    }
    """What the front end may ask for, and what each such message carries."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._speed, self._rate = 4000.0, 0.0
        self._cost = 0.0  # seconds of a processor for a step
        self._door, self._lock = threading.Lock(), threading.RLock()
        self._drawn, self._ahead = threading.Condition(), 0  # frames that nobody has drawn yet
        self._go = threading.Event()  # set while training goes on; each start has its own
        self._thread: threading.Thread | None = None
        initial = {name: getattr(session.config, name) for name in RECIPE}
        initial |= {"seed": session.seed, "speed": self._speed}
        self._limits = {
            name: (min(low, initial[name]), max(high, initial[name]))
            for name, (low, high) in LIMITS.items()
        }
        others = {"limits": self._limits, "optimisers": list(OPTIMISERS), "keep": MOST_STATES}
        others["particles"] = {"alignment": 0.5, "stepSize": 0.3, "momentum": 0.9, "reach": 0.6}
        super().__init__(initial=initial | others)
        self.on_msg(self._receive)

    @property
    def run(self) -> Run:
        """Everything kept so far, with all parameters."""
        with self._turn():
            return self.session.run()

    @property
    def running(self) -> bool:
        """Whether training goes on at this moment."""
        return self._go.is_set()

    def close(self) -> None:
        """Stop training and take the widget away."""
        self._halt()
        super().close()

    def _halt(self) -> None:
        with self._drawn:
            self._go.clear()
            self._drawn.notify_all()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """The session to oneself: at the door, training lets go first whoever else waits."""
        with self._door, self._lock:
            yield

    # --- what the front end asks for

    def _receive(self, _, content: object, __) -> None:
        said = wrong = ""
        try:
            kind, given = self._understood(content)
            if kind == "drawn":
                return self._on_drawn()
            said = getattr(self, f"_on_{kind}")(**given) or ""
        except (ValueError, DivergenceError) as error:
            wrong = str(error)
        self._tell(said, wrong)

    def _understood(self, content: object) -> tuple[str, dict]:
        """The kind of a message, and what it carries."""
        content = _checks.mapping("the message", content)
        kind = _checks.choice("the type of a message", content.get("type"), self.MESSAGES)
        given = {name: value for name, value in content.items() if name != "type"}
        if given.keys() != set(self.MESSAGES[kind]):
            wanted = ", ".join(self.MESSAGES[kind]) or "nothing else"
            raise ValueError(f"a message {kind!r} must carry {wanted}, got {sorted(given)}")
        return kind, given

    def _on_drawn(self) -> None:
        with self._drawn:
            self._ahead = 0
            self._drawn.notify_all()

    def _on_hello(self) -> None:
        with self._turn():
            self._send_frames(0)

    def _on_start(self) -> None:
        if not self.running:
            self._on_drawn()
            self._go = go = threading.Event()
            go.set()
            self._thread = threading.Thread(target=self._train, args=[go], daemon=True)
            self._thread.start()

    def _on_pause(self) -> None:
        self._halt()
        if self._thread is not None:
            self._thread.join(5)

    def _on_step(self) -> None:
        self._on_pause()
        with self._turn():
            self._advance(1)

    def _on_decay(self, value: float) -> None:
        with self._turn():
            self.session.weight_decay = value

    def _on_speed(self, value: float) -> None:
        self._speed = _checks.real("speed", value, *self._limits["speed"])

    def _on_reset(self, settings: dict) -> str:
        settings = dict(_checks.mapping("settings", settings))
        if unknown := settings.keys() - {*RECIPE, "seed"}:
            raise ValueError(f"settings must be of the recipe, got {sorted(unknown)}")
        for name in {"modulus", "hidden", "seed"} & settings.keys():
            settings[name] = _checks.integer(name, settings[name], *self._limits[name])
        before = self.session
        seed = settings.pop("seed", before.seed)
        settings = {"weight_decay": before.weight_decay} | settings
        config = replace(before.config, **settings)
        self._begin(Session(config, seed, MOST_STATES))
        return "A new training."

    def _on_branch(self, step: int) -> str:
        with self._turn():
            earlier = self.session.at(step)
        self._begin(earlier)
        return f"Back at step {step:,}: from here it goes on anew."

    def _begin(self, session: Session) -> None:
        """Show another training; go on if one was going on."""
        again = self.running
        self._on_pause()
        with self._turn():
            self.session = session
            self._send_frames(0)
        if again:
            self._on_start()

    def _on_code(self, step: int) -> None:
        with self._turn():
            self.send({"type": "code", "text": self.session.code(step)})

    # --- what it is told

    def _train(self, go: threading.Event) -> None:
        """Train and draw until `go` is cleared; runs in a thread of its own."""
        said, wrong, told, first = "", "", time.perf_counter(), self.session.step
        try:
            while go.is_set():
                start = time.perf_counter()
                with self._door:  # whoever waits for the session goes first
                    pass
                with self._lock:
                    self._advance(self._stretch())
                now = time.perf_counter()
                if now - told > 0.5:
                    self._rate = (self.session.step - first) / (now - told)
                    told, first = now, self.session.step
                    self._tell()
                if not self._wait_for_drawing(go):
                    said = "Paused: nothing draws it any longer."
                    break
                time.sleep(max(0.0, start + 1 / FRAMES_A_SECOND - time.perf_counter()))
        except DivergenceError as error:
            wrong = str(error)
        finally:
            go.clear()
            self._tell(said, wrong)

    def _stretch(self) -> int:
        """Steps up to the next frame: as many as are asked for and a frame has time for.

        Few at first and after each change, when most happens.
        """
        most = self._speed / FRAMES_A_SECOND
        if self._cost > 0:
            most = min(most, 1 / FRAMES_A_SECOND / self._cost)
        since = self.session.step - self.session.decays[-1][0]
        return max(1, min(round(most), 1 + since // 8))

    def _wait_for_drawing(self, go: threading.Event) -> bool:
        """Never more than a frame ahead of the front end; False if it no longer answers."""
        with self._drawn:
            self._ahead += 1
            return self._drawn.wait_for(lambda: self._ahead < 2 or not go.is_set(), PATIENCE)

    def _advance(self, steps: int) -> None:
        start = time.thread_time()
        self.session.advance(steps)
        self._cost = (time.thread_time() - start) / steps
        self._send_frames(-1)

    def _send_frames(self, first: int) -> None:
        """Send the states from index `first` on; 0 begins anew."""
        steps, content = self.session.states(first)
        message = {"type": "frames", "steps": steps, "fresh": first == 0}
        if first == 0:
            config, seed = self.session.config, self.session.seed
            training = config.task.training_pairs(config.train_share, seed)
            recipe = {name: getattr(config, name) for name in RECIPE}
            message |= {"recipe": recipe, "seed": seed, "pairs": training.astype(int).tolist()}
        self.send(message, [content])

    def _tell(self, said: str = "", wrong: str = "") -> None:
        if self.running and self._rate and not said:
            said = f"{self._rate:,.0f} steps a second"
        decays = [list(change) for change in self.session.decays]
        status = {"running": self.running, "text": wrong or said, "wrong": bool(wrong)}
        self.send({"type": "status", "decays": decays} | status)

    def _page_state(self) -> dict:
        """Without a kernel a worker of the browser trains, with the same start, in float64."""
        recipe = {name: self.initial[name] for name in RECIPE}
        initial = self.initial | {"worker": script("worker"), "recipe": recipe}
        initial["nodes"] = _even_cube(NODES)[: NODES // 2].ravel().tolist()
        return super()._page_state() | {"initial": initial}

    def picture(self) -> go.Figure:
        session = Session(self.session.config, self.session.seed)
        states = []
        for step in (0, 150, 1500):
            session.advance(step - session.step)
            states.append(state_of(f"step {step:,}", session.run(-1), 0))
        return picture(states)


def live_training(config: TrainingConfig | None = None, seed: int = 0) -> View:
    """Train a network while watching, and change its weight decay while it trains.

    Everything drawn is kept: paused, the widget is a scrubber. `widget.run` gives it as a Run; a
    button prints the code that reproduces the state shown, bit for bit.

    Args:
        config: the recipe to begin with; None: the default. It must have one decay throughout.
        seed: integer >= 0.

    Raises:
        ValueError: for an argument out of range.
    """
    config = TrainingConfig() if config is None else config
    _checks.instance("config", config, TrainingConfig)
    return _Live(Session(config, seed, MOST_STATES))
