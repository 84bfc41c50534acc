// Curves over steps, whose axis runs as a square root.

import { clamp, css, DASHES } from "./colours.js";
import { disc } from "./drawing.js";

/** @import { Theme } from "./colours.js" */
/** @import { Pen } from "./drawing.js" */

/** @typedef {{ style: string, values: ArrayLike<number> }} Line */
/** @typedef {{ title: string, percent?: boolean, log?: boolean, lines: Line[] }} Plot */
/**
 * Where one plot stands: its frame in pixels, and from values to pixels.
 * @typedef {{ left: number, right: number, top: number, bottom: number, ticks: number[],
 *   x: (step: number) => number, y: (value: number) => number }} Frame
 */

const AXIS = 38;

/**
 * Draw plots below one another; returns the step at an abscissa, for dragging.
 * @param {Pen} g
 * @param {number} w
 * @param {number} h
 * @param {{ steps: number[], plots: Plot[], cursor: number, marks?: number[] }} content
 *   `cursor`: index of a step; `marks`: steps at which something was changed by hand
 * @param {Theme} theme
 */
export function drawCurves(g, w, h, { steps, plots, cursor, marks = [] }, theme) {
  const [left, right, each] = [AXIS, w - 10, (h - 18) / plots.length];
  const last = Math.max(steps[steps.length - 1], 1);
  const x = (/** @type {number} */ step) => left + (right - left) * Math.sqrt(step / last);
  plots.forEach((plot, i) => {
    const [top, bottom] = [i * each + 22, (i + 1) * each - 22];
    const frame = { left, right, top, bottom, x, ...scale(plot, top, bottom) };
    drawAxes(g, frame, plot, last, theme);
    drawMarks(g, frame, marks, theme);
    drawLines(g, frame, plot.lines, steps, cursor, theme);
  });
  g.fillStyle = css(theme.muted);
  g.textAlign = "center";
  g.fillText("step", (left + right) / 2, h - 8);
  return (/** @type {number} */ px) => last * clamp((px - left) / (right - left), 0, 1) ** 2;
}

/** @param {Plot} plot @param {number} top @param {number} bottom */
function scale(plot, top, bottom) {
  const to = plot.log ? Math.log10 : Number;
  const { low, high, ticks } = plot.percent
    ? { low: 0, high: 1, ticks: [0, 0.5, 1] }
    : plot.log
      ? decades(plot.lines)
      : niceTicks(plot.lines);
  const size = (bottom - top) / (to(high) - to(low) || 1);
  return {
    ticks,
    y: (/** @type {number} */ v) => bottom - size * (to(Math.max(v, low)) - to(low)),
  };
}

/** @param {Pen} g @param {Frame} frame @param {number[]} marks @param {Theme} theme */
function drawMarks(g, { top, bottom, x }, marks, theme) {
  g.strokeStyle = css(theme.muted);
  g.lineWidth = 1;
  g.setLineDash([2, 3]);
  g.beginPath();
  for (const step of marks) {
    g.moveTo(x(step), top - 4);
    g.lineTo(x(step), bottom);
  }
  g.stroke();
  g.setLineDash([]);
}

/**
 * @param {Pen} g
 * @param {Frame} frame
 * @param {Line[]} lines
 * @param {number[]} steps
 * @param {number} cursor
 * @param {Theme} theme
 */
function drawLines(g, { top, bottom, x, y }, lines, steps, cursor, theme) {
  for (const { style, values } of lines) {
    g.strokeStyle = css(theme.of(style));
    g.lineWidth = 1.8;
    g.setLineDash(DASHES[style]);
    g.beginPath();
    steps.forEach((step, t) => {
      if (Number.isFinite(values[t])) g.lineTo(x(step), y(values[t]));
    });
    g.stroke();
    g.setLineDash([]);
  }
  const here = x(steps[cursor]);
  g.fillStyle = css(theme.ink);
  g.fillRect(here - 0.6, top - 4, 1.2, bottom - top + 4);
  for (const { style, values } of lines) {
    if (!Number.isFinite(values[cursor])) continue;
    disc(g, [here, y(values[cursor])], 4, css(theme.paper), css(theme.of(style)), 1.8);
  }
}

