// The two-force simulation, live; particles can be dragged.

import { clamp } from "./colours.js";
import { arrowSwitches, button, choice, field, h, number, readings, score } from "./controls.js";
import { drawCurves } from "./curves.js";
import { Planes, panels } from "./planes.js";
import { Generator } from "./random.js";
import { Clock, Stage } from "./stage.js";
import { bondsOf, closure, describe } from "./structure.js";
import { takeAway } from "./takeaway.js";
import { REACH, toUnitRms, twoForceStep, twoForces } from "./two_forces.js";

/** @import { Context } from "./mount.js" */
/** @import { Thresholds } from "./structure.js" */

const LARGEST = 0.2; // the force of the longest arrows

/** Particles, their speed, and the curves of their way. */
export class Simulation {
  step = 0;
  /** @type {{ steps: number[], potential: number[], closure: number[] }} */
  history = { steps: [], potential: [], closure: [] };

  /** @param {ArrayLike<number>} start @param {Thresholds} thresholds */
  constructor(start, thresholds) {
    this.E = toUnitRms(Float64Array.from(start));
    this.speed = new Float64Array(start.length);
    this.thresholds = thresholds;
  }

  /**
   * One step, `held` staying where it is.
   * @param {{ alignment: number, reach: number, stepSize: number, momentum: number }} options
   * @param {number} [held]
   */
  advance(options, held = -1) {
    const { E, speed } = this;
    const hand = [E[2 * held], E[2 * held + 1]];
    twoForceStep(E, speed, options);
    if (held >= 0) [E[2 * held], E[2 * held + 1]] = hand;
    this.step++;
    this.note(options);
  }

  /** Keep the curves: every step at first, ever fewer later. @param {any} options */
  note(options) {
    const every = Math.max(1, 2 ** Math.floor(Math.log2(Math.max(1, this.step / 200))));
    if (this.step % every) return;
    this.history.steps.push(this.step);
    this.history.potential.push(twoForces(this.E, options).potential);
    this.history.closure.push(closure(this.E, this.thresholds));
  }

  /** @param {number} a @param {number} x @param {number} y */
  put(a, x, y) {
    this.speed[2 * a] = this.speed[2 * a + 1] = 0;
    this.E[2 * a] = clamp(x, -REACH, REACH);
    this.E[2 * a + 1] = clamp(y, -REACH, REACH);
  }
}

/** @param {Context} context */
export function particles({ model, el }) {
  const view = new Particles(el, model.get("shared"), model.get("initial"));
  return () => view.stage.close();
}

class Particles {
  #due = 0;
  #held = -1;
  /** @type {Set<string>} */
  #arrows = new Set();

