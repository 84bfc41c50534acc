// Live training: frames of a network in training are drawn as they come, and kept.

import { arrowSwitches, choice, field, h, stepWords } from "./controls.js";
import { Player } from "./player.js";
import { Stage } from "./stage.js";
import { addFrames, asBytes, durations, nearestStep, newTrack, thin } from "./tracks.js";
import { TrackView } from "./trackview.js";

/** @import { Context } from "./mount.js" */
/** @import { Header, Track } from "./tracks.js" */

/**
 * Who trains. It takes {type: "hello" | "start" | "pause" | "step" | "reset" | "branch" | "decay"
 * | "speed" | "code" | "drawn", …} and answers with frames, status and code; the view does not
 * know who it is.
 * @typedef {{ send: (content: object) => void, close: () => void }} Source
 */
/** @typedef {(message: any, buffers: any[]) => void} Listener */

const RATES = [100, 1000, 4000, 16000];

/** @param {Context} context */
export function live({ model, el }) {
  const view = new Live(el, model.get("shared"), model.get("initial"));
  view.listenTo((listener) => kernelSource(model, listener));
  return () => view.close();
}

/** @param {Context["model"]} model @param {Listener} listener @returns {Source} */
function kernelSource(model, listener) {
  model.on("msg:custom", listener);
  return {
    send: (content) => model.send(content),
    close: () => model.off("msg:custom", listener),
  };
}

class Live {
  /** @type {Track | null} */
  #track = null;
  /** @type {TrackView | null} */
  #view = null;
  /** @type {Source | null} */
  #source = null;
  /** @type {Set<string>} */
  #arrows = new Set();
  /** @type {number[]} */
  #marks = [];
  #running = false;
  #undrawn = false;
  #body = h("div", { className: "tracks" });

