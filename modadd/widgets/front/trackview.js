// One track on the stage: embeddings, pair sums, curves and readings of one of its frames.

import { h, number, readings, score, share } from "./controls.js";
import { drawCurves } from "./curves.js";
import { modelled } from "./laws.js";
import { pairTable } from "./pairs.js";
import { Planes, panels } from "./planes.js";
import { reducedMotion } from "./stage.js";
import { bondsOf, describe } from "./structure.js";
import { between } from "./tracks.js";

/** @import { Reading } from "./controls.js" */
/** @import { Plot } from "./curves.js" */
/** @import { Stage } from "./stage.js" */
/** @import { Frame, Track } from "./tracks.js" */

const TRAIL = 7; // frames behind the one shown
const PLOT = 85; // px, the least height of each of the curves
const MOST_ARROWS = 31; // tokens up to which forces are modelled: their cost grows as N⁴

export class TrackView {
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
    this.planes = new Planes(stage, over || (track.regions ? " over decision regions" : ""));
    this.curves = stage.canvas("Loss and accuracy over steps; drag to choose a step");
    this.curves.node.style.minHeight = `${PLOT * (track.source === "two_force" ? 2 : 4)}px`;
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
    const arrows = this.#arrows(frame);
    const past = moving ? track.frames.slice(Math.max(0, t - TRAIL), t + 1) : [];
    const trail = past.map((f) => f.embeddings);
    const { reach, predicted, regions: labels } = frame;
    const { heldOut } = track;
    const { label } = pairTable(track.modulus);
    if (predicted && !frame.right) frame.right = label.map((y, p) => predicted[p] === y);
    const { right } = frame;
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
    frame.bonds ??= bondsOf(
      this.track.modulus,
      describe(frame.embeddings, this.stage.shared.thresholds),
    );
    return frame.bonds;
  }

  /** The forces that are switched on. @param {Frame} frame */
  #arrows(frame) {
    const { heldOut, largest, bias_scale, modulus } = this.track;
    if (this.shown.size > Number(this.shown.has("measured")) && !frame.modelled) {
      const { measured, force: rms } = frame;
      const pairs = Uint8Array.from(pairTable(modulus).label, (_, p) => Number(!heldOut.has(p)));
      frame.modelled = modelled(frame.embeddings, bias_scale, pairs, { measured, rms });
    }
    const known = { measured: frame.measured, ...frame.modelled };
    return [...this.shown].flatMap((name) => {
      const force = known[/** @type {"measured" | "sum"} */ (name)];
      return force ? [{ force, name, largest }] : [];
    });
  }
}

/** Forces that arrows can show of a track. @param {Track} track */
export function arrowNames({ frames, modulus }) {
  if (modulus > MOST_ARROWS) return frames[0]?.measured ? ["measured"] : [];
  return [...(frames[0]?.measured ? ["measured"] : []), "clustering", "alignment", "sum"];
}

/**
 * Loss and accuracy, of networks residual and force too; of simulations potential and closure.
 * @param {Track} track
 * @returns {Plot[]}
 */
function plotsOf({ frames, source }) {
  /** @typedef {"loss" | "accuracy" | "validation" | "closure" | "residual" | "force"} Name */
  const line = (/** @type {Name} */ name) => ({
    style: name === "validation" ? name : "training",
    values: frames.map((frame) => frame[name]),
  });
  const there = (/** @type {Name} */ name) => line(name).values.some(Number.isFinite);
  const loss = { title: source === "two_force" ? "Potential" : "Loss", lines: [line("loss")] };
  if (!there("accuracy")) return [loss, { title: "Closure", lines: [line("closure")] }];
  const lines = there("validation") ? [line("accuracy"), line("validation")] : [line("accuracy")];
  const plots = [loss, { title: "Accuracy", percent: true, lines }];
  if (!there("residual")) return plots;
  const residual = { title: "Residual, rms", log: true, lines: [line("residual")] };
  return [...plots, residual, { title: "Force, rms", log: true, lines: [line("force")] }];
}

/** @param {Track} track */
function readingNames({ source, heldOut }) {
  const first = source === "two_force" ? ["potential"] : ["loss", "accuracy"];
  const held = heldOut.size ? ["validation"] : [];
  return [...first, ...held, "circle", "grid", "closure", "rms force", "reads as"];
}

/** @param {Track} track @param {Frame} f @returns {Reading[]} */
function readingsOf({ source, heldOut }, f) {
  /** @type {Reading[]} */
  const first = source === "two_force" ? [[number(f.loss)]] : [[number(f.loss)], share(f.accuracy)];
  const held = heldOut.size ? [share(f.validation)] : [];
  const ring = score(f.circle, f.frequency ? ` (k = ${f.frequency})` : "");
  const rest = [score(f.grid), score(f.closure)];
  return [...first, ...held, ring, ...rest, [number(f.force)], [f.kind]];
}

/** How the arrows are scaled, in words. @param {Frame} frame @param {Set<string>} shown */
function forceNote({ modelled: found }, shown) {
  if (!shown.size) return "";
  const roots = "Arrows grow with the square root of the force.";
  if (!found) return roots;
  const { scale, r2 } = found;
  if (Number.isFinite(r2)) {
    const early = r2 < 0.5 ? " It is a law of the beginning (notebook 4)." : "";
    return (
      `${roots} The modelled forces share one scale, ${number(scale)}, fitted to the measured ` +
      `ones at this step: their sum explains R² = ${r2.toFixed(2)}.${early}`
    );
  }
  return `${roots} The modelled forces share one scale: that of the recorded rms force.`;
}
