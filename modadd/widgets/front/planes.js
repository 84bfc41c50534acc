// The plane of embeddings and the plane of pair sums: drawn, pointed at, tapped, dragged, chosen.

import { h } from "./controls.js";
import { drawArrows, drawBonds, drawPairSums, drawTokens, Ground, tokenRadius } from "./drawing.js";
import { litBy, nearestPoint, nextFocus, sumOrRegion, wordsFor } from "./pointing.js";

/** @import { Square } from "./drawing.js" */
/** @import { Points } from "./pairs.js" */
/** @import { Focus, Scene } from "./pointing.js" */
/** @import { Canvas, Stage } from "./stage.js" */

/** @typedef {{ bonds: number[][], clear: number }} Bonds lines, and how clear they are, 0 to 1 */
/** @typedef {{ force: Points, name: string, largest: number }} Arrows */
/** @typedef {Scene & { bonds?: Bonds, arrows?: Arrows[], trail?: Points[], selected?: number }} View */
/** @typedef {{ move: (a: number, x: number, y: number) => void, drop: () => void }} Drag */

const GRASP = 20; // px around a token within which a finger or the mouse takes hold of it
const HINT = "Point at a token, a pair sum or a region.";

export class Planes {
  /** @type {Focus | null} */
  focus = null;
  /** @type {View | null} */
  #view = null;
  #pinned = false;
  #ground = new Ground();

  /**
   * @param {Stage} stage
   * @param {string} over what lies under the pair sums, in words
   * @param {Drag | null} drag where tokens can be dragged
   */
  constructor(stage, over, drag = null) {
    this.stage = stage;
    const keys = "Page Up and Page Down choose, Escape lets go";
    this.tokens = stage.canvas(`Embeddings of the tokens. ${keys}${drag ? ", arrows move" : ""}`);
    this.sums = stage.canvas(`Pair sums in the colours of their labels. ${keys}`);
    this.words = h("p", { className: "words", role: "status" }, HINT);
    const title = drag ? " · drag one" : "";
    this.figures = [
      plane("Embeddings", title, this.tokens.node),
      plane("Pair sums", over, this.sums.node),
    ];
    this.#listen(this.tokens, "token", drag);
    this.#listen(this.sums, "sum", null);
  }

  /** @param {View} view */
  show(view) {
    this.#view = view;
    const { E, reach, labels } = view;
    const { theme } = this.stage;
    const lit = litBy(this.focus, E.length / 2);
    const square = (/** @type {Canvas} */ canvas, /** @type {number} */ size) => {
      const [g, side] = canvas.begin();
      return { g, side, reach: size };
    };
    const left = square(this.tokens, reach);
    if (left.side) {
      drawTrail(left, view, this.stage);
      if (view.bonds && view.bonds.clear > 0) {
        left.g.globalAlpha = view.bonds.clear;
        drawBonds(left, E, view.bonds.bonds, theme);
        left.g.globalAlpha = 1;
      }
      drawTokens(left, E, theme, lit.tokens, view.selected);
      for (const { force, name, largest } of view.arrows ?? []) {
        drawArrows(left, E, force, largest, name, theme);
      }
    }
    const right = square(this.sums, 2 * reach);
    if (right.side) {
      if (labels) this.#ground.draw(right, labels, E.length / 2, theme);
      drawPairSums(right, E, theme, { ...view, lit: lit.sums });
    }
    const words = wordsFor(this.focus, view) || HINT;
    if (this.words.textContent !== words) this.words.textContent = words;
    this.words.classList.toggle("hint", words === HINT);
  }

