// What the playground shows: structures built by hand, and how well pair sums tell labels apart.

import { pairSums, pairTable } from "./pairs.js";
import { normalised } from "./plane.js";
/** @import { Points } from "./pairs.js" */

/** @param {number} N @param {number} k */
export function circleOf(N, k) {
  const E = new Float64Array(2 * N);
  for (let a = 0; a < N; a++) {
    E[2 * a] = Math.cos((2 * Math.PI * k * a) / N);
    E[2 * a + 1] = Math.sin((2 * Math.PI * k * a) / N);
  }
  return E;
}

/**
 * A patch of a square lattice with a = i u + j v (mod N), each token at its shortest (i, j); null
 * where the steps do not reach all tokens.
 * @param {number} N
 * @param {number} u
 * @param {number} v
 */
export function latticeOf(N, u, v) {
  const E = new Float64Array(2 * N);
  const best = new Array(N).fill(Number.POSITIVE_INFINITY);
  for (let i = -N; i <= N; i++) {
    for (let j = -N; j <= N; j++) {
      const a = (((i * u + j * v) % N) + N) % N;
      const d = Math.hypot(i - 0.013, j - 0.007);
      if (d < best[a]) [best[a], E[2 * a], E[2 * a + 1]] = [d, i, j];
    }
  }
  return best.every(Number.isFinite) ? normalised(E) : null;
}

/**
 * Of every pair, whether the nearest other pair sum carries the same label; coincident sums are
 * judged together, by the majority of their labels. The share counts ordered pairs.
 * @param {Points} E
 */
export function separability(E) {
  const x = pairSums(normalised(E));
  const { N, count, label, weight } = pairTable(E.length / 2);
  const right = [];
  let share = 0;
  for (let p = 0; p < count; p++) {
    let [nearest, votes, all] = [Number.POSITIVE_INFINITY, 0, 0];
    for (let q = 0; q < count; q++) {
      if (q === p) continue;
      const [dx, dy] = [x[2 * p] - x[2 * q], x[2 * p + 1] - x[2 * q + 1]];
      const d = Math.sqrt(dx * dx + dy * dy);
      if (d < nearest - 1e-9) [nearest, votes, all] = [d, 0, 0];
      if (d > nearest + 1e-9) continue;
      if (label[q] === label[p]) votes++;
      all++;
    }
    right.push(2 * votes > all);
    if (2 * votes > all) share += weight[p] / (N * N);
  }
  return { share, right };
}

/**
 * Label of the nearest pair sum at each node over |x| <= reach, first row on top.
 * @param {Points} x
 * @param {number[]} label
 * @param {number} reach
 * @param {number} resolution
 */
export function nearestLabels(x, label, reach, resolution) {
  const found = new Uint8Array(resolution * resolution);
  const middle = (/** @type {number} */ i) => reach * ((2 * i + 1) / resolution - 1);
  for (let node = 0; node < found.length; node++) {
    const [u, v] = [middle(node % resolution), -middle(Math.floor(node / resolution))];
    let nearest = Number.POSITIVE_INFINITY;
    for (let p = 0; p < label.length; p++) {
      const [du, dv] = [x[2 * p] - u, x[2 * p + 1] - v];
      const d = du * du + dv * dv;
      if (d < nearest) [nearest, found[node]] = [d, label[p]];
    }
  }
  return found;
}

/**
 * Neighbours a, a + step of a clean structure: those as near as the nearest of all.
 * @param {Points} E
 * @param {number} N
 * @param {number[]} steps
 */
export function neighbours(E, N, steps) {
  /** @type {number[][]} */
  const found = [];
  const distance = (/** @type {number} */ a, /** @type {number} */ b) =>
    Math.hypot(E[2 * a] - E[2 * b], E[2 * a + 1] - E[2 * b + 1]);
  for (const step of steps) {
    const all = Array.from({ length: N }, (_, a) => [a, (a + step) % N]).filter(
      ([a, b]) => a !== b,
    );
    const shortest = Math.min(...all.map(([a, b]) => distance(a, b)));
    found.push(...all.filter(([a, b]) => distance(a, b) < 1.05 * shortest));
  }
  return found;
}
