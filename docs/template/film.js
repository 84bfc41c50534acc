// What the scenes of the story share: a network that is trained in the page and shown as a film, a
// clock's face, and words.

import { css, textOn, tokenColors } from "../../modadd/widgets/front/colours.js";
import { h, stepWords } from "../../modadd/widgets/front/controls.js";
import { disc } from "../../modadd/widgets/front/drawing.js";
import { pairTable } from "../../modadd/widgets/front/pairs.js";
import { Player } from "../../modadd/widgets/front/player.js";
import { workerSource } from "../../modadd/widgets/front/sources.js";
import { reducedMotion, Stage } from "../../modadd/widgets/front/stage.js";
import { addStates, newStates } from "../../modadd/widgets/front/states.js";
import { asBytes, between, durations } from "../../modadd/widgets/front/tracks.js";

/** @import { Source } from "../../modadd/widgets/front/sources.js" */
/** @import { Canvas } from "../../modadd/widgets/front/stage.js" */
/** @import { States } from "../../modadd/widgets/front/states.js" */
/** @import { Frame } from "../../modadd/widgets/front/tracks.js" */

/** What live training needs on a page. @typedef {{ shared: any, initial: any }} State */

export const HOURS = 17;
const GROWN = 2500; // steps
export const SANS = '"Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif';

/**
 * Train a network up to a step, and hand over its states on the way; later ones follow if it is
 * told to go on.
 * @param {State} state
 * @param {{ seed: number, settings?: object, decay?: number, steps?: number }} plan
 * @param {(track: States) => void} told called for all states up to there, then for each that follows
 */
export function train(
  { shared, initial },
  { seed, settings = {}, decay = 0.003, steps = GROWN },
  told,
) {
  const recipe = { ...initial.recipe, ...settings, weight_decay: decay };
  /** @type {States | null} */
  let track = null;
  const source = workerSource({ ...initial, recipe, seed }, (message, [bytes] = []) => {
    if (message.type !== "frames") return;
    track ??= newStates(message);
    addStates(track, message.steps, asBytes(bytes), shared.thresholds);
    told(track);
  });
  source.send({ type: "goto", decays: [[0, decay]], step: steps });
  return source;
}

/**
 * A row of buttons of which one is pressed.
 * @param {string[]} names
 * @param {(index: number) => void} choose
 */
export function chips(names, choose) {
  const press = (/** @type {number} */ chosen) => {
    all.forEach((node, i) => {
      node.setAttribute("aria-pressed", String(i === chosen));
    });
  };
  const all = names.map((name, i) => {
    const onclick = () => {
      press(i);
      choose(i);
    };
    return h("button", { type: "button", className: "chip", onclick }, name);
  });
  return { root: h("div", { className: "group" }, ...all), press };
}

/** What is drawn of one state: on both planes, tokens and pair sums. @param {Frame} frame */
export function viewOf(frame) {
  const { embeddings: E, reach, regions: labels, predicted } = frame;
  const { label } = pairTable(HOURS);
  if (predicted) frame.right ??= label.map((y, p) => predicted[p] === y);
  return { E, reach, labels, predicted, right: frame.right, bonds: frame.bonds };
}

/** A network in training as a film: play, step, scrub. */
export class Film {
  /** @type {States | null} */
  track = null;
  #state;
  #place;
  /** @type {Source | null} */
  #source = null;
  /** @type {Promise<States>} */
  ready = new Promise(() => {});

  /**
   * @param {Element} place
   * @param {State} state
   * @param {(frame: Frame, part: number, next?: Frame) => void} draw
   */
  constructor(place, state, draw) {
    this.#state = state;
    this.#place = place;
    this.stage = new Stage(/** @type {HTMLElement} */ (place), "story", state.shared, () => {
      const { index, part } = this.player;
      const frames = this.track?.frames;
      if (frames?.length) draw(frames[index], part, frames[index + 1]);
    });
    this.player = new Player(this.stage, {
      count: () => this.track?.frames.length || 1,
      label: (i) => stepWords(this.track?.steps[i] ?? 0),
      onchange: this.stage.schedule,
    });
    const { play, slider, words } = this.player;
    this.bar = h("div", { className: "bar" }, play, slider, words);
    this.stage.playOnSpace(() => this.player.toggle());
  }