  /**
   * @param {HTMLElement} el
   * @param {any} shared
   * @param {any} initial
   */
  constructor(el, shared, initial) {
    this.initial = initial;
    this.stage = new Stage(el, "live", shared, () => this.#draw());
    this.player = new Player(this.stage, {
      count: () => this.#track?.frames.length || 1,
      label: (i) => stepWords(this.#track?.steps[i] ?? 0),
      onchange: this.stage.schedule,
    });
    this.recipe = this.#recipe();
    this.decay = new Decay(initial.weight_decay, initial.limits.weight_decay, (value) =>
      this.#send("decay", { value }),
    );
    this.note = h("p", { className: "note", role: "status" });
    this.code = h("textarea", { readOnly: true, hidden: true, spellcheck: false });
    this.code.setAttribute("aria-label", "code that reproduces this state");
    this.#lay();
    this.stage.playOnSpace(() => this.#toggle());
    const pause = () => this.#running && this.#send("pause");
    this.player.root.addEventListener("pointerdown", pause);
    this.player.root.addEventListener("keydown", ({ key }) => {
      if (!/^(Tab|Shift| )$/.test(key)) pause();
    });
  }

  /** @param {(listener: Listener) => Source} open */
  listenTo(open) {
    this.#source = open((message, buffers) => this.#receive(message, buffers));
    this.#send("hello");
  }

  close() {
    this.stage.close();
    this.#source?.close();
  }

  /** @param {string} type @param {object} [content] */
  #send(type, content = {}) {
    this.#source?.send({ type, ...content });
  }

  #toggle() {
    if (this.#running) this.#send("pause");
    else if (this.#behind()) this.player.toggle();
    else this.#send("start");
  }

  /** Whether an earlier frame than the last is shown. */
  #behind() {
    return this.#track !== null && this.player.index < this.#track.frames.length - 1;
  }

  #shownStep() {
    return this.#track?.steps[this.player.index] ?? 0;
  }

  #lay() {
    const button = (/** @type {string} */ name, /** @type {() => void} */ onclick) =>
      h("button", { type: "button", onclick }, name);
    this.start = button("start", () => this.#send(this.#running ? "pause" : "start"));
    this.branch = button("go on from here", () =>
      this.#send("branch", { step: this.#shownStep() }),
    );
    const group = h("div", { className: "group" });
    group.append(
      this.start,
      button("step", () => this.#send("step")),
      button("reset", () => this.#send("reset", { settings: this.#settings() })),
      this.branch,
      button("code for this state", () => this.#send("code", { step: this.#shownStep() })),
    );
    const speeds = /** @type {[number, string][]} */ ([
      ...RATES.map((v) => [v, `up to ${v.toLocaleString("en")}`]),
      [this.initial.limits.speed[1], "no limit"],
    ]);
    const speed = choice("steps a second", this.initial.speed, speeds, (value) =>
      this.#send("speed", { value }),
    );
    speed.root.className = "";
    const again = h("fieldset", { className: "controls" });
    again.append(h("legend", {}, "A change of these begins anew"));
    again.append(...Object.values(this.recipe).map((f) => f.root));
    const names = ["measured", "clustering", "alignment", "sum"];
    this.stage.root.append(
      h("div", { className: "bar" }, group, speed.root),
      h("div", { className: "bar" }, this.decay.root, this.note),
      this.player.root,
      this.#body,
      arrowSwitches(names, this.#arrows, this.stage.shared.colors, this.stage.schedule),
      again,
      this.code,
    );
  }

  #recipe() {
    const { initial } = this;
    const reset = () => this.#send("reset", { settings: this.#settings() });
    const make = (
      /** @type {string} */ label,
      /** @type {string} */ name,
      /** @type {number | "any"} */ step,
    ) => {
      const [min, max] = initial.limits[name];
      return field(label, { value: initial[name], min, max, step }, reset);
    };
    const words = /** @type {[string, string][]} */ (
      initial.optimisers.map((/** @type {string} */ name) => [name, name.replace("_", " ")])
    );
    return {
      learning_rate: make("learning rate", "learning_rate", "any"),
      train_share: make("training share", "train_share", 0.05),
      seed: make("seed", "seed", 1),
      modulus: make("tokens N", "modulus", 1),
      hidden: make("hidden width H", "hidden", 1),
      bias_scale: make("bias scale β", "bias_scale", 0.25),
      label_smoothing: make("label smoothing", "label_smoothing", 0.05),
      optimiser: choice("optimiser", initial.optimiser, words, reset),
    };
  }

  #settings() {
    const found = Object.entries(this.recipe).map(([name, { value }]) => [name, value()]);
    return Object.fromEntries(found);
  }

  /** @param {any} message @param {any[]} buffers */
  #receive(message, buffers) {
    if (message.type === "frames") this.#frames(message, buffers[0]);
    if (message.type === "status") this.#status(message);
    if (message.type === "code") this.#showCode(message.text);
  }

  /**
   * Frames come in order; those of a new training, or of one that branches, begin with `fresh`.
   * @param {{ header: Header, fresh: boolean }} message
   * @param {DataView} bytes
   */
  #frames({ header, fresh }, bytes) {
    if (fresh || !this.#track) this.#open(header);
    const track = /** @type {Track} */ (this.#track);
    addFrames(track, header, asBytes(bytes));
    while (track.frames.length > this.initial.keep) thin(track);
    this.#undrawn = true;
    this.player.set(track.frames.length - 1);
    // A page in the background draws nothing.
    if (document.hidden) this.#drawn();
  }

  /** @param {Header} header */
  #open(header) {
    this.#view?.close();
    const track = newTrack(header);
    this.#track = track;
    this.#view = new TrackView(this.stage, track, this.#arrows, (step) => {
      if (this.#running) this.#send("pause");
      this.player.go(nearestStep(track.steps, step));
    });
    this.code.hidden = true;
    this.#body.replaceChildren(this.#view.root);
  }

  /** @param {{ running: boolean, text: string, wrong: boolean, decays: number[][] }} message */
  #status({ running, text, wrong, decays }) {
    this.#running = running;
    this.#marks = decays.slice(1).map(([step]) => step);
    this.decay.show(decays[decays.length - 1][1]);
    const words = running ? "pause" : (this.#track?.frames.length ?? 0) > 1 ? "go on" : "start";
    if (this.start) this.start.textContent = words;
    this.note.textContent = text;
    this.note.classList.toggle("wrong", wrong);
    if (!running && this.#track) {
      this.player.pace(durations(this.#track.frames.map((frame) => frame.embeddings)));
    }
    this.stage.schedule();
  }

  /** @param {string} text */
  #showCode(text) {
    Object.assign(this.code, { value: text, hidden: false, rows: text.split("\n").length });
    this.code.focus();
    this.code.select();
  }

  #draw() {
    const { index, part } = this.player;
    if (this.branch) this.branch.hidden = this.#running || !this.#behind();
    if (this.#track?.frames.length) this.#view?.draw(index, part, this.#marks);
    if (this.#undrawn) this.#drawn();
  }

  /** Who trains waits for this before it sends more. */
  #drawn() {
    this.#undrawn = false;
    this.#send("drawn");
  }
}

/** Weight decay, which can be changed while training: a slider, and a field to type it into. */
class Decay {
  /**
   * @param {number} value
   * @param {[number, number]} limits
   * @param {(value: number) => void} onchange
   */
  constructor(value, [min, max], onchange) {
    this.typed = field("weight decay", { value, min, max, step: "any" }, (v) => {
      this.slider.value = String(toSlider(v));
      onchange(v);
    });
    this.slider = h("input", { type: "range", min: 0, max: SLIDER, step: 1 });
    this.slider.value = String(toSlider(value));
    this.slider.setAttribute("aria-label", "weight decay, as a slider");
    this.slider.addEventListener("input", () => {
      const v = fromSlider(Number(this.slider.value));
      this.typed.set(v);
      onchange(v);
    });
    this.typed.root.className = "";
    this.root = h("div", { className: "decay" }, this.typed.root, this.slider);
  }

  /** @param {number} value */
  show(value) {
    const here = document.activeElement;
    if (here === this.typed.input || here === this.slider) return;
    this.typed.set(value);
    this.slider.value = String(toSlider(value));
  }
}

const SLIDER = 60; // notches: none at 0, then from 1e-4 to 1e-1 evenly in the logarithm

/** @param {number} notch */
export const fromSlider = (notch) =>
  notch === 0 ? 0 : +(10 ** (-4 + (3 * (notch - 1)) / (SLIDER - 1))).toPrecision(2);

/** @param {number} decay */
export function toSlider(decay) {
  if (!(decay > 0)) return 0;
  const notch = 1 + ((Math.log10(decay) + 4) * (SLIDER - 1)) / 3;
  return Math.round(Math.min(Math.max(notch, 1), SLIDER));
}
