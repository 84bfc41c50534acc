// The network in float64: its parameters in one array, where it begins, and what it computes.
//
// As modadd.model. The array θ holds E (N, 2) | W1 (2, H) | b1 (H) | W2 (H, N) | b2 (N).

import { pairSums, pairTable } from "./pairs.js";
import { roundEven } from "./plane.js";
import { Generator } from "./random.js";
/** @import { Points } from "./pairs.js" */

/**
 * The names of TrainingConfig; a recipe has no steps.
 * @typedef {{ modulus: number, hidden: number, optimiser: string, learning_rate: number,
 *   momentum: number, weight_decay: number, train_share: number, bias_scale: number,
 *   embedding_scale: number, readout_init: string, label_smoothing: number }} Recipe
 */
/** @typedef {{ modulus: number, hidden: number, bias_scale: number }} Size */

/**
 * Where the parts of θ begin.
 * @param {number} N
 * @param {number} H
 */
export function layout(N, H) {
  const w1 = 2 * N;
  const b1 = w1 + 2 * H;
  const w2 = b1 + H;
  const b2 = w2 + H * N;
  return { w1, b1, w2, b2, size: b2 + N };
}

/**
 * The very parameters, float32, that `modadd` draws for a seed.
 * @param {Recipe} recipe
 * @param {number} seed
 */
export function initial({ modulus: N, hidden: H, embedding_scale, readout_init }, seed) {
  const E = new Generator([seed, 0]).standardNormal(2 * N).map((v) => embedding_scale * v);
  const layers = new Generator([seed, 2]);
  const [first, second] = [2 ** -0.5, readout_init === "standard" ? H ** -0.5 : 0];
  const rest = [3 * H, H * N + N].map((count, i) => {
    const reach = i === 0 ? first : second;
    return layers.uniform(-reach, reach, count);
  });
  return Float64Array.from([...E, ...rest[0], ...rest[1]], Math.fround);
}

/**
 * The start of the field with moving features, modadd.particles.field(features="moving"): a network
 * from the same embeddings whose units are even nodes, each standing for `mass` of the recipe's.
 * @param {Recipe} recipe
 * @param {number} seed
 * @param {number[]} half (K / 2, 3) nodes; the others are their opposites
 */
export function fieldOf(recipe, seed, half) {
  const { modulus: N } = recipe;
  const K = (2 * half.length) / 3;
  const mass = recipe.hidden / K;
  const { w1, size } = layout(N, K);
  const theta = new Float64Array(size);
  theta.set(initial(recipe, seed).subarray(0, w1));
  for (let j = 0; j < K; j++) {
    for (let axis = 0; axis < 3; axis++) {
      const node = (2 * j < K ? 1 : -1) * half[3 * (j % (K / 2)) + axis];
      theta[w1 + axis * K + j] = Math.fround(Math.sqrt(mass) * node);
    }
  }
  return { recipe: { ...recipe, hidden: K }, theta, mass };
}

/**
 * Which pairs are trained on: ModularAddition.training_pairs.
 * @param {number} N
 * @param {number} share
 * @param {number} seed
 */
export function trainingPairs(N, share, seed) {
  const { count } = pairTable(N);
  const kept = Math.max(1, roundEven(share * count));
  const chosen = new Uint8Array(count);
  for (const p of new Generator([seed, 1]).permutation(count).slice(0, kept)) chosen[p] = 1;
  return chosen;
}

/**
 * Logits at points of the plane, one row a point.
 * @param {ArrayLike<number>} theta
 * @param {Size} size
 * @param {Points} x
 */
export function logits(theta, { modulus: N, hidden: H, bias_scale }, x) {
  const { w1, b1, w2, b2 } = layout(N, H);
  const z = new Float64Array((N * x.length) / 2);
  for (let p = 0; 2 * p < x.length; p++) {
    for (let n = 0; n < N; n++) z[p * N + n] = theta[b2 + n];
    for (let j = 0; j < H; j++) {
      const bias = bias_scale * theta[b1 + j];
      const h = x[2 * p] * theta[w1 + j] + x[2 * p + 1] * theta[w1 + H + j] + bias;
      if (h > 0) for (let n = 0; n < N; n++) z[p * N + n] += h * theta[w2 + j * N + n];
    }
  }
  return z;
}

/**
 * What a run records of a state: the five scalars of `Run`, the label each pair is read as, and
 * the force −∂L/∂E on each embedding.
 * @param {ArrayLike<number>} theta
 * @param {Size & { label_smoothing: number }} recipe
 * @param {Uint8Array} training
 */
