"""Live training: a network that trains while it is watched."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import ClassVar

import numpy as np
import plotly.graph_objects as go
import traitlets

from modadd import _checks
from modadd.run import DivergenceError, Run
from modadd.training import TrainingConfig
from modadd.widgets import _frames
from modadd.widgets._session import Session
from modadd.widgets._view import View, picture, state_of

FRAMES_A_SECOND = 20
"""How often live training is drawn."""

MOST_STATES = 1200
"""States that live training keeps; of more, every second one is forgotten."""


class _Live(View):
    kind = traitlets.Unicode("live").tag(sync=True)
    initial = traitlets.Dict().tag(sync=True)
    caption = (
        "Training begins, goes on and ends here; in the widget it runs live, and its weight decay "
        "can be changed while it runs."
    )
    FIELDS: ClassVar = (
        "learning_rate",
        "train_share",
        "modulus",
        "hidden",
        "bias_scale",
        "label_smoothing",
        "optimiser",
    )

    def __init__(self, session: Session, speed: int) -> None:
        self.session = session
        self._speed, self._reach, self._rate = speed, 0.0, 0.0
        self._lock = threading.RLock()
        self._go = threading.Event()  # set while training goes on; each start has its own
        self._thread: threading.Thread | None = None
        names = (*self.FIELDS, "weight_decay")
        initial = {name: getattr(session.config, name) for name in names}
        initial |= {"seed": session.seed, "speed": speed}
        super().__init__(initial=initial)
        self.on_msg(self._receive)

    @property
    def run(self) -> Run:
        """Everything kept so far, with all parameters."""
        with self._lock:
            return self.session.run()

    @property
    def running(self) -> bool:
        """Whether training goes on at this moment."""
        return self._go.is_set()

    def close(self) -> None:
        """Stop training and take the widget away."""
        self._go.clear()
        super().close()

    # --- what the front end asks for

    def _receive(self, _, content: dict, __) -> None:
        kind, wrong = content.pop("type", None), ""
        if kind not in ("hello", "start", "pause", "step", "reset", "decay", "speed", "code"):
            return
        try:
            getattr(self, f"_on_{kind}")(**content)
        except (ValueError, DivergenceError) as error:
            wrong = str(error)
        self._tell(wrong)

    def _on_hello(self) -> None:
        with self._lock:
            self._send_frames(0)

    def _on_start(self) -> None:
        if not self.running:
            self._go = go = threading.Event()
            go.set()
            self._thread = threading.Thread(target=self._train, args=[go], daemon=True)
            self._thread.start()

    def _on_pause(self) -> None:
        self._go.clear()
        if self._thread is not None:
            self._thread.join(5)

    def _on_step(self) -> None:
        self._on_pause()
        self._advance(1)

    def _on_decay(self, value: float) -> None:
        with self._lock:
            self.session.weight_decay = value

    def _on_speed(self, value: float) -> None:
        self._speed = _checks.real("speed", value, 1, 1e6)

    def _on_reset(self, settings: dict) -> None:
        again = self.running
        self._on_pause()
        with self._lock:
            before = self.session
            chosen = {name: settings[name] for name in self.FIELDS if name in settings}
            for name in {"modulus", "hidden"} & set(chosen):
                chosen[name] = round(chosen[name])
            config = replace(before.config, **chosen, weight_decay=before.weight_decay)
            seed = round(settings.get("seed", before.seed))
            self.session, self._reach = Session(config, seed, MOST_STATES), 0.0
            self._send_frames(0)
        if again:
            self._on_start()

    def _on_code(self) -> None:
        with self._lock:
            self.send({"type": "code", "text": self.session.code()})

    # --- what it is told

    def _train(self, go: threading.Event) -> None:
        """Train and draw until `go` is cleared; runs in a thread of its own."""
        wrong, told, began, first = "", 0.0, time.perf_counter(), self.session.step
        try:
            while go.is_set():
                start = time.perf_counter()
                # Dense at first and after each change, when most happens; then as was asked for.
                with self._lock:
                    most = max(1, round(self._speed / FRAMES_A_SECOND))
                    since = self.session.step - self.session.decays[-1][0]
                    self._advance(min(most, 1 + since // 8))
                now = time.perf_counter()
                if now - told > 0.5:
                    self._rate = (self.session.step - first) / max(now - began, 1e-9)
                    told, began, first = now, now, self.session.step
                    self._tell()
                # Never without a break: who waits for the lock must get a chance to take it.
                time.sleep(max(0.002, start + 1 / FRAMES_A_SECOND - now))
        except DivergenceError as error:
            wrong = str(error)
        finally:
            go.clear()
            self._tell(wrong)

    def _advance(self, steps: int) -> None:
        with self._lock:
            self.session.advance(steps)
            self._send_frames(-1)

    def _send_frames(self, first: int) -> None:
        """Send the states from index `first` on; 0 begins anew."""
        run = self.session.run(first)
        largest = _frames.MARGIN * float(np.abs(run.embeddings).max())
        if largest > self._reach:  # with room to grow, so that the view does not creep
            self._reach = largest * (1.25 if first else 1.05)
        header = _frames.track(run, self.session.seed, compress=False, reach=self._reach)
        content = header.pop("bytes")
        self.send({"type": "frames", "header": header, "fresh": first == 0}, [content])

    def _tell(self, wrong: str = "") -> None:
        text = f"{self._rate:,.0f} steps a second" if self.running and self._rate else ""
        self.send(
            {
                "type": "status",
                "running": self.running,
                "text": wrong or text,
                "wrong": bool(wrong),
                "weight_decay": self.session.weight_decay,
            }
        )

    def fragment(self) -> None:
        """No page: training takes a kernel."""

    def picture(self) -> go.Figure:
        session = Session(self.session.config, self.session.seed)
        states = []
        for step in (0, 150, 1500):
            session.advance(step - session.step)
            states.append(state_of(f"step {step:,}", session.run(-1), 0))
        return picture(states)


def live_training(config: TrainingConfig | None = None, seed: int = 0, speed: int = 4000) -> View:
    """Train a network while watching, and change its weight decay while it trains.

    Everything drawn is kept: paused, the widget is a scrubber. `widget.run` gives it as a Run; a
    button prints the code that reproduces the present state, bit for bit.

    Args:
        config: the recipe to begin with; None: the default. It must have one decay throughout.
        seed: integer >= 0.
        speed: at most so many steps a second, 1 to 1e6.

    Raises:
        ValueError: for an argument out of range.
    """
    config = TrainingConfig() if config is None else config
    _checks.instance("config", config, TrainingConfig)
    speed = int(_checks.real("speed", speed, 1, 1e6))
    return _Live(Session(config, seed, MOST_STATES), speed)
