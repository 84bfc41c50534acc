// A training in float64 that goes on from wherever it stands: modadd.widgets._session.

import { fieldOf, initial, layout, trainingPairs } from "./network.js";
import { Tour } from "./tour.js";

/** @import { Recipe } from "./network.js" */

/** Of Adam and AdamW (Kingma & Ba 2015). */
const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-8];

/**
 * Zero in place of numbers whose products take processors a hundred times longer: units that no pair
 * turns on decay to them, at the default recipe in 50,000 steps.
 * @param {number} v
 */
const notTiny = (v) => (v < 1e-150 && v > -1e-150 ? 0 : v);

/** Steps on the way to a step, denser at first. @param {number} step */
export const stopsUpTo = (step) =>
  Array.from({ length: STOPS }, (_, i) => Math.round(step * (i / STOPS) ** 2));

const STOPS = 60;

export class Training {
  step = 0;

  /**
   * @param {Recipe} recipe
   * @param {number} seed
   * @param {number[] | null} nodes where there are any, the field trains instead of the network
   */
  constructor(recipe, seed, nodes = null) {
    this.again = () => new Training(recipe, seed, nodes);
    this.seed = seed;
    const field = nodes && fieldOf(recipe, seed, nodes);
    this.mass = field ? field.mass : 1;
    this.theta = field ? field.theta : initial(recipe, seed);
    recipe = field ? field.recipe : recipe;
    this.recipe = recipe;
    this.pairs = trainingPairs(recipe.modulus, recipe.train_share, seed);
    /** [first step, weight decay] of each stretch. @type {[number, number][]} */
    this.decays = [[0, recipe.weight_decay]];
    this.tour = new Tour(recipe, this.pairs);
    const { size } = layout(recipe.modulus, recipe.hidden);
    this.gradient = new Float64Array(size);
    this.first = new Float64Array(size); // moments of the optimiser
    this.second = new Float64Array(size);
  }

  /** Decay of the next step. */
  get decay() {
    return this.decays[this.decays.length - 1][1];
  }

  /** @param {number} value */
  set decay(value) {
    if (this.decays[this.decays.length - 1][0] === this.step) this.decays.pop();
    if (!this.decays.length || this.decay !== value) this.decays.push([this.step, value]);
  }

  /**
   * Take so many steps; throws where the parameters stop being finite.
   * @param {number} steps
   */
  advance(steps) {
    for (let i = 0; i < steps; i++) {
      this.tour.gradient(this.theta, this.gradient);
      this.#update();
      this.step++;
      if (!Number.isFinite(this.theta[0] + this.theta[this.theta.length - 1])) {
        throw new RangeError(
          `After ${this.step} steps the parameters are no longer finite: try a smaller learning rate.`,
        );
      }
    }
  }

  #update() {
    const { optimiser, learning_rate: rate, momentum } = this.recipe;
    const { theta, gradient, first, second, decay, mass } = this;
    if (optimiser === "gradient_descent") {
      for (let i = 0; i < theta.length; i++) {
        first[i] = notTiny(momentum * first[i] + gradient[i] + decay * theta[i]);
        theta[i] = notTiny(theta[i] - rate * first[i]);
      }
      return;
    }
    // AdamW's decay stands apart from the gradient.
    const [inside, keep] = optimiser === "adam" ? [decay, 1] : [0, 1 - rate * decay];
    const one = rate / (1 - BETA1 ** (this.step + 1));
    // Of units that stand for several, these go farther by the root of how many: particles.py.
    const { w1, b2 } = this.tour.at;
    const farther = one * Math.sqrt(mass);
    const two = 1 / (1 - BETA2 ** (this.step + 1));
    for (let i = 0; i < theta.length; i++) {
      const g = gradient[i] + inside * theta[i];
      first[i] += (1 - BETA1) * (g - first[i]);
      second[i] += (1 - BETA2) * (g * g - second[i]);
      const pace = i >= w1 && i < b2 ? farther : one;
      theta[i] = keep * theta[i] - (pace * first[i]) / (Math.sqrt(two * second[i]) + EPSILON);
    }
  }

  /**
   * The training as it stands at a step, with the decays of this one: trained up to there again.
   * @param {number} step
   * @param {number[]} stops steps on the way that are of interest
   * @param {(training: Training) => void} visit called at each of them
   */
  at(step, stops = [], visit = () => {}) {
    const again = this.again();
    const changes = new Map(this.decays.filter(([start]) => start <= step));
    const all = new Set([...changes.keys(), ...stops.filter((stop) => stop <= step), step]);
    for (const stop of [...all].sort((a, b) => a - b)) {
      again.advance(stop - again.step);
      if (stop === step || stops.includes(stop)) visit(again);
      again.decay = changes.get(stop) ?? again.decay;
    }
    return again;
  }

  /**
   * Python code for the state at a step: the same recipe, in float32.
   * @param {number} step
   */
  code(step) {
    const { weight_decay: _, ...others } = this.recipe;
    const given = Object.entries({ ...others, steps: step }).map(
      ([name, value]) => `${name}=${JSON.stringify(value)}`,
    );
    const made = this.decays.filter(([start]) => start < step);
    const decays = (made.length ? made : this.decays.slice(0, 1)).map((d) => `(${d.join(", ")})`);
    return [
      "from modadd import TrainingConfig",
      "from modadd.widgets import replay",
      "",
      "# (from step, weight decay)",
      `decays = [${decays.join(", ")}]`,
      `config = TrainingConfig(${given.join(", ")})`,
      `run = replay(config, ${this.seed}, decays)`,
      "",
    ].join("\n");
  }
}
