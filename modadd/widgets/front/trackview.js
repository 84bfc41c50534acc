// One track on the stage: embeddings, pair sums, curves and readings of one of its frames.

import { h, number, readings, score, share } from "./controls.js";
import { drawCurves } from "./curves.js";
import { Planes, panels } from "./planes.js";
import { reducedMotion } from "./stage.js";
import { bondsOf, describe } from "./structure.js";
import { between } from "./tracks.js";

/** @import { Reading } from "./controls.js" */
/** @import { Plot } from "./curves.js" */
/** @import { View } from "./planes.js" */
/** @import { Stage } from "./stage.js" */
/** @import { Frame, Track } from "./tracks.js" */

const TRAIL = 7; // frames behind the one shown

export class TrackView {
  /** @type {WeakMap<Frame, View["bonds"]>} */
  #bonds = new WeakMap();
  /** @type {((px: number) => number) | null} */
  #stepAt = null;

  /**
   * @param {Stage} stage
   * @param {Track} track
   * @param {Set<string>} shown names of arrows
   * @param {(step: number) => void} onstep called while the curves are dragged
   */
  constructor(stage, track, shown, onstep) {
    this.stage = stage;
    this.track = track;
    this.shown = shown;
    const over = track.heldOut.size ? ", hollow if held out" : "";
    const regions = track.layout.some(([name]) => name === "regions");
    this.planes = new Planes(stage, over || (regions ? " over decision regions" : ""));
    this.curves = stage.canvas("Loss and accuracy over steps; drag to choose a step");
    this.found = readings(readingNames(track));
    this.note = h("p", { className: "note" });
    const drag = (/** @type {PointerEvent} */ event) => {
      if (event.buttons & 1 && this.#stepAt) onstep(this.#stepAt(event.offsetX));
    };
    this.curves.node.addEventListener("pointerdown", (event) => {
      this.curves.node.setPointerCapture(event.pointerId);
      drag(event);
    });
    this.curves.node.addEventListener("pointermove", drag);
    const curves = h("figure", { className: "curves" }, this.curves.node);
    const figures = [...this.planes.figures, curves];
    this.root = h("section", { "aria-label": `${track.title}, seed ${track.seed}` });
    this.root.append(
      panels(figures, ["Embeddings", "Pair sums", "Curves"]),
      this.planes.words,
      this.found.root,
      this.note,
    );
  }

  close() {
    for (const canvas of [this.planes.tokens, this.planes.sums, this.curves]) canvas.close();
  }

  /**
   * @param {number} t
   * @param {number} part of the way to the next frame, while playing
   * @param {number[]} marks steps at which something was changed by hand
   */
  draw(t, part = 0, marks = []) {
    const { track, shown, stage } = this;
    const frame = track.frames[t];
    const next = track.frames[t + 1];
    const moving = part > 0 && next && !reducedMotion();
    const E = moving ? between(frame.embeddings, next.embeddings, part) : frame.embeddings;
    const arrows = [...shown].flatMap((name) => {
      const force = frame[/** @type {"measured"} */ (name)];
      return force ? [{ force, name, largest: track.largest }] : [];
    });
    const past = moving ? track.frames.slice(Math.max(0, t - TRAIL), t + 1) : [];
    const trail = past.map((f) => f.embeddings);
    const { reach, right, predicted, regions: labels } = frame;
    const { heldOut } = track;
    const bonds = this.#bondsOf(frame);
    this.planes.show({ E, reach, right, predicted, labels, heldOut, bonds, arrows, trail });
    const [g, w, hh] = this.curves.begin();
    const content = { steps: track.steps, plots: plotsOf(track), cursor: t, marks };
    if (w) this.#stepAt = drawCurves(g, w, hh, content, stage.theme);
    this.found.set(readingsOf(track, frame));
    this.note.textContent = forceNote(frame, shown);
  }

  /** @param {Frame} frame */
  #bondsOf(frame) {
    if (!this.#bonds.has(frame)) {
      const found = describe(frame.embeddings, this.stage.shared.thresholds);
      this.#bonds.set(frame, bondsOf(this.track.modulus, found));
    }
    return this.#bonds.get(frame);
  }
}

/**
 * Loss and accuracy; for simulations without an accuracy, potential and closure.
 * @param {Track} track
 * @returns {Plot[]}
 */
function plotsOf({ frames, source }) {
  const values = (/** @type {"loss" | "accuracy" | "validation" | "closure"} */ name) =>
    frames.map((frame) => frame[name]);
  const line = (/** @type {"loss" | "accuracy" | "validation" | "closure"} */ name) => ({
    style: name === "validation" ? name : "training",
    values: values(name),
  });
  const loss = { title: source === "two_force" ? "Potential" : "Loss", lines: [line("loss")] };
  if (!values("accuracy").some(Number.isFinite)) {
    return [loss, { title: "Closure", lines: [line("closure")] }];
  }
  const lines = [line("accuracy")];
  if (values("validation").some(Number.isFinite)) lines.push(line("validation"));
  return [loss, { title: "Accuracy", percent: true, lines }];
}

/** @param {Track} track */
function readingNames({ source, heldOut }) {
  const first = source === "two_force" ? ["potential"] : ["loss", "accuracy"];
  const held = heldOut.size ? ["validation"] : [];
  return [...first, ...held, "circle", "grid", "closure", "rms force", "reads as"];
}

/** @param {Track} track @param {Frame} f @returns {Reading[]} */
function readingsOf({ source, heldOut, kinds }, f) {
  /** @type {Reading[]} */
  const first = source === "two_force" ? [[number(f.loss)]] : [[number(f.loss)], share(f.accuracy)];
  const held = heldOut.size ? [share(f.validation)] : [];
  const ring = score(f.circle, f.frequency ? ` (k = ${f.frequency})` : "");
  const rest = [score(f.grid), score(f.closure)];
  return [...first, ...held, ring, ...rest, [number(f.force)], [kinds[f.kind]]];
}

/** How the arrows are scaled, in words. @param {Frame} frame @param {Set<string>} shown */
function forceNote({ scale, r2 }, shown) {
  if (!shown.size) return "";
  const roots = "Arrows grow with the square root of the force.";
  if (Number.isFinite(r2)) {
    const early = r2 < 0.5 ? " It is a law of the beginning (notebook 4)." : "";
    return (
      `${roots} The modelled forces share one scale, ${number(scale)}, fitted to the measured ` +
      `ones at this step: their sum explains R² = ${r2.toFixed(2)}.${early}`
    );
  }
  if (!Number.isFinite(scale)) return roots;
  return `${roots} The modelled forces share one scale: that of the recorded rms force.`;
}
