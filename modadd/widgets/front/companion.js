// Particles beside a network in training, from the same start: what grows without a network.

import { describe } from "./structure.js";
import { REACH, toUnitRms, twoForceStep, twoForces } from "./two_forces.js";

/** @import { Thresholds } from "./structure.js" */
/** @import { Frame, Track } from "./tracks.js" */

const STEPS = 2; // of the particles, for each frame of the network

export class Companion {
  /**
   * @param {Track} network
   * @param {{ alignment: number, reach: number, stepSize: number, momentum: number }} options
   * @param {Thresholds} thresholds
   */
  constructor(network, options, thresholds) {
    this.options = options;
    this.thresholds = thresholds;
    this.E = toUnitRms(Float64Array.from(network.frames[0].embeddings));
    this.speed = new Float64Array(this.E.length);
    /** @type {Track} */
    this.track = {
      title: "Two forces, without a network",
      source: "two_force",
      modulus: network.modulus,
      bias_scale: 1,
      seed: network.seed,
      steps: [0],
      frames: [this.#frame(0)],
      heldOut: new Set(),
      regions: false,
      largest: 0.2,
    };
  }

  /** As many frames as the network has. @param {number} count */
  follow(count) {
    const { steps, frames } = this.track;
    while (frames.length < count) {
      for (let i = 0; i < STEPS; i++) twoForceStep(this.E, this.speed, this.options);
      const step = steps[steps.length - 1] + STEPS;
      steps.push(step);
      frames.push(this.#frame(step));
    }
  }

  /** @param {number} step @returns {Frame} */
  #frame(step) {
    const { clustering, alignment, potential } = twoForces(this.E, this.options);
    const sum = clustering.map((f, i) => f + alignment[i]);
    const none = Number.NaN;
    return {
      ...describe(this.E, this.thresholds),
      ...{ step, loss: potential, accuracy: none, validation: none, residual: none },
      force: Math.sqrt((2 * sum.reduce((s, f) => s + f * f, 0)) / sum.length),
      reach: REACH,
      embeddings: Float32Array.from(this.E),
      modelled: { clustering, alignment, sum, scale: none, r2: none },
    };
  }
}
