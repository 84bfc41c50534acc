// The way in, for JupyterLab and for plain pages.

import { live } from "./live.js";
import { particles } from "./particles.js";
import { phases } from "./phases.js";
import { playground } from "./playground.js";
import { scrub } from "./scrub.js";

/** @import { Header } from "./tracks.js" */

/**
 * What anywidget gives a view: the kernel's half of the widget, and a place on the page.
 * @typedef {{ model: { get: (name: string) => any, send: (content: object) => void,
 *   on: (name: string, listener: (...values: any[]) => void) => void,
 *   off: (name: string, listener: (...values: any[]) => void) => void }, el: HTMLElement }} Context
 */

const VIEWS = { scrub, live, playground, particles, phases };

/** @param {Context} context */
const render = (context) =>
  VIEWS[/** @type {keyof typeof VIEWS} */ (context.model.get("kind"))](context);

export default { render };

/**
 * The same views without a kernel: `state` is what the kernel would hold, with bytes in base64. A
 * scrubber's state has the tracks of every seed.
 * @param {HTMLElement} el
 * @param {any} state
 */
export function mount(el, state) {
  // ?only=0: the first view of the page, and nothing else, in an <iframe> for instance.
  const places = [...document.querySelectorAll(".modadd-page")];
  const only = new URLSearchParams(location.search).get("only");
  if (only === String(places.indexOf(el))) el.dataset.only = "true";
  /** @type {Record<string, (() => void) | undefined>} */
  const listeners = {};
  const open = (/** @type {number} */ seed) =>
    state.every[seed].map((/** @type {Header & { bytes: string }} */ track) => ({
      ...track,
      bytes: Uint8Array.from(atob(track.bytes), (c) => c.charCodeAt(0)),
    }));
  if (state.every) state.tracks = open(state.seed);
  const model = {
    get: (/** @type {string} */ name) => state[name],
    on: (/** @type {string} */ name, /** @type {() => void} */ listener) => {
      listeners[name] = listener;
    },
    off: (/** @type {string} */ name) => {
      delete listeners[name];
    },
    send(/** @type {any} */ { seed }) {
      state.tracks = open(seed);
      listeners["change:tracks"]?.();
    },
  };
  return render({ model, el });
}
