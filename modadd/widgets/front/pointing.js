// What the pointer is at, what then stands out, and what is said about it: one for all planes.

import { pairSums, pairTable } from "./pairs.js";
/** @import { Points } from "./pairs.js" */
/** @import { Lit } from "./drawing.js" */

/**
 * A token, a pair sum or a label that was pointed at.
 * @typedef {{ kind: "token" | "sum" | "label", index: number }} Focus
 */
/**
 * What two planes show of one state.
 * @typedef {object} Scene
 * @property {Points} E
 * @property {number} reach half a side of the plane of embeddings; that of pair sums is twice it
 * @property {ArrayLike<boolean>} [right] of each pair, whether it is read right
 * @property {ArrayLike<number>} [predicted] of each pair, the label it is read as
 * @property {Set<number>} [heldOut] pairs
 * @property {Uint8Array} [labels] of the ground, (side²), the upper row first
 */

/**
 * The point of a list nearest to (x, y), within a distance; -1 if none is.
 * @param {Points} points
 * @param {number} x
 * @param {number} y
 * @param {number} within
 */
export function nearestPoint(points, x, y, within) {
  let [best, most] = [-1, within * within];
  for (let i = 0; 2 * i < points.length; i++) {
    const [dx, dy] = [points[2 * i] - x, points[2 * i + 1] - y];
    const d = dx * dx + dy * dy;
    if (d <= most) [best, most] = [i, d];
  }
  return best;
}

/**
 * What a point of the plane of pair sums belongs to: a sum within a distance, else a region.
 * @param {Scene} scene
 * @param {number} x
 * @param {number} y
 * @param {number} within
 * @returns {Focus | null}
 */
export function sumOrRegion({ E, reach, labels }, x, y, within) {
  const p = nearestPoint(pairSums(E), x, y, within);
  if (p >= 0) return { kind: "sum", index: p };
  if (!labels) return null;
  const side = Math.round(Math.sqrt(labels.length));
  const cell = (/** @type {number} */ v) => Math.floor((side * (v / (2 * reach) + 1)) / 2);
  const [row, column] = [cell(-y), cell(x)];
  if (row < 0 || column < 0 || row >= side || column >= side) return null;
  return { kind: "label", index: labels[row * side + column] };
}

/**
 * The tokens and pair sums that stand out.
 * @param {Focus | null} focus
 * @param {number} N
 * @returns {{ tokens: Lit, sums: Lit }}
 */
export function litBy(focus, N) {
  if (!focus) return { tokens: null, sums: null };
  const { first, second, label } = pairTable(N);
  const { kind, index } = focus;
  const has = (/** @type {number} */ p, /** @type {number} */ a) =>
    first[p] === a || second[p] === a;
  if (kind === "token") return { tokens: (a) => a === index, sums: (p) => has(p, index) };
  if (kind === "label") return { tokens: null, sums: (p) => label[p] === index };
  return { tokens: (a) => has(index, a), sums: (p) => label[p] === label[index] };
}

/**
 * @param {Focus | null} focus
 * @param {Scene} scene
 */
export function wordsFor(focus, { E, predicted, heldOut }) {
  if (!focus) return "";
  const N = E.length / 2;
  const { first, second, label } = pairTable(N);
  const { kind, index } = focus;
  if (kind === "token") return `Token ${index} and its ${N} pair sums`;
  if (kind === "label") return `Here pair sums are read as ${index}`;
  const sum = `${first[index]} + ${second[index]} ≡ ${label[index]}`;
  const read = predicted ? `, read as ${predicted[index]}` : "";
  return `${sum}${read}${heldOut?.has(index) ? ", held out" : ""}`;
}

/**
 * The next choice from the keyboard: tokens 0 to N − 1, or pair sums in the order of their labels.
 * @param {Focus | null} focus
 * @param {"token" | "sum"} kind
 * @param {number} by
 * @param {number} N
 * @returns {Focus}
 */
export function nextFocus(focus, kind, by, N) {
  const { count, label } = pairTable(N);
  const order = Array.from({ length: kind === "token" ? N : count }, (_, i) => i);
  if (kind === "sum") order.sort((p, q) => label[p] - label[q] || p - q);
  const here = focus?.kind === kind ? order.indexOf(focus.index) : by > 0 ? -1 : 0;
  return { kind, index: order[(here + by + order.length) % order.length] };
}
