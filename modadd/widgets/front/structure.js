// Measures of structure: modadd.structure, whose thresholds come with the state; tests compare.

import { grid } from "./lattice.js";
import { pairSums, pairTable } from "./pairs.js";
import { length, normalised, spacing } from "./plane.js";

/** @import { Points } from "./pairs.js" */

/**
 * As modadd.structure names them, in small letters.
 * @typedef {{ circle_score: number, circle_roundness: number, grid_score: number,
 *   stripe_rows: number, stripe_aspect: number, closure_tolerance: number,
 *   step_tolerance: number, coincident: number, collinear: number }} Thresholds
 */

/**
 * All that is read off an embedding at once.
 * @param {Points} E
 * @param {Thresholds} thresholds
 */
export function describe(E, thresholds) {
  const ring = circle(E);
  const patch = grid(E, thresholds);
  const closed = closure(E, thresholds);
  const kind = kindOf(ring, patch, thresholds);
  const { score, ...others } = ring;
  return { circle: score, ...others, grid: patch.score, patch, closure: closed, kind };
}

/** @typedef {ReturnType<typeof describe>} Description */

/**
 * Tokens that structure joins, and how clearly they are joined, 0 to 1: the ring of a circle, or
 * the lines of a lattice.
 * @param {number} N
 * @param {Description} found
 */
export function bondsOf(N, { circle, roundness, frequency, grid, patch }) {
  const strength = (/** @type {number} */ score) => Math.min(1, Math.max(0, (score - 0.35) / 0.5));
  if (circle < grid || roundness < 0.2) return { bonds: patch.bonds, clear: strength(grid) };
  const step = inverse(frequency, N);
  return {
    bonds: Array.from({ length: N }, (_, a) => [a, (a + step) % N]),
    clear: strength(circle),
  };
}

/**
 * x with k x ≡ gcd(k, N) (mod N): the step to the next token along a circle of frequency k.
 * @param {number} k
 * @param {number} N
 */
export function inverse(k, N) {
  /** @type {(a: number, b: number) => number} */
  const gcd = (a, b) => (b ? gcd(b, a % b) : a);
  const shared = gcd(k, N);
  for (let x = 1; x < N; x++) if ((k * x) % N === shared % N) return x;
  return 1;
}

/**
 * @param {{ score: number, roundness: number }} ring
 * @param {{ score: number, rows: number, columns: number }} patch
 * @param {Thresholds} thresholds
 */
function kindOf(ring, patch, thresholds) {
  const { circle_score, circle_roundness, grid_score, stripe_rows, stripe_aspect } = thresholds;
  if (ring.score > circle_score && ring.roundness > circle_roundness) return "circle";
  if (patch.score <= grid_score) return "other";
  const long = patch.columns > stripe_aspect * patch.rows;
  return patch.rows <= stripe_rows && long ? "stripe" : "grid";
}

/**
 * The strongest frequency, its share of the Fourier power, and how round its ellipse is.
 * @param {Points} E
 */
export function circle(E) {
  const z = normalised(E);
  const N = z.length / 2;
  const amplitude = (/** @type {number} */ k) => {
    let [re, im] = [0, 0];
    for (let a = 0; a < N; a++) {
      const c = Math.cos((2 * Math.PI * k * a) / N);
      const s = Math.sin((2 * Math.PI * k * a) / N);
      re += z[2 * a] * c + z[2 * a + 1] * s;
      im += z[2 * a + 1] * c - z[2 * a] * s;
    }
    return length(re, im);
  };
  let [total, most] = [0, 0];
  const best = { score: 0, frequency: 0, roundness: 0 };
  for (let k = 1; k <= N / 2; k++) {
    const [forward, backward] = [amplitude(k), amplitude(N - k)];
    const power = forward * forward + (2 * k === N ? 0 : backward * backward);
    total += power;
    if (power <= most) continue;
    most = power;
    best.frequency = k;
    best.roundness = Math.abs(forward - backward) / (forward + backward);
  }
  if (total > 0) best.score = most / total;
  return best;
}

/**
 * Share of same-label pairs of pairs whose sums coincide.
 * @param {Points} E
 * @param {Thresholds} thresholds
 */
export function closure(E, { closure_tolerance, coincident }) {
  const z = normalised(E);
  const x = pairSums(z);
  const { N, count, label } = pairTable(z.length / 2);
  const reach = closure_tolerance * spacing(z, coincident);
  /** @type {number[][]} */
  const same = Array.from({ length: N }, () => []);
  for (let p = 0; p < count; p++) same[label[p]].push(p);
  let [closed, all] = [0, 0];
  for (const members of same) {
    members.forEach((p, i) => {
      for (const q of members.slice(i + 1)) {
        if (length(x[2 * p] - x[2 * q], x[2 * p + 1] - x[2 * q + 1]) <= reach) closed++;
        all++;
      }
    });
  }
  return reach > 0 ? closed / all : 0;
}
