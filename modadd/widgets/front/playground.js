// The playground: circles, lattices and noise, before any training.

import { choice, field, h, readings, score, share } from "./controls.js";
import { pairSums, pairTable } from "./pairs.js";
import { normalised, spacing } from "./plane.js";
import { Planes, panels } from "./planes.js";
import { Generator } from "./random.js";
import { circleOf, latticeOf, nearestLabels, neighbours, separability } from "./shapes.js";
import { Stage } from "./stage.js";
import { describe, inverse } from "./structure.js";
import { takeAway } from "./takeaway.js";

/** @import { Context } from "./mount.js" */
/** @import { Scene } from "./pointing.js" */

const RESOLVED = 128; // nodes a side of the labels on the ground
const NOTE =
  "Nearest alike: ordered pairs whose nearest other pair sum has the same label; the others wear " +
  "a rim.";

/** @typedef {"circle" | "lattice" | "noise"} Shape */
/** @typedef {Record<"modulus" | "frequency" | "step" | "noise", [number, number]>} Limits */

/** @param {Context} context */
export function playground({ model, el }) {
  const view = new Playground(el, model.get("shared"), model.get("initial"));
  return () => view.stage.close();
}

class Playground {
  /** @type {(Scene & { bonds: number[][] }) | null} */
  #scene = null;
  #noiseSeed = 1;

  /**
   * @param {HTMLElement} el
   * @param {any} shared
   * @param {any} initial
   */
  constructor(el, shared, initial) {
    this.stage = new Stage(el, "playground", shared, () => this.#draw());
    const drag = { move: this.#drag.bind(this), drop: () => {} };
    this.planes = new Planes(this.stage, " over the nearest one's label", drag);
    this.found = readings(["nearest alike", "closure", "circle", "grid", "reads as"]);
    this.note = h("p", { className: "note", role: "status" });
    this.fields = this.#fields(initial);
    const again = h("button", { type: "button" }, "new noise");
    again.addEventListener("click", () => {
      this.#noiseSeed++;
      this.#update();
    });
    const { shape, N, k, u, v, noise } = this.fields;
    const controls = h("div", { className: "controls" });
    controls.append(...[shape, N, k, u, v, noise].map((f) => f.root), again);
    const shown = panels(this.planes.figures, ["Embeddings", "Pair sums"]);
    this.stage.root.append(
      controls,
      shown,
      this.planes.words,
      this.found.root,
      this.note,
      takeAway(this.stage),
    );
    this.#update();
  }

  /** @param {{ shape: Shape, modulus: number, frequency: number, steps: number[], noise: number,
   *   limits: Limits }} initial */
  #fields({ shape, modulus, frequency, steps, noise, limits }) {
    const update = () => this.#update();
    const whole = (
      /** @type {string} */ label,
      /** @type {number} */ value,
      /** @type {[number, number]} */ [min, max],
    ) => field(label, { value, min, max, step: 1 }, update);
    const shapes = /** @type {[Shape, string][]} */ ([
      ["circle", "circle"],
      ["lattice", "lattice"],
      ["noise", "noise only"],
    ]);
    const [min, max] = limits.noise;
    const show = (/** @type {number} */ x) => `${x.toFixed(2)} spacings`;
    const range = { value: noise, min, max, step: 0.02, type: "range", show };
    return {
      shape: choice("structure", shape, shapes, update),
      N: whole("tokens N", modulus, limits.modulus),
      k: whole("frequency k", frequency, limits.frequency),
      u: whole("step u", steps[0], limits.step),
      v: whole("step v", steps[1], limits.step),
      noise: field("noise", range, update),
    };
  }

  /** The structure without noise, and the steps between its neighbours; null if there is none. */
  #clean() {
    const { shape, N, k, u, v } = this.fields;
    const n = N.value();
    if (shape.value() === "circle") {
      return { E: circleOf(n, k.value()), steps: [inverse(k.value() % n, n)] };
    }
    if (shape.value() === "noise") return { E: noiseOf(this.#noiseSeed + 7919, n), steps: [] };
    const steps = [u.value() % n, v.value() % n];
    const E = latticeOf(n, steps[0], steps[1]);
    return E && { E, steps };
  }

  #update() {
    const { shape, N, k, u, v, noise } = this.fields;
    const n = N.value();
    k.root.hidden = shape.value() !== "circle";
    u.root.hidden = v.root.hidden = shape.value() !== "lattice";
    const clean = this.#clean();
    this.note.classList.toggle("wrong", !clean);
    this.note.textContent = NOTE;
    if (!clean) {
      const [a, b] = [u.value() % n, v.value() % n];
      this.note.textContent = `Steps ${a} and ${b} do not reach every token of Z${n}: choose others.`;
      return;
    }
    const { coincident } = this.stage.shared.thresholds;
    const rms = Math.sqrt(clean.E.reduce((s, x) => s + x * x, 0) / n);
    const scale = noise.value() * (spacing(normalised(clean.E), coincident) || 1) * rms;
    const jitter = noiseOf(this.#noiseSeed, n);
    const E = clean.E.map((x, i) => x + scale * jitter[i]);
    this.#measure(E, neighbours(clean.E, n, clean.steps), 1.12 * Math.max(...E.map(Math.abs)));
  }

  /** @param {Float64Array} E @param {number[][]} bonds @param {number} reach */
  #measure(E, bonds, reach) {
    const alike = separability(E);
    const { label } = pairTable(E.length / 2);
    const labels = nearestLabels(pairSums(E), label, 2 * reach, RESOLVED);
    this.#scene = { E, reach, bonds, right: alike.right, labels };
    const { circle, frequency, grid, closure, kind } = describe(E, this.stage.shared.thresholds);
    const ring = score(circle, ` (k = ${frequency})`);
    this.found.set([share(alike.share), score(closure), ring, score(grid), [kind]]);
    this.stage.schedule();
  }

  /** @param {number} a @param {number} x @param {number} y */
  #drag(a, x, y) {
    if (!this.#scene) return;
    const { E, bonds, reach } = this.#scene;
    const moved = Float64Array.from(E);
    const inside = (/** @type {number} */ w) => Math.min(Math.max(w, -reach), reach);
    [moved[2 * a], moved[2 * a + 1]] = [inside(x), inside(y)];
    this.#measure(moved, bonds, reach);
  }

  #draw() {
    if (!this.#scene) return;
    const { bonds, ...scene } = this.#scene;
    this.planes.show({ ...scene, bonds: { bonds, clear: 1 } });
  }
}

/** @param {number} seed @param {number} n */
const noiseOf = (seed, n) => new Generator([seed]).standardNormal(2 * n);
