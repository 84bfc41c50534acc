// The two-force simulation: modadd.particles.two_force in float64.

import { pairSums, pairTable } from "./pairs.js";
/** @import { PairTable, Points } from "./pairs.js" */
/** @typedef {{ alignment: number, reach: number }} Forces */

/** Half a side of the plane that shows embeddings of rms 1. */
export const REACH = 2.6;

/**
 * Rescale to rms 1 over both coordinates, in place.
 * @param {Float64Array} E
 */
export function toUnitRms(E) {
  const rms = Math.sqrt(E.reduce((sum, v) => sum + v * v, 0) / E.length);
  if (rms > 0) for (let i = 0; i < E.length; i++) E[i] /= rms;
  return E;
}

/**
 * Clustering on every pair sum, with weight 1, and Σ c exp(−r²/2s²).
 * @param {Float64Array} x
 * @param {PairTable} table
 * @param {number} reach
 */
function pullTogether(x, table, reach) {
  const { N, count, label, weight } = table;
  const push = new Float64Array(2 * count);
  let total = 0;
  for (let p = 0; p < count; p++) {
    for (let q = 0; q < count; q++) {
      const [dx, dy] = [x[2 * q] - x[2 * p], x[2 * q + 1] - x[2 * p + 1]];
      const charge = (label[p] === label[q] ? 1 : 0) - 1 / N;
      const size = charge * weight[p] * weight[q];
      const near = size * Math.exp((-0.5 * (dx * dx + dy * dy)) / reach ** 2);
      total += near;
      push[2 * p] += (near * dx) / reach ** 2;
      push[2 * p + 1] += (near * dy) / reach ** 2;
    }
  }
  return { push, total };
}

/**
 * Alignment on every pair sum, with weight 1, and Σ c cos²; cos² is the product of the tensors
 * x xᵀ / (|x|² + s²).
 * @param {Float64Array} x
 * @param {PairTable} table
 * @param {number} reach
 */
function turnParallel(x, table, reach) {
  const { N, count, label, weight } = table;
  const push = new Float64Array(2 * count);
  const tensor = Array.from({ length: N }, () => [0, 0, 0]);
  const size = (/** @type {number} */ u, /** @type {number} */ v) => u * u + v * v + reach ** 2;
  for (let p = 0; p < count; p++) {
    const [u, v, t] = [x[2 * p], x[2 * p + 1], tensor[label[p]]];
    const share = weight[p] / size(u, v);
    t[0] += share * u * u;
    t[1] += share * u * v;
    t[2] += share * v * v;
  }
  for (let i = 0; i < 3; i++) {
    const mean = tensor.reduce((sum, t) => sum + t[i], 0) / N;
    for (const t of tensor) t[i] -= mean;
  }
  for (let p = 0; p < count; p++) {
    const [u, v] = [x[2 * p], x[2 * p + 1]];
    const [xx, xy, yy] = tensor[label[p]];
    const [tu, tv] = [xx * u + xy * v, xy * u + yy * v];
    const radial = (u * tu + v * tv) / size(u, v);
    const factor = (2 * weight[p]) / size(u, v);
    push[2 * p] = factor * (tu - radial * u);
    push[2 * p + 1] = factor * (tv - radial * v);
  }
  const total = tensor.reduce((sum, t) => sum + t[0] ** 2 + 2 * t[1] ** 2 + t[2] ** 2, 0);
  return { push, total };
}

/**
 * Forces on pair sums to forces on embeddings, over N², without what would only rescale them.
 * @param {Float64Array} push
 * @param {number} share
 * @param {Points} E
 * @param {PairTable} table
 */
function scatter(push, share, E, { N, count, first, second }) {
  const force = new Float64Array(2 * N);
  for (let p = 0; p < count; p++) {
    for (let i = 0; i < 2; i++) {
      const f = (share * push[2 * p + i]) / (N * N);
      force[2 * first[p] + i] += f;
      force[2 * second[p] + i] += f;
    }
  }
  const outward = force.reduce((sum, f, i) => sum + f * E[i], 0) / (2 * N);
  return force.map((f, i) => f - outward * E[i]);
}

/**
 * Both forces on embeddings E of rms 1, and the potential.
 * @param {Points} E
 * @param {Forces} forces
 */
export function twoForces(E, { alignment, reach }) {
  const table = pairTable(E.length / 2);
  const x = pairSums(E);
  const pull = pullTogether(x, table, reach);
  const turn = turnParallel(x, table, reach);
  const potential = -0.5 * ((1 - alignment) * pull.total + alignment * turn.total);
  return {
    clustering: scatter(pull.push, 1 - alignment, E, table),
    alignment: scatter(turn.push, alignment, E, table),
    potential: potential / table.N ** 2,
  };
}

/**
 * One step of gradient descent with momentum, in place: embeddings of rms 1, and their speed.
 * @param {Float64Array} E
 * @param {Float64Array} speed
 * @param {Forces & { stepSize: number, momentum: number }} options
 */
export function twoForceStep(E, speed, { stepSize, momentum, ...forces }) {
  const { clustering, alignment } = twoForces(E, forces);
  for (let i = 0; i < E.length; i++) {
    speed[i] = momentum * speed[i] + clustering[i] + alignment[i];
    E[i] += stepSize * speed[i];
  }
  toUnitRms(E);
}
