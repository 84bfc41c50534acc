// Play, step, slider, speed.

import { clamp } from "./colours.js";
import { button, choice, h } from "./controls.js";
import { Clock, reducedMotion } from "./stage.js";
/** @import { Stage } from "./stage.js" */

export class Player {
  index = 0;
  /** How far, 0 to 1, playing has come towards the next frame. */
  part = 0;
  #speed = reducedMotion() ? 5 : 15;
  /** @type {number[]} */
  #durations = [];

  /**
   * @param {Stage} stage
   * @param {{ count: () => number, label: (index: number) => string, onchange: () => void }} of
   */
  constructor(stage, { count, label, onchange }) {
    this.count = count;
    this.label = label;
    this.onchange = onchange;
    this.slider = h("input", { type: "range", className: "cursor", min: 0, step: 1, value: 0 });
    this.slider.setAttribute("aria-label", "recorded step");
    this.words = h("output", { className: "step" });
    this.play = button("play", "play", () => this.toggle());
    this.clock = new Clock(stage, (seconds) => this.#tick(seconds), this.play);
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
    const rates = /** @type {[number, string][]} */ (
      [2, 5, 15, 30, 60].map((v) => [v, `${v} a second`])
    );
    const rate = choice("speed", this.#speed, rates, (v) => {
      this.#speed = v;
    });
    rate.root.className = "";
    const group = h("div", { className: "group" });
    group.append(
      button("back", "one step back", () => this.go(this.index - 1)),
      this.play,
      button("forward", "one step forward", () => this.go(this.index + 1)),
    );
    this.root = h("div", { className: "bar player" }, group, this.slider, this.words, rate.root);
  }

  /** How long each frame stays, over the mean. @param {number[]} durations */
  pace(durations) {
    this.#durations = durations;
  }

  /** @param {number} seconds */
  #tick(seconds) {
    let left = seconds * this.#speed;
    const stay = () => this.#durations[this.index] ?? 1;
    let index = this.index;
    this.part += left / stay();
    while (this.part >= 1 && index < this.count() - 1) {
      left = (this.part - 1) * (this.#durations[index] ?? 1);
      index++;
      this.part = left / (this.#durations[index] ?? 1);
    }
    if (index >= this.count() - 1) this.clock.set(false);
    this.#show(index, index >= this.count() - 1 ? 0 : this.part);
  }

  /** @param {number} index @param {number} part */
  #show(index, part) {
    this.index = clamp(index, 0, this.count() - 1);
    this.part = part;
    this.slider.max = String(this.count() - 1);
    this.slider.value = String(this.index);
    this.play.disabled = this.count() < 2;
    const words = this.label(this.index);
    if (words !== this.words.textContent) {
      this.words.textContent = words;
      this.slider.setAttribute("aria-valuetext", words);
    }
    this.onchange();
  }

  /** Show a frame. @param {number} index */
  set(index) {
    this.#show(index, 0);
  }

  /** Stop playing, and show a frame. @param {number} index */
  go(index) {
    this.clock.set(false);
    this.#show(index, 0);
  }

  toggle() {
    if (!this.clock.running && this.index >= this.count() - 1) this.set(0);
    this.clock.set(!this.clock.running);
    if (!this.clock.running) this.set(this.index);
  }

  /** From the first frame on. */
  begin() {
    this.set(0);
    this.clock.set(true);
  }

  playing() {
    return this.clock.running;
  }
}
