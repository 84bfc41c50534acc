// The weight decay of the live view.

import { field, h } from "./controls.js";

/** Weight decay, which can be changed while training: a slider, and a field to type it into. */
export class Decay {
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