  /**
   * @param {HTMLElement} el
   * @param {any} shared
   * @param {any} initial
   */
  constructor(el, shared, initial) {
    this.initial = initial;
    this.stage = new Stage(el, "particles", shared, () => this.#draw());
    this.planes = new Planes(this.stage, "", {
      move: (a, x, y) => {
        this.#held = a;
        this.simulation.put(a, x, y);
        this.stage.schedule();
      },
      drop: () => {
        this.#held = -1;
      },
    });
    this.curves = this.stage.canvas("Potential and closure over steps");
    this.found = readings(["step", "potential", "circle", "grid", "closure", "reads as"]);
    this.fields = this.#fields();
    this.simulation = this.#begin();
    const rates = /** @type {[number, string][]} */ ([20, 60, 240].map((v) => [v, String(v)]));
    this.pace = choice("steps a second", 60, rates);
    this.pace.root.className = "";
    const play = button("play", "play", () => this.clock.set(!this.clock.running));
    this.clock = new Clock(this.stage, (seconds) => this.#tick(seconds), play);
    this.#lay(play);
    this.stage.playOnSpace(() => this.clock.set(!this.clock.running));
  }

  /** @param {HTMLElement} play */
  #lay(play) {
    const one = button("forward", "one step", () => {
      this.clock.set(false);
      this.#advance();
      this.stage.schedule();
    });
    const group = h("div", { className: "group" });
    group.append(
      play,
      one,
      button("reset", "reset", () => this.#reset()),
    );
    const curves = h("figure", { className: "curves" }, this.curves.node);
    const controls = h("div", { className: "controls" });
    controls.append(...Object.values(this.fields).map((f) => f.root));
    const names = ["Particles", "Pair sums", "Curves"];
    const { colors } = this.stage.shared;
    this.stage.root.append(
      h("div", { className: "bar player" }, group, this.pace.root),
      panels([...this.planes.figures, curves], names),
      this.planes.words,
      this.found.root,
      controls,
      arrowSwitches(["clustering", "alignment", "sum"], this.#arrows, colors, this.stage.schedule),
      takeAway(this.stage, {
        begin: () => this.clock.set(true),
        playing: () => this.clock.running,
      }),
    );
  }

  #fields() {
    const { initial } = this;
    const range = (
      /** @type {string} */ label,
      /** @type {string} */ name,
      /** @type {number} */ step,
    ) => {
      const [min, max] = initial.limits[name];
      const show = (/** @type {number} */ v) => v.toFixed(2);
      const options = { value: initial[name], min, max, step, type: "range", show };
      return field(label, options, this.stage.schedule);
    };
    const whole = (/** @type {string} */ label, /** @type {string} */ name) => {
      const [min, max] = initial.limits[name];
      return field(label, { value: initial[name], min, max, step: 1 }, () => this.#reset());
    };
    return {
      alignment: range("alignment force", "alignment_force", 0.01),
      stepSize: range("step size", "step_size", 0.01),
      momentum: range("momentum", "momentum", 0.02),
      N: whole("particles N", "modulus"),
      seed: whole("seed", "seed"),
    };
  }

  #options() {
    const { alignment, stepSize, momentum } = this.fields;
    return {
      alignment: alignment.value(),
      reach: this.initial.reach,
      stepSize: stepSize.value(),
      momentum: momentum.value(),
    };
  }

  /** From the start that was given, or from that of another seed. */
  #begin() {
    const [n, seed] = [this.fields.N.value(), this.fields.seed.value()];
    const { start, modulus, seed: own } = this.initial;
    const given = start && n === modulus && seed === own;
    const E = given ? start : new Generator([seed, 0]).standardNormal(2 * n);
    const simulation = new Simulation(E, this.stage.shared.thresholds);
    simulation.note(this.#options());
    return simulation;
  }

  #reset() {
    this.simulation = this.#begin();
    this.stage.schedule();
  }

  /** @param {number} seconds */
  #tick(seconds) {
    this.#due += seconds * this.pace.value();
    for (; this.#due >= 1; this.#due--) this.#advance();
    this.stage.schedule();
  }

  #advance() {
    this.simulation.advance(this.#options(), this.#held);
  }

  #draw() {
    const { E, history, step } = this.simulation;
    const forces = twoForces(E, this.#options());
    const sum = forces.clustering.map((f, i) => f + forces.alignment[i]);
    const arrows = [...this.#arrows].map((name) => {
      const force = { ...forces, sum }[/** @type {"sum"} */ (name)];
      return { force, name, largest: LARGEST };
    });
    const found = describe(E, this.stage.shared.thresholds);
    this.planes.show({ E, reach: REACH, arrows, bonds: bondsOf(E.length / 2, found) });
    const [g, w, hh] = this.curves.begin();
    const plots = [
      { title: "Potential", lines: [{ style: "training", values: history.potential }] },
      { title: "Closure", lines: [{ style: "training", values: history.closure }] },
    ];
    const content = { steps: history.steps, plots, cursor: history.steps.length - 1 };
    if (w) drawCurves(g, w, hh, content, this.stage.theme);
    this.found.set([
      [step.toLocaleString("en")],
      [number(forces.potential)],
      score(found.circle, ` (k = ${found.frequency})`),
      score(found.grid),
      score(found.closure),
      [found.kind],
    ]);
  }
}
