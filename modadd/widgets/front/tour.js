// The gradient along a tour of the pairs.
//
// The inputs are points of a plane, so each hidden unit switches on along a straight line, and
// between the lines the logits are affine: z = ax x + ay y + c. The tour visits the pair sums in
// an order in which few units switch between neighbours; at each switch one unit's part is added to
// ax, ay and c or taken away. Backward, the gradient of a unit is a sum over the pairs at which it
// is on: a difference of running sums of δ, δ x and δ y, taken where it switches. So a pair costs a
// few multiples of N and of N times its switches, instead of N times H.

import { layout } from "./network.js";
import { pairTable } from "./pairs.js";

/** @import { Recipe } from "./network.js" */

const FINE = 64; // entries of the table of exponentials for each factor of 2
const OCTAVES = 64; // below 2⁻⁶⁴ an exponential counts as that
const TABLE = Float64Array.from({ length: FINE * OCTAVES + 1 }, (_, i) => 2 ** (-i / FINE));
const AGAIN = 200; // steps after which the tour is made anew at the latest

export class Tour {
  /**
   * @param {Recipe} recipe
   * @param {Uint8Array} training
   */
  constructor(recipe, training) {
    const { modulus: N, hidden: H } = recipe;
    const { count, weight } = pairTable(N);
    this.recipe = recipe;
    this.at = layout(N, H);
    this.pairs = Int32Array.from([...Array(count).keys()].filter((p) => training[p]));
    const P = this.pairs.length;
    const total = this.pairs.reduce((sum, p) => sum + weight[p], 0);
    this.weights = Float64Array.from(this.pairs, (p) => weight[p] / total);
    /** Positions in `pairs`, in the order of the tour. */
    this.order = Int32Array.from({ length: P }, (_, i) => i);
    this.x = new Float64Array(P);
    this.y = new Float64Array(P);
    this.heads = new Int32Array(P);
    this.next = new Int32Array(P * H);
    this.units = new Int32Array(P * H);
    this.ax = new Float64Array(N);
    this.ay = new Float64Array(N);
    this.c = new Float64Array(N);
    this.e = new Float64Array(N);
    this.s = new Float64Array(N); // running sums of δ, δ x, δ y
    this.sx = new Float64Array(N);
    this.sy = new Float64Array(N);
    this.on = new Uint8Array(H); // where the tour ends
    this.usual = 0; // switches of this tour when it was made
    this.age = AGAIN;
  }

  /**
   * Fill `gradient` with ∂L/∂θ.
   * @param {Float64Array} theta
   * @param {Float64Array} gradient
   */
  gradient(theta, gradient) {
    if (this.age++ >= AGAIN) this.#make(theta);
    this.#places(theta);
    const switches = this.#switches(theta);
    if (!this.usual) this.usual = switches;
    if (switches > (4 / 3) * this.usual) this.age = AGAIN; // from the next step on
    gradient.fill(0);
    this.#along(theta, gradient);
  }