  /** @param {Focus | null} focus @param {boolean} pinned */
  #choose(focus, pinned) {
    if (focus?.kind === this.focus?.kind && focus?.index === this.focus?.index) return;
    this.focus = focus;
    this.#pinned = pinned && focus !== null;
    this.stage.schedule();
  }

  /** Choose a token from elsewhere. @param {number} a */
  chooseToken(a) {
    this.#choose({ kind: "token", index: a }, true);
  }

  /**
   * What an event is at.
   * @param {PointerEvent} event
   * @param {Canvas} canvas
   * @param {"token" | "sum"} kind
   * @returns {Focus | null}
   */
  #at(event, canvas, kind) {
    if (!this.#view) return null;
    const coarse = event.pointerType === "mouse" ? 1 : 1.8;
    const [x, y, px] = this.#place(event, canvas, kind);
    if (kind === "sum") return sumOrRegion(this.#view, x, y, 7 * coarse * px);
    const radius = tokenRadius(canvas.size.w, this.#view.E.length / 2) + 3;
    const a = nearestPoint(this.#view.E, x, y, radius * coarse * px);
    return a < 0 ? null : { kind: "token", index: a };
  }

  /**
   * Where an event is on its plane, and the plane's units in a pixel.
   * @param {{ clientX: number, clientY: number }} event
   * @param {Canvas} canvas
   * @param {"token" | "sum"} kind
   */
  #place({ clientX, clientY }, { node }, kind) {
    const { left, top, width } = node.getBoundingClientRect();
    const reach = (kind === "sum" ? 2 : 1) * (this.#view?.reach ?? 1);
    const px = (2 * reach) / width;
    return [px * (clientX - left) - reach, reach - px * (clientY - top), px];
  }

  /**
   * @param {Canvas} canvas
   * @param {"token" | "sum"} kind
   * @param {Drag | null} drag
   */
  #listen(canvas, kind, drag) {
    const { node } = canvas;
    node.tabIndex = 0;
    node.setAttribute("role", "application");
    node.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse" && !event.buttons && !this.#pinned) {
        this.#choose(this.#at(event, canvas, kind), false);
      }
    });
    node.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse" && !this.#pinned) this.#choose(null, false);
    });
    // A tap or click pins; the same again, or one beside everything, lets go.
    node.addEventListener("click", (event) => {
      const found = this.#at(/** @type {PointerEvent} */ (event), canvas, kind);
      const again = found?.kind === this.focus?.kind && found?.index === this.focus?.index;
      if (this.#pinned && again) this.#choose(null, false);
      else if (again) this.#pinned = found !== null;
      else this.#choose(found, true);
    });
    node.addEventListener("keydown", (event) => this.#key(event, kind, drag));
    if (drag) this.#dragging(canvas, drag);
  }

  /**
   * @param {KeyboardEvent} event
   * @param {"token" | "sum"} kind
   * @param {Drag | null} drag
   */
  #key(event, kind, drag) {
    const view = this.#view;
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[
      event.key
    ];
    const turn = { PageUp: 1, PageDown: -1 }[event.key] ?? (move && !drag ? move[0] + move[1] : 0);
    if (!view || !(move || turn || event.key === "Escape")) return;
    event.preventDefault();
    if (event.key === "Escape") this.#choose(null, false);
    else if (turn) this.#choose(nextFocus(this.focus, kind, turn, view.E.length / 2), true);
    else if (move && drag) {
      if (this.focus?.kind !== "token") this.chooseToken(0);
      const a = this.focus?.index ?? 0;
      const by = (event.shiftKey ? 0.12 : 0.04) * view.reach;
      drag.move(a, view.E[2 * a] + by * move[0], view.E[2 * a + 1] + by * move[1]);
      drag.drop();
    }
  }

  /** @param {Canvas} canvas @param {Drag} drag */
  #dragging(canvas, drag) {
    const { node } = canvas;
    let held = -1;
    const grasped = (/** @type {{ clientX: number, clientY: number }} */ point) => {
      const [x, y, px] = this.#place(point, canvas, "token");
      return this.#view ? nearestPoint(this.#view.E, x, y, GRASP * px) : -1;
    };
    // A finger on a token drags it; beside all tokens it scrolls the page.
    const touch = (/** @type {TouchEvent} */ event) => {
      if (grasped(event.touches[0]) >= 0) event.preventDefault();
    };
    node.addEventListener("touchstart", touch, { passive: false });
    node.addEventListener("pointerdown", (event) => {
      held = grasped(event);
      if (held < 0) return;
      node.setPointerCapture(event.pointerId);
      this.chooseToken(held);
      node.focus({ preventScroll: true });
      const [x, y] = this.#place(event, canvas, "token");
      drag.move(held, x, y);
    });
    node.addEventListener("pointermove", (event) => {
      const [x, y] = this.#place(event, canvas, "token");
      if (held >= 0) drag.move(held, x, y);
      else node.classList.toggle("grab", grasped(event) >= 0);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      node.addEventListener(end, () => {
        if (held >= 0) drag.drop();
        held = -1;
      });
    }
  }
}

/** @param {string} title @param {string} more @param {HTMLElement} node */
export function plane(title, more, node) {
  const caption = h("figcaption", {}, h("b", {}, title), more);
  return h("figure", { className: "plane" }, caption, node);
}

/**
 * Figures beside one another; on a narrow page one of them, with a switch.
 * @param {HTMLElement[]} figures
 * @param {string[]} names
 */
export function panels(figures, names) {
  const show = (/** @type {number} */ chosen) => {
    figures.forEach((figure, i) => {
      figure.classList.toggle("aside", i !== chosen);
      buttons[i].setAttribute("aria-pressed", String(i === chosen));
    });
  };
  const buttons = names.map((name, i) =>
    h("button", { type: "button", onclick: () => show(i) }, name),
  );
  show(0);
  const choice = h(
    "div",
    { className: "switch", role: "group", "aria-label": "shown" },
    ...buttons,
  );
  return h("div", { className: "panels" }, choice, ...figures);
}

/**
 * Where the tokens came from, fading.
 * @param {Square} square
 * @param {View} view
 * @param {Stage} stage
 */
function drawTrail(square, { E, trail }, { theme }) {
  if (!trail?.length) return;
  const { g, side, reach } = square;
  const path = [...trail, E];
  g.strokeStyle = `rgb(${theme.muted.map(Math.round).join(", ")})`;
  g.lineWidth = 1.4;
  for (let i = 1; i < path.length; i++) {
    g.globalAlpha = (0.55 * i) / path.length;
    g.beginPath();
    for (let a = 0; 2 * a < E.length; a++) {
      const at = (/** @type {Points} */ P) => [
        (side / 2) * (1 + P[2 * a] / reach),
        (side / 2) * (1 - P[2 * a + 1] / reach),
      ];
      const [[x0, y0], [x1, y1]] = [at(path[i - 1]), at(path[i])];
      g.moveTo(x0, y0);
      g.lineTo(x1, y1);
    }
    g.stroke();
  }
  g.globalAlpha = 1;
}