/**
 * @param {Pen} g
 * @param {Frame} frame
 * @param {Plot} plot
 * @param {number} last
 * @param {Theme} theme
 */
function drawAxes(g, { left, right, top, bottom, ticks, x, y }, plot, last, theme) {
  g.strokeStyle = css(theme.line);
  g.lineWidth = 1;
  g.beginPath();
  g.moveTo(left - 0.5, top - 4);
  g.lineTo(left - 0.5, bottom + 0.5);
  g.lineTo(right, bottom + 0.5);
  g.stroke();
  g.textBaseline = "middle";
  g.textAlign = "left";
  g.fillStyle = css(theme.ink);
  g.font = g.font.replace(/^(bold )?[\d.]+px/, "bold 12px");
  g.fillText(plot.title, left, top - 14);
  g.font = g.font.replace(/^bold [\d.]+px/, "11px");
  if (plot.lines.length > 1) drawKey(g, right, top - 14, plot.lines, theme);
  g.fillStyle = css(theme.muted);
  g.textAlign = "right";
  for (const v of ticks) {
    g.fillText(plot.percent ? `${100 * v}%` : plain(v), left - 6, y(v));
  }
  g.textAlign = "center";
  let free = Number.NEGATIVE_INFINITY;
  for (const step of stepTicks(last)) {
    const [text, px] = [step.toLocaleString("en"), x(step)];
    const half = g.measureText(text).width / 2 + 3;
    if (px - half < free) continue;
    g.fillText(text, Math.min(px, right + 8 - half), bottom + 12);
    free = px + half;
  }
}

/** @param {number} v */
const plain = (v) =>
  v !== 0 && Math.abs(v) < 1e-3 ? v.toExponential(0) : String(+v.toPrecision(3));

/** @param {number} last */
function stepTicks(last) {
  const nice = 10 ** Math.floor(Math.log10(last));
  const all = [0, 0.1, 0.5, 1, 2, 5].map((m) => m * nice);
  return all.filter((step) => step <= last && (step === 0 || step >= 1));
}

/**
 * Names of the lines of a plot, right-aligned, each with a piece of its line.
 * @param {Pen} g
 * @param {number} right
 * @param {number} y
 * @param {Line[]} lines
 * @param {Theme} theme
 */
function drawKey(g, right, y, lines, theme) {
  g.textAlign = "right";
  for (const { style } of [...lines].reverse()) {
    g.fillStyle = g.strokeStyle = css(theme.of(style));
    g.fillText(style, right, y);
    right -= g.measureText(style).width + 4;
    g.lineWidth = 1.8;
    g.setLineDash(DASHES[style].map((v) => v / 2));
    g.beginPath();
    g.moveTo(right - 12, y);
    g.lineTo(right, y);
    g.stroke();
    g.setLineDash([]);
    right -= 20;
  }
}

/** All finite values of some lines. @param {Line[]} lines */
const finite = (lines) => lines.flatMap((line) => Array.from(line.values)).filter(Number.isFinite);

/** Whole powers of ten that hold all positive values. @param {Line[]} lines */
export function decades(lines) {
  const values = finite(lines).filter((v) => v > 0);
  if (!values.length) return { low: 0.1, high: 1, ticks: [0.1, 1] };
  const low = Math.floor(Math.log10(Math.min(...values)) + 1e-9);
  const high = Math.max(Math.ceil(Math.log10(Math.max(...values)) - 1e-9), low + 1);
  const every = Math.ceil((high - low) / 3);
  const ticks = [];
  for (let power = low; power <= high; power += every) ticks.push(10 ** power);
  return { low: 10 ** low, high: 10 ** high, ticks };
}

/**
 * Range and ticks that hold all finite values of the lines; zero is included where it is near.
 * @param {Line[]} lines
 */
export function niceTicks(lines) {
  const values = finite(lines);
  if (!values.length) return { low: 0, high: 1, ticks: [0] };
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (low >= 0) low = 0;
  if (high - low < 1e-12) high = low + 1;
  const rough = (high - low) / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((m) => m * power >= rough * 0.8) ?? 10);
  const ticks = [];
  for (let v = Math.ceil(low / step) * step; v <= high + 1e-12; v += step) ticks.push(v);
  return { low, high, ticks };
}
