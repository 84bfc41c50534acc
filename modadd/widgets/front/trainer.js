// Training for the live view, in a worker of the browser: it answers as modadd.widgets._live does.

import { stopsUpTo, Training } from "./training.js";

/** @import { Recipe } from "./network.js" */

const FRAME = 1000 / 30; // ms between frames
/** @typedef {(message: object, buffers: ArrayBuffer[]) => void} Post */

export class Trainer {
  #running = false;
  #speed = 4000;
  #ahead = 0; // frames that nobody has drawn yet
  #due = 0;
  #told = 0;
  #first = 0;
  #rate = 0;
  #next = 0;
  /** Steps of all states that were sent. @type {number[]} */
  #steps = [];

  /**
   * @param {Recipe} recipe
   * @param {number} seed
   * @param {number[]} nodes of the field that can be trained beside the network
   * @param {Post} post
   * @param {(turn: () => void, ms: number) => void} [later] have something done, but messages first
   */
  constructor(recipe, seed, nodes, post, later = (turn, ms) => void setTimeout(turn, ms)) {
    this.training = new Training(recipe, seed);
    /** @type {Training | null} */
    this.field = null;
    this.nodes = nodes;
    this.post = post;
    this.later = later;
  }

  /** @param {any} message */
  receive({ type, ...content }) {
    if (type === "drawn") {
      this.#ahead = 0;
      return;
    }
    let said = "";
    let wrong = false;
    try {
      said = this.#obey(type, content) ?? "";
    } catch (error) {
      [said, wrong, this.#running] = [/** @type {Error} */ (error).message, true, false];
    }
    this.#tell(said, wrong);
  }

  /** @param {string} type @param {any} content @returns {string | void} */
  #obey(type, { value, step, settings, decays }) {
    const { training } = this;
    if (type === "hello") this.#frame(true);
    if (type === "start") this.#start();
    if (type === "pause") this.#running = false;
    if (type === "step") {
      this.#running = false;
      this.#advance(1);
      this.#frame();
    }
    if (type === "decay") for (const each of this.#all()) each.decay = value;
    if (type === "field") {
      this.field = value ? new Training(training.recipe, training.seed, this.nodes) : null;
      this.#goTo(training.step, [...this.#steps]);
    }
    if (type === "speed") this.#speed = value;
    if (type === "code") this.post({ type: "code", text: training.code(step) }, []);
    if (type === "reset") {
      const { seed = training.seed, ...recipe } = settings;
      const again = { ...training.recipe, weight_decay: training.decay, ...recipe };
      this.training = new Training(again, seed);
      this.field &&= new Training(again, seed, this.nodes);
      this.#frame(true);
      return "A new training.";
    }
    if (type === "branch") {
      this.#goTo(step, [...this.#steps]);
      return `Back at step ${step.toLocaleString("en")}: from here it goes on anew.`;
    }
    if (type === "goto") {
      training.decays = decays;
      this.#goTo(step, stopsUpTo(step));
    }
  }

  /**
   * Train to a step from the beginning, and show the states at some stops on the way.
   * @param {number} step
   * @param {number[]} stops
   */
  #goTo(step, stops) {
    const { decays } = this.training;
    const found = this.#all().map((training) => {
      /** @type {Float32Array[]} */
      const states = [];
      training.decays = decays;
      this.#steps = [];
      const again = training.at(step, stops, ({ theta, step }) => {
        states.push(Float32Array.from(theta));
        this.#steps.push(step);
      });
      return { again, states };
    });
    this.training = found[0].again;
    if (this.field) this.field = found[1].again;
    this.#post(
      found.map(({ states }) => states),
      [...this.#steps],
      true,
    );
  }

  /** The network, and the field if it is there. */
  #all() {
    return this.field ? [this.training, this.field] : [this.training];
  }

  /** @param {number} steps */
  #advance(steps) {
    for (const each of this.#all()) each.advance(steps);
  }

  #start() {
    if (this.#running) return;
    this.#running = true;
    [this.#ahead, this.#due, this.#rate] = [0, 0, 0];
    [this.#told, this.#first] = [performance.now(), this.training.step];
    this.#next = performance.now();
    this.#turn();
  }

  /** A stretch of steps up to the next frame, as many as are asked for and it has time for. */
  #turn() {
    if (!this.#running) return;
    const start = performance.now();
    if (this.#ahead < 2) {
      try {
        this.#stretch(start);
        this.#frame();
        this.#ahead++;
      } catch (error) {
        this.#running = false;
        this.#tell(/** @type {Error} */ (error).message, true);
        return;
      }
    }
    const now = performance.now();
    if (now - this.#told > 500) {
      this.#rate = ((this.training.step - this.#first) / (now - this.#told)) * 1000;
      [this.#told, this.#first] = [now, this.training.step];
      this.#tell();
    }
    this.#next = Math.max(this.#next + FRAME, now);
    this.later(() => this.#turn(), this.#ahead < 2 ? this.#next - now : 4);
  }

  /** @param {number} start */
  #stretch(start) {
    const { training } = this;
    // Few steps at first and after each change, when most happens.
    const since = training.step - training.decays[training.decays.length - 1][0];
    this.#due = Math.min(this.#due + (this.#speed * FRAME) / 1000, this.#speed / 10);
    const most = Math.max(1, Math.min(Math.floor(this.#due), 1 + (since >> 3)));
    let done = 0;
    while (done < most && performance.now() - start < FRAME) {
      const part = Math.min(8, most - done);
      this.#advance(part);
      done += part;
    }
    this.#due = Math.max(0, this.#due - done);
  }

  /** @param {boolean} fresh */
  #frame(fresh = false) {
    const { step } = this.training;
    if (fresh) this.#steps = [];
    this.#steps.push(step);
    const states = this.#all().map(({ theta }) => [Float32Array.from(theta)]);
    this.#post(states, [step], fresh);
  }

  /**
   * @param {Float32Array[][]} all states of the network, and of the field if it is there
   * @param {number[]} steps
   * @param {boolean} fresh
   */
  #post(all, steps, fresh) {
    const { recipe, seed, pairs } = this.training;
    const buffers = all.map((states) => {
      const row = new Float32Array(states.length * states[0].length);
      states.forEach((state, t) => {
        row.set(state, t * state.length);
      });
      return row.buffer;
    });
    const field = this.field?.recipe;
    this.post(
      { type: "frames", fresh, steps, ...(fresh && { recipe, seed, pairs, field }) },
      buffers,
    );
  }

  /** @param {string} said @param {boolean} wrong */
  #tell(said = "", wrong = false) {
    const rate = Math.round(this.#rate).toLocaleString("en");
    const text = said || (this.#running && this.#rate ? `${rate} steps a second` : "");
    const { decays } = this.training;
    this.post({ type: "status", running: this.#running, text, wrong, decays }, []);
  }
}
