// The story on the first page: six scenes, each alive while it is in view.
//
// Networks are trained here, by the worker of the page that trains; what is drawn, the widgets draw.

import { css, tokenColors } from "../../modadd/widgets/front/colours.js";
import { Companion } from "../../modadd/widgets/front/companion.js";
import { arrowSwitches, button, field, h, share } from "../../modadd/widgets/front/controls.js";
import { drawCurves } from "../../modadd/widgets/front/curves.js";
import { Planes } from "../../modadd/widgets/front/planes.js";
import { nextFocus } from "../../modadd/widgets/front/pointing.js";
import { Generator } from "../../modadd/widgets/front/random.js";
import { Clock, reducedMotion, Stage } from "../../modadd/widgets/front/stage.js";
import { bondsOf, describe } from "../../modadd/widgets/front/structure.js";
import {
  REACH,
  toUnitRms,
  twoForceStep,
  twoForces,
} from "../../modadd/widgets/front/two_forces.js";
import {
  chips,
  drawFace,
  Film,
  HOURS,
  moving,
  named,
  SANS,
  titled,
  train,
  viewOf,
} from "./film.js";

/** @import { States } from "../../modadd/widgets/front/states.js" */
/** @import { Frame } from "../../modadd/widgets/front/tracks.js" */
/** @import { State } from "./film.js" */

/** A scene begins when it comes into view, and rests when it leaves.
 * @typedef {{ begin: () => void, rest: () => void }} Alive */

/**
 * @param {Iterable<Element>} places
 * @param {State} state
 */
export function story(places, state) {
  /** @type {Map<Element, Alive>} */
  const open = new Map();
  const inView = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        const place = /** @type {HTMLElement} */ (target);
        const name = /** @type {keyof typeof SCENES} */ (place.dataset.scene);
        if (!isIntersecting) open.get(place)?.rest();
        else {
          const scene = open.get(place) ?? new SCENES[name](place, state);
          open.set(place, scene);
          scene.begin();
        }
      }
    },
    { rootMargin: "-15% 0px" },
  );
  for (const place of places) inView.observe(place);
}

/** A clock that adds; beside it a network that has not begun. Guess what it draws. */
class Guess {
  #seed = 5;
  #time = 0;
  #sum = [9, 12];

  /** @param {HTMLElement} place @param {State} state */
  constructor(place, state) {
    this.film = new Film(place, state, (frame, part, next) => {
      this.planes.show(moving(frame, part, next));
      if (this.film.player.index === this.film.last) this.#tell(frame);
    });
    const { stage } = this.film;
    this.planes = new Planes(stage, "");
    this.dial = stage.canvas("A clock with 17 hours adds two of them");
    this.clock = new Clock(stage, (seconds) => this.#tick(seconds), h("button"));
    this.says = h("p", { className: "says", role: "status" });
    this.answers = chips(["a circle", "a grid", "a line from 0 to 16", "nothing"], () =>
      this.#reveal(),
    );
    const another = h("button", { type: "button" }, "another start");
    another.addEventListener("click", () => {
      this.#seed++;
      this.film.load(this.#seed);
      this.#reveal();
    });
    this.film.bar.append(another);
    this.film.bar.hidden = true;
    const figures = h("div", { className: "panels" });
    const [shown, drawn] = [this.dial, this.planes.tokens].map(({ node }) => node);
    figures.append(titled("What it is shown", shown).root, titled("What it draws", drawn).root);
    stage.root.append(figures, this.answers.root, this.film.bar, this.says);
    this.insight = place.closest("section")?.querySelector(".insight");
    this.insight?.classList.add("later");
    this.film.load(this.#seed);
    this.#drawDial();
  }

  begin() {
    this.clock.set(!reducedMotion());
    this.#drawDial();
  }

  rest() {
    this.clock.set(false);
  }

  #reveal() {
    this.insight?.classList.remove("later");
    this.film.bar.hidden = false;
    this.says.textContent = "It trains …";
    this.film.ready.then(() => this.film.run());
  }

  /** @param {Frame} frame */
  #tell(frame) {
    const [right] = share(frame.accuracy);
    const text = `It drew ${named(frame.kind)}, and reads ${right} of all sums right.`;
    if (!this.film.bar.hidden && this.says.textContent !== text) this.says.textContent = text;
  }

  /** @param {number} seconds */
  #tick(seconds) {
    this.#time += seconds;
    if (this.#time > 2.6) {
      this.#time = 0;
      this.#sum = this.#sum.map((v, i) => (5 * v + 3 + 4 * i) % HOURS);
    }
    this.#drawDial();
  }

