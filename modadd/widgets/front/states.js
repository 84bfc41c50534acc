// A track of a network in training: its frames are computed here, from its parameters.

import { layout, measure, regions } from "./network.js";
import { bondsOf, describe } from "./structure.js";

/** @import { Recipe } from "./network.js" */
/** @import { Thresholds } from "./structure.js" */
/** @import { Track } from "./tracks.js" */

const RESOLUTION = 80; // nodes a side of the decision regions
const MARGIN = 1.15; // half a side of the plane of embeddings, over the largest coordinate

/** @typedef {{ recipe: Recipe, seed: number, pairs: ArrayLike<number> }} Origin */
/** @typedef {Track & { recipe: Recipe, pairs: Uint8Array, reach: number }} States */

/** @param {Origin} origin @param {string} [title] @returns {States} */
export function newStates({ recipe, seed, pairs }, title = "Network") {
  const heldOut = Array.from(pairs, (yes, p) => (yes ? -1 : p)).filter((p) => p >= 0);
  return {
    title,
    source: "network",
    modulus: recipe.modulus,
    bias_scale: recipe.bias_scale,
    seed,
    recipe,
    pairs: Uint8Array.from(pairs),
    heldOut: new Set(heldOut),
    regions: true,
    steps: [],
    frames: [],
    largest: 0,
    reach: 0,
  };
}

/**
 * Append states: one array of parameters, float32, for each step.
 * @param {States} track
 * @param {number[]} steps
 * @param {Uint8Array} bytes
 * @param {Thresholds} thresholds
 */
export function addStates(track, steps, bytes, thresholds) {
  const { modulus, hidden } = track.recipe;
  const { size } = layout(modulus, hidden);
  const all = new Float32Array(bytes.slice().buffer);
  for (const [t, step] of steps.entries()) {
    addState(track, step, all.subarray(t * size, (t + 1) * size), thresholds);
  }
}

/**
 * @param {States} track
 * @param {number} step
 * @param {Float32Array} theta
 * @param {Thresholds} thresholds
 */
function addState(track, step, theta, thresholds) {
  const { recipe, pairs, modulus } = track;
  const embeddings = theta.slice(0, 2 * modulus);
  const furthest = embeddings.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  // With room to grow, so that the view does not creep.
  if (MARGIN * furthest > track.reach) {
    track.reach = MARGIN * furthest * (track.frames.length ? 1.25 : 1.05);
  }
  const found = describe(embeddings, thresholds);
  const { predicted, measured, ...values } = measure(theta, recipe, pairs);
  const ground = regions(theta, recipe, 2 * track.reach, RESOLUTION);
  track.steps.push(step);
  track.frames.push({
    ...values,
    step,
    embeddings,
    measured,
    predicted,
    circle: found.circle,
    frequency: found.frequency,
    grid: found.grid,
    closure: found.closure,
    kind: found.kind,
    bonds: bondsOf(modulus, found),
    reach: track.reach,
    regions: ground,
  });
  for (const f of measured) track.largest = Math.max(track.largest, Math.abs(f));
}