  /** Show another network, once it is trained. @param {number} seed */
  load(seed) {
    this.player.clock.set(false);
    this.#place.setAttribute("aria-busy", "true");
    this.#source?.close();
    this.ready = new Promise((resolve) => {
      const source = train(this.#state, { seed }, (track) => {
        source.close();
        this.track = track;
        this.player.pace(durations(track.frames.map((frame) => frame.embeddings)));
        this.player.set(0);
        this.#place.removeAttribute("aria-busy");
        resolve(track);
      });
      this.#source = source;
    });
    return this.ready;
  }

  /** From the beginning; where motion is not wanted, the end. */
  run() {
    this.player.set(reducedMotion() ? this.last : 0);
    this.player.clock.set(!reducedMotion());
  }

  get last() {
    return (this.track?.frames.length ?? 1) - 1;
  }
}

/** Tokens between two frames while a film plays. @param {Frame} frame @param {number} part
 * @param {Frame} [next] */
export function moving(frame, part, next) {
  const still = viewOf(frame);
  return next && part ? { ...still, E: between(still.E, next.embeddings, part) } : still;
}

/**
 * The face of a clock, with lines between some of its hours, and others that stand out.
 * @param {Canvas} canvas
 * @param {Stage} stage
 * @param {number[]} marked
 * @param {{ bonds: number[][], clear: number }} [lines]
 */
export function drawFace(canvas, { theme }, marked, lines) {
  const [g, w, height] = canvas.begin();
  if (!w) return null;
  const [x, y, r] = [w / 2, height / 2, 0.42 * Math.min(w, height)];
  const size = Math.min(11, Math.max(6, 0.07 * r));
  const angle = (/** @type {number} */ hour) => (2 * Math.PI * hour) / HOURS - Math.PI / 2;
  const at = (/** @type {number} */ hour, /** @type {number} */ far) =>
    /** @type {[number, number]} */ ([
      x + far * Math.cos(angle(hour)),
      y + far * Math.sin(angle(hour)),
    ]);
  g.strokeStyle = css(theme.line);
  g.lineWidth = 1.5;
  g.beginPath();
  g.arc(x, y, r, 0, 2 * Math.PI);
  g.stroke();
  g.globalAlpha = lines?.clear ?? 0;
  g.strokeStyle = css(theme.muted);
  g.lineWidth = 1;
  g.beginPath();
  for (const [a, b] of lines?.bonds ?? []) {
    g.moveTo(...at(a, r));
    g.lineTo(...at(b, r));
  }
  g.stroke();
  g.globalAlpha = 1;
  g.textAlign = "center";
  g.textBaseline = "middle";
  g.font = `${1.2 * size}px ${SANS}`;
  tokenColors(HOURS).forEach((color, hour) => {
    const [own, place] = [marked.includes(hour), at(hour, r)];
    disc(g, place, own ? size + 3 : size, css(color), own ? css(theme.ink) : null, 2);
    g.fillStyle = textOn(color);
    g.fillText(String(hour), place[0], place[1] + 0.5);
  });
  return { g, x, y, r, at, angle };
}

/** A plane or a face under words of its own. @param {string} title @param {HTMLElement} node */
export function titled(title, node) {
  const caption = h("figcaption", {}, h("b", {}, title));
  return { root: h("figure", { className: "plane" }, caption, node), caption };
}

/** What a state has become. @param {string} kind one of structure.KINDS */
export const named = (kind) => (kind === "other" ? "nothing clear" : `a ${kind}`);