  #drawDial() {
    const turn = reducedMotion() ? 1 : Math.min(1, Math.max(0, (this.#time - 0.5) / 1.1));
    const [a, b] = this.#sum;
    const face = drawFace(this.dial, this.film.stage, turn === 1 ? [a, (a + b) % HOURS] : [a]);
    if (!face) return;
    const { g, x, y, r, at, angle } = face;
    const now = a + b * turn * turn * (3 - 2 * turn);
    g.strokeStyle = css(tokenColors(HOURS)[(a + b) % HOURS]);
    g.lineWidth = 4;
    g.beginPath();
    g.arc(x, y, 0.74 * r, angle(a), angle(now));
    g.stroke();
    g.strokeStyle = g.fillStyle = css(this.film.stage.theme.ink);
    g.lineWidth = 2;
    g.beginPath();
    g.moveTo(x, y);
    g.lineTo(...at(now, 0.74 * r));
    g.stroke();
    g.font = `600 ${Math.max(13, 0.15 * r)}px ${SANS}`;
    g.fillText(`${a} + ${b} = ${turn === 1 ? (a + b) % HOURS : "?"}`, x, y + 0.32 * r);
  }
}

/** The picture as it comes about, of three starts; and its neighbours on the face of the clock. */
class Picture {
  /** @param {HTMLElement} place @param {State} state */
  constructor(place, state) {
    this.film = new Film(place, state, (frame, part, next) => {
      this.planes.show(moving(frame, part, next));
      drawFace(this.face, this.film.stage, [], frame.bonds);
    });
    const { stage } = this.film;
    this.planes = new Planes(stage, "");
    this.face = stage.canvas("The same neighbours, joined on the face of the clock");
    const seeds = [5, 20, 22];
    const starts = chips(["a grid", "a circle", "a stripe"], (i) => this.#load(seeds[i]));
    starts.press(0);
    const figures = h("div", { className: "panels" });
    figures.append(
      titled("The picture", this.planes.tokens.node).root,
      titled("Neighbours, on the clock", this.face.node).root,
    );
    stage.root.append(starts.root, figures, this.film.bar);
    this.#load(seeds[0]);
  }

  /** @param {number} seed */
  #load(seed) {
    this.film.load(seed).then(() => this.film.run());
  }

  begin() {
    this.film.stage.schedule();
  }

  rest() {
    this.film.player.clock.set(false);
  }
}

/** Pair sums over the regions of the labels; until someone points, one after another stands out. */
class Why {
  #wait = 0;
  #own = false;

  /** @param {HTMLElement} place @param {State} state */
  constructor(place, state) {
    this.film = new Film(place, state, (frame) => this.planes.show(viewOf(frame)));
    const { stage } = this.film;
    this.planes = new Planes(stage, " over what the network reads there");
    const figures = h("div", { className: "panels" }, ...this.planes.figures);
    for (const kind of ["pointerdown", "pointerenter", "keydown"]) {
      figures.addEventListener(kind, () => {
        this.#own = true;
        this.clock.set(false);
      });
    }
    this.clock = new Clock(stage, (seconds) => this.#tick(seconds), h("button"));
    stage.root.append(figures, this.planes.words);
    this.film.load(5).then(() => {
      this.film.player.set(this.film.last);
      this.#next();
    });
  }

  /** @param {number} seconds */
  #tick(seconds) {
    this.#wait += seconds;
    if (this.#wait > 1.8) this.#next();
  }

  #next() {
    this.#wait = 0;
    if (!this.#own) this.planes.focus = nextFocus(this.planes.focus, "sum", 40, HOURS);
    this.film.stage.schedule();
  }

  begin() {
    this.clock.set(!this.#own && !reducedMotion());
  }

  rest() {
    this.clock.set(false);
  }
}

/** Particles under both tendencies, or one of them. */
class Tendencies {
  #seed = 19;
  #due = 0;
  #step = 0;
  /** @type {Float64Array} */
  E = new Float64Array(2 * HOURS);
  #arrows = new Set(["clustering", "alignment"]);
  speed = new Float64Array(2 * HOURS);

  /** @param {HTMLElement} place @param {State} state */
  constructor(place, { shared, initial }) {
    this.options = { ...initial.particles, alignment: 0 };
    this.stage = new Stage(place, "story", shared, () => this.#draw());
    this.planes = new Planes(this.stage, "");
    const names = ["clustering alone", "both", "alignment alone"];
    const set = (/** @type {number} */ value) => {
      this.options.alignment = value;
      this.mix.set(value);
      this.#again();
    };
    const alone = chips(names, (i) => set([0, 0.5, 1][i]));
    const show = (/** @type {number} */ v) => v.toFixed(2);
    const range = { value: 0, min: 0, max: 1, step: 0.05, type: "range", show };
    this.mix = field("share of alignment", range, (value) => {
      alone.press(-1);
      this.options.alignment = value;
      this.#step = 0;
      this.clock.set(true);
    });
    const play = button("play", "play", () => this.clock.set(!this.clock.running));
    const another = h("button", { type: "button" }, "another start");
    another.addEventListener("click", () => {
      this.#seed++;
      this.#again();
    });
    this.clock = new Clock(this.stage, (seconds) => this.#tick(seconds), play);
    this.says = h("p", { className: "says", role: "status" });
    const figures = h("div", { className: "panels" }, ...this.planes.figures);
    this.mix.root.className = "mix";
    const bar = h("div", { className: "bar" }, play, this.mix.root, another);
    const { colors } = this.stage.shared;
    const forces = ["clustering", "alignment"];
    const arrows = arrowSwitches(forces, this.#arrows, colors, this.stage.schedule);
    this.stage.root.append(alone.root, figures, bar, arrows, this.says);
    this.stage.playOnSpace(() => this.clock.set(!this.clock.running));
    alone.press(0);
    this.#start();
  }

  #start() {
    this.E = toUnitRms(new Generator([this.#seed, 0]).standardNormal(2 * HOURS));
    this.speed = new Float64Array(2 * HOURS);
    this.#step = 0;
    this.stage.schedule();
  }

  #again() {
    this.#start();
    this.clock.set(true);
  }

  /** @param {number} seconds */
  #tick(seconds) {
    this.#due += 25 * seconds;
    for (; this.#due >= 1; this.#due--, this.#step++) {
      twoForceStep(this.E, this.speed, this.options);
    }
    if (this.#step > 200) this.clock.set(false);
    this.stage.schedule();
  }

  #draw() {
    const found = describe(this.E, this.stage.shared.thresholds);
    const { clustering, alignment } = twoForces(this.E, this.options);
    const known = Object.entries({ clustering, alignment }).filter(([name]) =>
      this.#arrows.has(name),
    );
    const arrows = known.map(([name, force]) => ({ force, name, largest: 0.2 }));
    this.planes.show({ E: this.E, reach: REACH, arrows, bonds: bondsOf(HOURS, found) });
    const text = `So far: ${named(found.kind)}.`;
    if (this.says.textContent !== text) this.says.textContent = text;
  }

  begin() {
    if (this.#step <= 200) this.clock.set(!reducedMotion());
    this.stage.schedule();
  }

  rest() {
    this.clock.set(false);
  }
}

/** A network, and particles from its start, on one clock. */
class Without {
  /** @type {Companion | null} */
  #companion = null;

  /** @param {HTMLElement} place @param {State} state */
  constructor(place, state) {
    const { thresholds } = state.shared;
    this.film = new Film(place, state, (frame, part, next) => {
      this.network.show(moving(frame, part, next));
      const companion = this.#companion;
      if (!companion) return;
      const t = PACE * this.film.player.index + Math.round(PACE * part);
      companion.follow(t + 1);
      const own = companion.track.frames[t];
      own.bonds ??= bondsOf(HOURS, describe(own.embeddings, thresholds));
      this.particles.show({ ...viewOf(own), reach: 1.15 * REACH });
      [`Network: ${named(frame.kind)}`, `Two forces: ${named(own.kind)}`].forEach((text, i) => {
        const title = /** @type {HTMLElement} */ (this.titles[i].caption.firstChild);
        if (title.textContent !== text) title.textContent = text;
      });
    });
    const { stage } = this.film;
    this.network = new Planes(stage, "");
    this.particles = new Planes(stage, "");
    const figures = h("div", { className: "panels" });
    this.titles = [this.network, this.particles].map(({ tokens }) => titled("", tokens.node));
    figures.append(...this.titles.map(({ root }) => root));
    stage.root.append(figures, this.film.bar);
    this.film.load(19).then((track) => {
      this.#companion = new Companion(track, state.initial.particles, thresholds);
      this.film.run();
    });
  }

  begin() {
    this.film.stage.schedule();
  }

  rest() {
    this.film.player.clock.set(false);
  }
}

const PACE = 3; // frames of the particles for each of the network

/** A network that has memorised its training pairs; the reader turns the decay on and off. */
class Forgetting {
  /** @type {States | null} */
  #track = null;
  #running = false;
  #undrawn = false;
  #end = 0;
  /** Steps at which the decay was changed. @type {number[]} */
  #marks = [];
  #on = false;

  /** @param {HTMLElement} place @param {State} state */
  constructor(place, state) {
    this.stage = new Stage(place, "story", state.shared, () => this.#draw());
    this.planes = new Planes(this.stage, "");
    this.curves = this.stage.canvas("Force and validation accuracy over steps");
    this.toggle = h("button", { type: "button", className: "chip", disabled: true });
    this.toggle.addEventListener("click", () => this.#turn());
    this.says = h("p", { className: "says", role: "status" }, "Trains without decay …");
    const curves = h("figure", { className: "curves" }, this.curves.node);
    const figures = h("div", { className: "panels" }, this.planes.figures[0], curves);
    this.stage.root.append(figures, h("div", { className: "bar" }, this.toggle), this.says);
    this.#name();
    const plan = { seed: 2, settings: { train_share: 0.8 }, decay: 0, steps: 2000 };
    this.source = train(state, plan, (track) => this.#told(track));
    this.source.send({ type: "speed", value: 1000 });
  }

  #name() {
    this.toggle.textContent = this.#on ? "weight decay: on" : "weight decay: off";
    this.toggle.setAttribute("aria-pressed", String(this.#on));
  }

  /** @param {States} track */
  #told(track) {
    this.#track = track;
    this.toggle.disabled = false;
    this.#undrawn = true;
    const { force, accuracy, validation } = track.frames[track.frames.length - 1];
    const [shown, others] = [accuracy, validation].map((right) => share(right)[0]);
    this.says.textContent = `Force ${force.toPrecision(1)}. Right: ${shown} of the sums it is shown, ${others} of the others.`;
    if (this.#running && track.steps[track.steps.length - 1] >= this.#end) this.#run(false);
    this.stage.schedule();
  }

  /** @param {boolean} on */
  #run(on) {
    this.#running = on;
    this.source.send({ type: on ? "start" : "pause" });
  }

  #turn() {
    const now = this.#track?.steps[this.#track.steps.length - 1] ?? 0;
    this.#on = !this.#on;
    this.#name();
    this.#marks.push(now);
    this.#end = now + 2500;
    this.source.send({ type: "decay", value: this.#on ? 0.003 : 0 });
    this.#run(true);
  }

  #draw() {
    const track = this.#track;
    if (!track) return;
    const frame = track.frames[track.frames.length - 1];
    const { measured: force } = frame;
    const arrows = force ? [{ force, name: "measured", largest: track.largest }] : [];
    this.planes.show({ ...viewOf(frame), arrows });
    const [g, w, height] = this.curves.begin();
    const line = (/** @type {string} */ style, /** @type {"force" | "validation"} */ name) => ({
      style,
      values: track.frames.map((f) => f[name]),
    });
    const plots = [
      { title: "Force, rms", log: true, lines: [line("training", "force")] },
      {
        title: "The other sums, right",
        percent: true,
        lines: [line("validation", "validation")],
      },
    ];
    const content = {
      steps: track.steps,
      plots,
      cursor: track.steps.length - 1,
      marks: this.#marks,
    };
    if (w) drawCurves(g, w, height, content, this.stage.theme);
    if (this.#undrawn) this.source.send({ type: "drawn" });
    this.#undrawn = false;
  }

  begin() {
    if (this.#track && this.#track.steps[this.#track.steps.length - 1] < this.#end) this.#run(true);
    this.stage.schedule();
  }

  rest() {
    if (this.#running) this.#run(false);
  }
}

const SCENES = {
  guess: Guess,
  picture: Picture,
  why: Why,
  tendencies: Tendencies,
  without: Without,
  decay: Forgetting,
};
