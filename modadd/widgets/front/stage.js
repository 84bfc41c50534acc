// What a view draws in: it follows the theme, and draws at most once a screen refresh.

import { readTheme } from "./colours.js";
import { h, setIcon } from "./controls.js";

/** @import { Theme } from "./colours.js" */
/** @import { Thresholds } from "./structure.js" */

/**
 * What every state carries along from Python.
 * @typedef {{ thresholds: Thresholds, colors: Record<string, string> }} Shared
 */
/**
 * @typedef {{ node: HTMLCanvasElement, size: { w: number, h: number }, begin: Begin,
 *   close: () => void }} Canvas
 */
/** @typedef {() => [CanvasRenderingContext2D, number, number]} Begin clears; gives width, height */

/** The stage over which the pointer was last: the space bar plays there. @type {Stage | null} */
let pointed = null;

/** A root element, its theme and canvases. */
export class Stage {
  /** @type {Theme} */
  theme;
  /** @type {Set<() => void>} */
  #ends = new Set();
  #waiting = 0;
  #drawn = 0;
  /** Pixels for each of the page, where a picture wants other than the screen. */
  #ratio = 0;
  #draw;

  /**
   * @param {HTMLElement} el
   * @param {string} kind
   * @param {Shared} shared
   * @param {() => void} draw
   */
  constructor(el, kind, shared, draw) {
    this.shared = shared;
    this.#draw = draw;
    this.root = h("div", { className: "modadd" });
    this.root.dataset.kind = kind;
    el.append(this.root);
    this.theme = readTheme(this.root, shared.colors);
    this.schedule = () => {
      this.#waiting ||= requestAnimationFrame(() => this.#now());
    };
    this.#followTheme();
    this.root.addEventListener("pointerover", () => {
      pointed = this;
    });
  }

  /** Draw at once, with so many pixels for each of the page; 0: as many as the screen has. @param {number} ratio */
  drawWith(ratio) {
    this.#ratio = ratio;
    this.#now();
  }

  #now() {
    cancelAnimationFrame(this.#waiting);
    this.#waiting = 0;
    if (!this.root.isConnected) return;
    const theme = readTheme(this.root, this.shared.colors);
    if (theme.key !== this.theme.key) this.theme = theme;
    const start = performance.now();
    this.#draw();
    this.root.dataset.drawn = String(++this.#drawn);
    this.root.dataset.ms = (performance.now() - start).toFixed(2);
  }

  #followTheme() {
    // JupyterLab says on its body that it takes another theme, whose colours may arrive later.
    /** @type {ReturnType<typeof setTimeout>[]} */
    let late = [];
    const retheme = () => {
      late.forEach(clearTimeout);
      late = [0, 200, 1000, 3000].map((ms) => setTimeout(this.schedule, ms));
    };
    const body = new MutationObserver(retheme);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    body.observe(document.body, { attributes: true });
    scheme.addEventListener("change", retheme);
    this.atEnd(() => {
      late.forEach(clearTimeout);
      body.disconnect();
      scheme.removeEventListener("change", retheme);
    });
  }

  /** Have something done when the view is taken away. @param {() => void} end */
  atEnd(end) {
    this.#ends.add(end);
  }

  /** End everything that goes on. */
  close() {
    cancelAnimationFrame(this.#waiting);
    for (const end of this.#ends) end();
    this.#ends.clear();
    if (pointed === this) pointed = null;
  }

  /**
   * A canvas that is crisp on any screen.
   * @param {string} label
   * @returns {Canvas}
   */
  canvas(label) {
    const node = h("canvas", { role: "img", "aria-label": label });
    const size = { w: 0, h: 0 };
    const observer = new ResizeObserver(() => {
      Object.assign(size, { w: node.clientWidth, h: node.clientHeight });
      this.schedule();
    });
    observer.observe(node);
    const close = () => {
      observer.disconnect();
      this.#ends.delete(close);
    };
    this.atEnd(close);
    const g = /** @type {CanvasRenderingContext2D} */ (node.getContext("2d"));
    const begin = /** @type {Begin} */ (
      () => {
        const ratio = this.#ratio || window.devicePixelRatio || 1;
        const [width, height] = [Math.round(size.w * ratio), Math.round(size.h * ratio)];
        if (node.width !== width || node.height !== height) Object.assign(node, { width, height });
        g.setTransform(ratio, 0, 0, ratio, 0, 0);
        g.clearRect(0, 0, size.w, size.h);
        g.font = "12px 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif";
        return [g, size.w, size.h];
      }
    );
    return { node, size, begin, close };
  }

  /** Space plays and pauses wherever it would press nothing else. @param {() => void} toggle */
  playOnSpace(toggle) {
    const press = (/** @type {KeyboardEvent} */ event) => {
      const target = /** @type {HTMLInputElement} */ (event.target);
      const inside = this.root.contains(target);
      if (event.key !== " " || !(inside || (target === document.body && pointed === this))) return;
      if (/^(BUTTON|SELECT|SUMMARY|TEXTAREA)$/.test(target.tagName)) return;
      if (/^(checkbox|radio|number|text)$/.test(target.type)) return;
      event.preventDefault();
      toggle();
    };
    document.addEventListener("keydown", press);
    this.atEnd(() => document.removeEventListener("keydown", press));
  }
}

export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Calls tick(elapsed seconds) at every screen refresh while it runs. */
export class Clock {
  running = false;
  #frame = 0;

  /**
   * @param {Stage} stage
   * @param {(seconds: number) => void} tick
   * @param {HTMLButtonElement} button shows what it would do
   */
  constructor(stage, tick, button) {
    this.tick = tick;
    this.button = button;
    stage.atEnd(() => this.set(false));
  }

  /** @param {boolean} on */
  set(on) {
    if (on === this.running) return;
    this.running = on;
    const word = on ? "pause" : "play";
    setIcon(this.button, word, word);
    let before = performance.now();
    const turn = (/** @type {number} */ now) => {
      if (!this.running) return;
      this.tick(Math.min(Math.max(now - before, 0) / 1000, 0.25));
      before = now;
      this.#frame = requestAnimationFrame(turn);
    };
    if (on) this.#frame = requestAnimationFrame(turn);
    else cancelAnimationFrame(this.#frame);
  }
}
