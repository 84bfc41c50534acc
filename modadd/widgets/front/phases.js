// The view of modadd.widgets.phases: a table of recipes, and the runs of the one pointed at.

import { blend, clamp, css, textOn, tokenColors } from "./colours.js";
import { h, readings } from "./controls.js";
import { disc, drawBonds, toPixels } from "./drawing.js";
import { IN_A_CELL } from "./meanings.js";
import { Scrubber } from "./scrub.js";
import { Stage } from "./stage.js";
import { addStates, newStates } from "./states.js";
import { takeAway } from "./takeaway.js";
import { asBytes } from "./tracks.js";
import { stopsUpTo, Training } from "./training.js";

/** @import { Pen } from "./drawing.js" */
/** @import { Context } from "./mount.js" */
/** @import { Recipe } from "./network.js" */

const [LEFT, BOTTOM] = [52, 34]; // px, for the axes

/**
 * What Python sends.
 * @typedef {{ scales: number[], bias_scales: number[], seeds: number[], names: string[],
 *   kinds: number[][][], cells: { E: number[], bonds: number[][] }[][][],
 *   recipe: Recipe | null, steps: number }} Phases `recipe`: of all cells, but for the two scales
 */

/** @param {Context} context */
export function phases({ model, el }) {
  const view = new PhaseTable(el, model.get("shared"), model.get("initial"));
  return () => view.close();
}

/** From the middle of the bounding box: E to the square |x|, |y| <= 1. @param {number[]} E */
export function fitted(E) {
  const ends = [0, 1].map((axis) => {
    const values = E.filter((_, i) => i % 2 === axis);
    return [Math.min(...values), Math.max(...values)];
  });
  const half = Math.max(...ends.map(([low, high]) => high - low)) / 2 || 1;
  return E.map((v, i) => (v - (ends[i % 2][0] + ends[i % 2][1]) / 2) / half);
}

class PhaseTable {
  row = 0;
  column = 0;
  #run = 0;
  #pinned = false;
  /** The run that was opened. @type {Scrubber | null} */
  #opened = null;