export function measure(theta, recipe, training) {
  const { modulus: N, label_smoothing: smoothing } = recipe;
  const { count, label, weight, first, second } = pairTable(N);
  const x = pairSums(Array.from({ length: 2 * N }, (_, i) => theta[i]));
  const z = logits(theta, recipe, x);
  const [predicted, force] = [new Uint8Array(count), new Float64Array(2 * N)];
  const total = label.reduce((sum, _, p) => sum + training[p] * weight[p], 0);
  const found = { loss: 0, accuracy: 0, validation: 0, residual: 0 };
  const alpha = new Float64Array(N);
  for (let p = 0; p < count; p++) {
    const row = z.subarray(p * N, (p + 1) * N);
    predicted[p] = row.indexOf(Math.max(...row));
    const hit = predicted[p] === label[p] ? weight[p] : 0;
    if (!training[p]) {
      found.validation += hit / (N * N - total);
      continue;
    }
    const share = weight[p] / total;
    found.accuracy += hit / total;
    found.loss += share * residuals(alpha, row, label[p], smoothing);
    found.residual += share * alpha.reduce((sum, a) => sum + a * a, 0);
    const [u, v] = push(theta, recipe, x[2 * p], x[2 * p + 1], alpha);
    for (const a of [first[p], second[p]]) {
      force[2 * a] += share * u;
      force[2 * a + 1] += share * v;
    }
  }
  if (total === N * N) found.validation = Number.NaN;
  found.residual = Math.sqrt(found.residual);
  const rms = Math.sqrt(force.reduce((sum, f) => sum + f * f, 0) / N);
  return { ...found, force: rms, predicted, measured: Float32Array.from(force) };
}

/**
 * Fill `alpha` with target − softmax; returns the cross-entropy.
 * @param {Float64Array} alpha
 * @param {Float64Array} z
 * @param {number} label
 * @param {number} smoothing
 */
function residuals(alpha, z, label, smoothing) {
  const N = z.length;
  const top = Math.max(...z);
  const sum = z.reduce((s, v) => s + Math.exp(v - top), 0);
  const level = top + Math.log(sum);
  let loss = 0;
  for (let n = 0; n < N; n++) {
    const target = smoothing / N + (n === label ? 1 - smoothing : 0);
    loss -= target * (z[n] - level);
    alpha[n] = target - Math.exp(z[n] - level);
  }
  return loss;
}

/**
 * The gradient of α·z with respect to the point (x, y).
 * @param {ArrayLike<number>} theta
 * @param {Size} size
 * @param {number} x
 * @param {number} y
 * @param {Float64Array} alpha
 */
function push(theta, { modulus: N, hidden: H, bias_scale }, x, y, alpha) {
  const { w1, b1, w2 } = layout(N, H);
  let [u, v] = [0, 0];
  for (let j = 0; j < H; j++) {
    const [wx, wy] = [theta[w1 + j], theta[w1 + H + j]];
    if (!(x * wx + y * wy + bias_scale * theta[b1 + j] > 0)) continue;
    let back = 0;
    for (let n = 0; n < N; n++) back += alpha[n] * theta[w2 + j * N + n];
    u += back * wx;
    v += back * wy;
  }
  return [u, v];
}

/**
 * The label with the largest logit at each node over |x| <= reach, the upper row first.
 *
 * Along a row each unit switches at most once, and between switches the logits are affine in x: so
 * a row costs its nodes and its switches, not a pass through the network for each node.
 * @param {ArrayLike<number>} theta
 * @param {Size} size
 * @param {number} reach
 * @param {number} resolution
 */
export function regions(theta, { modulus: N, hidden: H, bias_scale }, reach, resolution) {
  const { w1, b1, w2, b2 } = layout(N, H);
  const [found, step] = [new Uint8Array(resolution * resolution), (2 * reach) / resolution];
  const [slope, level] = [new Float64Array(N), new Float64Array(N)];
  const [heads, next] = [new Int32Array(resolution), new Int32Array(H)];
  /** @type {(j: number, sign: number, rest: number) => void} */
  const turn = (j, sign, rest) => {
    const [a, c] = [sign * theta[w1 + j], sign * rest];
    for (let n = 0; n < N; n++) {
      slope[n] += a * theta[w2 + j * N + n];
      level[n] += c * theta[w2 + j * N + n];
    }
  };
  for (let i = 0; i < resolution; i++) {
    const y = reach - (i + 0.5) * step;
    slope.fill(0);
    for (let n = 0; n < N; n++) level[n] = theta[b2 + n];
    heads.fill(-1);
    for (let j = 0; j < H; j++) {
      const [w, rest] = [theta[w1 + j], y * theta[w1 + H + j] + bias_scale * theta[b1 + j]];
      if ((0.5 * step - reach) * w + rest > 0) turn(j, 1, rest);
      // The first node beyond the line on which the unit switches.
      const node = Math.ceil((reach - rest / w) / step - 0.5);
      if (!(node > 0 && node < resolution)) continue;
      next[j] = heads[node];
      heads[node] = j;
    }
    for (let k = 0; k < resolution; k++) {
      for (let j = heads[k]; j >= 0; j = next[j]) {
        const rest = y * theta[w1 + H + j] + bias_scale * theta[b1 + j];
        turn(j, theta[w1 + j] > 0 ? 1 : -1, rest);
      }
      const x = (k + 0.5) * step - reach;
      let [best, most] = [0, slope[0] * x + level[0]];
      for (let n = 1; n < N; n++) {
        const z = slope[n] * x + level[n];
        if (z > most) {
          best = n;
          most = z;
        }
      }
      found[i * resolution + k] = best;
    }
  }
  return found;
}
