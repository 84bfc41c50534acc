// Points of the plane: their size, the distance between neighbours; and how Python rounds.

/** @import { Points } from "./pairs.js" */

export const length = (/** @type {number} */ x, /** @type {number} */ y) =>
  Math.sqrt(x * x + y * y);

/**
 * Centred on the mean of all tokens, with rms distance 1 from it; zeros where E is a point.
 * @param {Points} E
 */
export function normalised(E) {
  const N = E.length / 2;
  const z = Float64Array.from(E);
  for (const axis of [0, 1]) {
    let mean = 0;
    for (let a = 0; a < N; a++) mean += E[2 * a + axis] / N;
    for (let a = 0; a < N; a++) z[2 * a + axis] -= mean;
  }
  const rms = Math.sqrt(z.reduce((sum, v) => sum + v * v, 0) / N);
  return rms > 1e-12 ? z.map((v) => v / rms) : z.fill(0);
}

/**
 * Median distance to the nearest token that does not coincide; 0 where all do.
 * @param {Points} z
 * @param {number} coincident
 */
export function spacing(z, coincident) {
  const N = z.length / 2;
  const nearest = new Float64Array(N).fill(Number.POSITIVE_INFINITY);
  for (let a = 0; a < N; a++) {
    for (let b = 0; b < N; b++) {
      const d = length(z[2 * a] - z[2 * b], z[2 * a + 1] - z[2 * b + 1]);
      if (d >= coincident && d < nearest[a]) nearest[a] = d;
    }
  }
  nearest.sort();
  const half = N >> 1;
  const median = N % 2 ? nearest[half] : (nearest[half - 1] + nearest[half]) / 2;
  return Number.isFinite(median) ? median : 0;
}

/** To a whole number; halves go to the even neighbour, as in Python. @param {number} v */
export const roundEven = (v) => (Math.abs(v % 1) === 0.5 ? 2 * Math.round(v / 2) : Math.round(v));