  /** The pair sums in the order of the tour. @param {Float64Array} theta */
  #places(theta) {
    const { first, second } = pairTable(this.recipe.modulus);
    const { order, pairs, x, y } = this;
    for (let t = 0; t < order.length; t++) {
      const a = 2 * first[pairs[order[t]]];
      const b = 2 * second[pairs[order[t]]];
      x[t] = theta[a] + theta[b];
      y[t] = theta[a + 1] + theta[b + 1];
    }
  }

  /**
   * Lists, for each place of the tour, of the units that switch there: j where one goes on, −1 − j
   * where it goes off; returns how many there are.
   * @param {Float64Array} theta
   */
  #switches(theta) {
    const { hidden: H, bias_scale } = this.recipe;
    const { w1, b1 } = this.at;
    const { x, y, heads, next, units } = this;
    const P = x.length;
    let found = 0;
    heads.fill(-1);
    for (let j = 0; j < H; j++) {
      const u = theta[w1 + j];
      const v = theta[w1 + H + j];
      const b = bias_scale * theta[b1 + j];
      let was = false;
      for (let t = 0; t < P; t++) {
        const on = u * x[t] + v * y[t] + b > 0;
        if (on !== was) {
          units[found] = on ? j : -1 - j;
          next[found] = heads[t];
          heads[t] = found++;
          was = on;
        }
      }
      this.on[j] = was ? 1 : 0;
    }
    return found;
  }

  /**
   * Along the tour: the logits, and the gradient.
   * @param {Float64Array} theta
   * @param {Float64Array} gradient
   */
  #along(theta, gradient) {
    const { modulus: N, hidden: H, label_smoothing: smoothing } = this.recipe;
    const { first, second, label } = pairTable(N);
    const { b2 } = this.at;
    const { order, pairs, weights, x, y, heads, next, units, ax, ay, c, s, sx, sy, e } = this;
    ax.fill(0);
    ay.fill(0);
    for (let n = 0; n < N; n++) c[n] = theta[b2 + n];
    for (const array of [s, sx, sy]) array.fill(0);
    for (let t = 0; t < order.length; t++) {
      for (let i = heads[t]; i >= 0; i = next[i]) this.#turn(theta, gradient, units[i]);
      const p = pairs[order[t]];
      const u = x[t];
      const v = y[t];
      let top = Number.NEGATIVE_INFINITY;
      for (let n = 0; n < N; n++) {
        const z = ax[n] * u + ay[n] * v + c[n];
        e[n] = z;
        if (z > top) top = z;
      }
      let total = 0;
      for (let n = 0; n < N; n++) {
        const value = exponential(e[n] - top);
        e[n] = value;
        total += value;
      }
      const scale = weights[order[t]] / total;
      const rest = (weights[order[t]] * smoothing) / N;
      e[label[p]] -= (1 - smoothing) * total;
      let fx = 0;
      let fy = 0;
      for (let n = 0; n < N; n++) {
        const d = e[n] * scale - rest;
        s[n] += d;
        sx[n] += d * u;
        sy[n] += d * v;
        fx += ax[n] * d;
        fy += ay[n] * d;
      }
      gradient[2 * first[p]] += fx;
      gradient[2 * first[p] + 1] += fy;
      gradient[2 * second[p]] += fx;
      gradient[2 * second[p] + 1] += fy;
    }
    for (let n = 0; n < N; n++) gradient[b2 + n] = s[n];
    for (let j = 0; j < H; j++) if (this.on[j]) this.#credit(theta, gradient, j, 1);
  }

  /**
   * Switch a unit: its part of the logits, and what the sums up to here give its gradient.
   * @param {Float64Array} theta
   * @param {Float64Array} gradient
   * @param {number} code
   */
  #turn(theta, gradient, code) {
    const { modulus: N, hidden: H, bias_scale } = this.recipe;
    const { w1, b1, w2 } = this.at;
    const { ax, ay, c } = this;
    const j = code >= 0 ? code : -1 - code;
    const sign = code >= 0 ? 1 : -1;
    const u = sign * theta[w1 + j];
    const v = sign * theta[w1 + H + j];
    const b = sign * bias_scale * theta[b1 + j];
    for (let n = 0, i = w2 + j * N; n < N; n++, i++) {
      const w = theta[i];
      ax[n] += u * w;
      ay[n] += v * w;
      c[n] += b * w;
    }
    this.#credit(theta, gradient, j, -sign);
  }

  /**
   * Add the sums up to here, or take them away, to ∂L/∂W1, ∂L/∂b1 and ∂L/∂W2 of a unit.
   * @param {Float64Array} theta
   * @param {Float64Array} gradient
   * @param {number} j
   * @param {number} sign
   */
  #credit(theta, gradient, j, sign) {
    const { modulus: N, hidden: H, bias_scale } = this.recipe;
    const { w1, b1, w2 } = this.at;
    const { s, sx, sy } = this;
    const u = sign * theta[w1 + j];
    const v = sign * theta[w1 + H + j];
    const b = sign * bias_scale * theta[b1 + j];
    let du = 0;
    let dv = 0;
    let db = 0;
    for (let n = 0, i = w2 + j * N; n < N; n++, i++) {
      const w = theta[i];
      du += w * sx[n];
      dv += w * sy[n];
      db += w * s[n];
      gradient[i] += u * sx[n] + v * sy[n] + b * s[n];
    }
    gradient[w1 + j] += sign * du;
    gradient[w1 + H + j] += sign * dv;
    gradient[b1 + j] += sign * bias_scale * db;
  }

  /**
   * A new tour: from pair to pair, always to the one at which fewest units are switched otherwise.
   * It depends on θ alone.
   * @param {Float64Array} theta
   */
  #make(theta) {
    this.order.forEach((_, i, order) => {
      order[i] = i;
    });
    this.#places(theta);
    const [masks, words] = this.#masks(theta);
    const { order } = this;
    for (let t = 1; t < order.length; t++) {
      let [best, least] = [t, Number.POSITIVE_INFINITY];
      const here = order[t - 1] * words;
      for (let i = t; i < order.length; i++) {
        let apart = 0;
        const there = order[i] * words;
        for (let k = 0; k < words; k++) apart += ones(masks[here + k] ^ masks[there + k]);
        if (apart < least) {
          best = i;
          least = apart;
        }
      }
      [order[t], order[best]] = [order[best], order[t]];
    }
    [this.age, this.usual] = [1, 0];
  }

  /**
   * Which units are on at each pair, 32 a word.
   * @param {Float64Array} theta
   * @returns {[Int32Array, number]}
   */
  #masks(theta) {
    const { hidden: H, bias_scale } = this.recipe;
    const { w1, b1 } = this.at;
    const { x, y } = this;
    const words = Math.ceil(H / 32);
    const masks = new Int32Array(x.length * words);
    for (let t = 0; t < x.length; t++) {
      for (let j = 0; j < H; j++) {
        const h = theta[w1 + j] * x[t] + theta[w1 + H + j] * y[t] + bias_scale * theta[b1 + j];
        if (h > 0) masks[t * words + (j >> 5)] |= 1 << (j & 31);
      }
    }
    return [masks, words];
  }
}

/** How many bits are set. @param {number} v */
function ones(v) {
  v -= (v >>> 1) & 0x55555555;
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/**
 * exp(v) for v <= 0, to rounding: a table for the steps of 1/64 octave, a polynomial between them.
 * @param {number} v
 */
export function exponential(v) {
  const steps = Math.min(0.5 - v * (FINE / Math.LN2), FINE * OCTAVES) | 0;
  const r = Math.max(v + steps * (Math.LN2 / FINE), -0.01);
  const tail = 1 + r * (1 / 3 + r * (1 / 12 + r / 60));
  return TABLE[steps] * (1 + r * (1 + (r / 2) * tail));
}