  /**
   * @param {HTMLElement} el
   * @param {any} shared
   * @param {Phases} given
   */
  constructor(el, shared, given) {
    this.given = given;
    this.el = el;
    const [R, C] = [given.scales.length, given.bias_scales.length];
    this.size = { R, C };
    this.stage = new Stage(el, "phases", shared, () => this.#draw());
    const keys = "arrow keys choose a recipe, Enter keeps it";
    this.table = this.stage.canvas(`Share of circles by bias scale and initial scale; ${keys}`);
    const more = given.recipe ? "; arrow keys choose one, Enter opens it" : "";
    this.runs = this.stage.canvas(`Final embeddings of runs of the chosen recipe${more}`);
    this.found = readings(given.names, IN_A_CELL);
    this.title = h("figcaption", { role: "status" });
    this.table.node.tabIndex = 0;
    this.table.node.classList.add("pick");
    this.lead = h("span", {});
    const lead = h("figcaption", {}, h("b", {}, "Share of circles"), this.lead);
    const left = h("figure", { className: "plane" }, lead, this.table.node);
    const right = h("figure", { className: "plane" }, this.title, this.runs.node);
    const panels = h("div", { className: "panels" }, left, right);
    this.stage.root.append(panels, this.found.root, takeAway(this.stage));
    this.#listen();
    if (given.recipe) this.#listenToRuns();
    this.#pin(false);
    this.#choose(Math.floor(R / 2), Math.floor(C / 2));
  }

  #listen() {
    const { node } = this.table;
    const { R, C } = this.size;
    const cell = (/** @type {PointerEvent} */ event) => {
      const box = node.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left - LEFT, event.clientY - box.top];
      const [side, tall] = [(box.width - LEFT) / C, (box.height - BOTTOM) / R];
      return x >= 0 && y < R * tall ? [R - 1 - Math.floor(y / tall), Math.floor(x / side)] : null;
    };
    node.addEventListener("pointermove", (event) => {
      const found = cell(event);
      if (found && !this.#pinned) this.#choose(found[0], found[1]);
    });
    // A click keeps a cell; the same again lets go.
    node.addEventListener("click", (event) => {
      const found = cell(/** @type {PointerEvent} */ (event));
      if (!found) return;
      const same = found[0] === this.row && found[1] === this.column;
      this.#choose(found[0], found[1]);
      this.#pin(!(same && this.#pinned));
    });
    node.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.#pin(!this.#pinned);
      const step = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[
        event.key
      ];
      if (!step) return;
      event.preventDefault();
      this.#choose(this.row + step[0], this.column + step[1]);
    });
  }

  /** Runs are opened by a click, or chosen by arrow keys and opened by Enter. */
  #listenToRuns() {
    const { node } = this.runs;
    node.tabIndex = 0;
    node.classList.add("pick");
    node.addEventListener("click", ({ offsetX, offsetY }) => {
      const third = node.clientWidth / 3;
      this.#open(3 * Math.floor(offsetY / third) + Math.floor(offsetX / third));
    });
    node.addEventListener("keydown", (event) => {
      const step = { ArrowUp: -3, ArrowDown: 3, ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Enter") this.#open(this.#run);
      if (!step) return;
      event.preventDefault();
      this.#run = clamp(this.#run + step, 0, this.given.seeds.length - 1);
      this.stage.schedule();
    });
  }

  /** @param {boolean} pinned */
  #pin(pinned) {
    this.#pinned = pinned;
    const more = this.given.recipe ? "; click on a run to open it" : "";
    this.lead.textContent = pinned ? `: kept${more}` : ": point at a cell, click to keep it";
    this.stage.schedule();
  }

  /**
   * Train a run of the cell again, here and with all its states, and show it below.
   * @param {number} run
   */
  #open(run) {
    const { seeds, scales, bias_scales, recipe, steps } = this.given;
    const { shared } = this.stage;
    if (!(run in seeds) || !recipe) return;
    this.#run = run;
    this.#pin(true);
    const scale = { embedding_scale: scales[this.row], bias_scale: bias_scales[this.column] };
    const own = { ...recipe, ...scale };
    const training = new Training(own, seeds[run]);
    const title = `Trained again, in float64: β = ${own.bias_scale}, initial scale ${own.embedding_scale},`;
    const track = newStates({ recipe: own, seed: seeds[run], pairs: training.pairs }, title);
    training.at(steps, stopsUpTo(steps), ({ step, theta }) => {
      addStates(track, [step], asBytes(Float32Array.from(theta)), shared.thresholds);
    });
    const get = (/** @type {string} */ name) => (name === "shared" ? shared : []);
    const model = { get, send: () => {} };
    if (this.#opened) this.#opened.show([track]);
    else this.#opened = new Scrubber(this.el, model, [track]);
  }

  close() {
    this.#opened?.stage.close();
    this.stage.close();
  }

  /** How many runs of a cell are of each kind. @param {number} r @param {number} c */
  #counts(r, c) {
    const { names, kinds } = this.given;
    return names.map((_, k) => kinds[r][c].filter((kind) => kind === k).length);
  }

  /** @param {number} r @param {number} c */
  #choose(r, c) {
    const { scales, bias_scales, cells, kinds } = this.given;
    [this.row, this.column] = [clamp(r, 0, this.size.R - 1), clamp(c, 0, this.size.C - 1)];
    const [here, total] = [cells[this.row][this.column], kinds[this.row][this.column].length];
    const recipe = `β = ${bias_scales[this.column]}, initial scale ${scales[this.row]}`;
    const first = `: the first ${here.length} of ${total} runs`;
    this.title.replaceChildren(h("b", {}, recipe), first);
    this.found.set(this.#counts(this.row, this.column).map((n) => [`${n} of ${total}`, n / total]));
    this.stage.schedule();
  }

  #draw() {
    const [g, w, hh] = this.table.begin();
    if (w) {
      this.#drawCells(g, w, hh);
      this.#drawAxes(g, w, hh);
    }
    const [pen, width] = this.runs.begin();
    if (width) this.#drawRuns(pen, width);
  }

  /** @param {Pen} g @param {number} w @param {number} hh */
  #drawCells(g, w, hh) {
    const { theme } = this.stage;
    const { R, C } = this.size;
    const [side, tall] = [(w - LEFT) / C, (hh - BOTTOM) / R];
    g.textAlign = "center";
    g.textBaseline = "middle";
    for (let r = 0; r < R; r++) {
      for (let c = 0; c < C; c++) {
        const part = this.#counts(r, c)[0] / this.given.kinds[r][c].length;
        const ground = blend(theme.paper, theme.of("circle"), 0.06 + 0.8 * part);
        const [x, y] = [LEFT + c * side, (R - 1 - r) * tall];
        g.fillStyle = css(ground);
        g.fillRect(x + 0.5, y + 0.5, side - 1, tall - 1);
        g.fillStyle = textOn(ground);
        g.fillText(`${Math.round(100 * part)}%`, x + side / 2, y + tall / 2);
      }
    }
    g.strokeStyle = css(theme.ink);
    g.lineWidth = this.#pinned ? 4 : 2;
    const corner = [LEFT + this.column * side + 1, (R - 1 - this.row) * tall + 1];
    g.strokeRect(corner[0], corner[1], side - 2, tall - 2);
  }

  /** @param {Pen} g @param {number} w @param {number} hh */
  #drawAxes(g, w, hh) {
    const { scales, bias_scales } = this.given;
    const { R, C } = this.size;
    const [side, tall] = [(w - LEFT) / C, (hh - BOTTOM) / R];
    g.fillStyle = css(this.stage.theme.muted);
    g.font = g.font.replace(/[\d.]+px/, "11px");
    bias_scales.forEach((v, c) => {
      g.fillText(String(v), LEFT + (c + 0.5) * side, hh - BOTTOM + 10);
    });
    g.fillText("bias scale β", LEFT + (w - LEFT) / 2, hh - 8);
    g.textAlign = "right";
    scales.forEach((v, r) => {
      g.fillText(String(v), LEFT - 6, (R - r - 0.5) * tall);
    });
    g.textAlign = "center";
    g.save();
    g.translate(6, (hh - BOTTOM) / 2);
    g.rotate(-Math.PI / 2);
    g.fillText("scale of initial embeddings", 0, 0);
    g.restore();
  }

  /** @param {Pen} g @param {number} w */
  #drawRuns(g, w) {
    const { theme } = this.stage;
    const { cells, kinds, names, seeds } = this.given;
    const side = w / 3;
    cells[this.row][this.column].forEach(({ E, bonds }, i) => {
      const here = fitted(E);
      const [N, colors] = [E.length / 2, tokenColors(E.length / 2)];
      const square = { g, side: side - 22, reach: 1.15 };
      g.save();
      g.translate((i % 3) * side + 11, Math.floor(i / 3) * side + 15);
      drawBonds(square, here, bonds, theme);
      const [at, radius] = [toPixels(square), clamp(0.045 * square.side, 2, 4.5)];
      for (let a = 0; a < N; a++) disc(g, at(here[2 * a], here[2 * a + 1]), radius, css(colors[a]));
      g.fillStyle = css(theme.ink);
      g.font = g.font.replace(/[\d.]+px/, "11px");
      g.textAlign = "left";
      g.textBaseline = "alphabetic";
      g.fillText(`${names[kinds[this.row][this.column][i]]}, seed ${seeds[i]}`, 0, -3);
      if (this.given.recipe && this.#pinned && i === this.#run) {
        g.strokeStyle = css(theme.ink);
        g.strokeRect(-3, 0, square.side + 6, square.side + 2);
      }
      g.restore();
    });
  }
}
