// The modelled forces on embeddings: modadd.forces, in the gauge of 0.

import { pairSums, pairTable } from "./pairs.js";

/** @import { Points } from "./pairs.js" */

/**
 * Forces on embeddings (N, 2) from what a pair sum q does to a pair sum p, over training pairs,
 * with label charges. `law` adds to `out` the force c (…) / 2π of q at (u, v) on p at (x, y).
 * @param {Points} E
 * @param {Uint8Array} training
 * @param {(x: number, y: number, u: number, v: number) => [number, number]} law
 */
function onEmbeddings(E, training, law) {
  const { N, count, first, second, label, weight } = pairTable(E.length / 2);
  const x = pairSums(E);
  const force = new Float64Array(2 * N);
  for (let p = 0; p < count; p++) {
    if (!training[p]) continue;
    let [fx, fy] = [0, 0];
    for (let q = 0; q < count; q++) {
      if (!training[q]) continue;
      const charge = weight[q] * ((label[p] === label[q] ? 1 : 0) - 1 / N);
      const [u, v] = law(x[2 * p], x[2 * p + 1], x[2 * q], x[2 * q + 1]);
      fx += charge * u;
      fy += charge * v;
    }
    for (const a of [first[p], second[p]]) {
      force[2 * a] += (weight[p] * fx) / (2 * Math.PI);
      force[2 * a + 1] += (weight[p] * fy) / (2 * Math.PI);
    }
  }
  return force;
}

/**
 * forces.exact(E, β, gauge=0).
 * @param {Points} E
 * @param {number} beta
 * @param {Uint8Array} training
 */
export function exact(E, beta, training) {
  return onEmbeddings(E, training, (x, y, u, v) => {
    const size = x * x + y * y + beta * beta;
    if (size === 0) return [0, 0];
    const [gx, gy, flat] = [beta * (x - u), beta * (y - v), x * v - y * u];
    const cross = Math.sqrt(gx * gx + gy * gy + flat * flat);
    const theta = Math.atan2(cross, x * u + y * v + beta * beta);
    return [(cross / size) * x - theta * u, (cross / size) * y - theta * v];
  });
}

/**
 * forces.clustering(E, β).
 * @param {Points} E
 * @param {number} beta
 * @param {Uint8Array} training
 */
export function clustering(E, beta, training) {
  return onEmbeddings(E, training, (x, y, u, v) => {
    const r = -Math.sqrt((u - x) ** 2 + (v - y) ** 2) / beta;
    return [r * (u - x), r * (v - y)];
  });
}

/**
 * Clustering and alignment, weighted so that their sum is nearest to the exact law of label
 * charges, then both scaled by one number >= 0: that for which the sum is nearest to the measured
 * force, or has the recorded rms. With that number and its R².
 * @param {Points} E
 * @param {number} beta
 * @param {Uint8Array} training
 * @param {{ measured?: Points, rms: number }} known
 */
export function modelled(E, beta, training, { measured, rms }) {
  const one = beta > 0 ? clustering(E, beta, training) : new Float64Array(E.length);
  const two = exact(E, 0, training);
  const [a, b] = weights(one, two, exact(E, beta, training));
  const sum = one.map((f, i) => a * f + b * two[i]);
  const size = Math.max(dot(sum, sum), 1e-300);
  let [scale, r2] = [rms * Math.sqrt(E.length / 2 / size), Number.NaN];
  if (measured) {
    scale = Math.max(dot(measured, sum) / size, 0); // never below 0, which would turn all arrows round
    const missed = sum.map((f, i) => measured[i] - scale * f);
    const there = dot(measured, measured);
    if (there > 1e-290) r2 = 1 - dot(missed, missed) / there;
  }
  return {
    clustering: one.map((f) => scale * a * f),
    alignment: two.map((f) => scale * b * f),
    sum: sum.map((f) => scale * f),
    scale,
    r2,
  };
}

/** @param {Points} a @param {Points} b */
function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/**
 * Least-squares weights of two forces whose sum is nearest to a third.
 * @param {Points} one
 * @param {Points} two
 * @param {Points} third
 */
function weights(one, two, third) {
  const [aa, ab, bb] = [dot(one, one), dot(one, two), dot(two, two)];
  const [a, b] = [dot(one, third), dot(two, third)];
  const determinant = aa * bb - ab * ab;
  if (determinant > 1e-12 * aa * bb) {
    return [(bb * a - ab * b) / determinant, (aa * b - ab * a) / determinant];
  }
  return [aa > 0 ? a / aa : 0, aa > 0 || bb === 0 ? 0 : b / bb]; // one direction, or none
}
