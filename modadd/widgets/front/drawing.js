// What is drawn on the square |x|, |y| <= reach of a plane: tokens, forces, pair sums, regions.

import { blend, clamp, css, DASHES, textOn, tokenColors } from "./colours.js";
import { pairSums, pairTable } from "./pairs.js";

/** @import { Color, Theme } from "./colours.js" */
/** @import { Points } from "./pairs.js" */

/** @typedef {CanvasRenderingContext2D} Pen */
/** A square of a plane on a canvas. @typedef {{ g: Pen, side: number, reach: number }} Square */
/** Which of many stand out; null: none does. @typedef {((index: number) => boolean) | null} Lit */

const FADED = 0.16;
const FONT = '"Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif';

/**
 * Where a point of the plane stands on the canvas.
 * @param {Pick<Square, "side" | "reach">} square
 * @returns {(x: number, y: number) => [number, number]}
 */
export const toPixels =
  ({ side, reach }) =>
  (x, y) => [(side / 2) * (1 + x / reach), (side / 2) * (1 - y / reach)];

/**
 * @param {Pen} g
 * @param {number[]} place
 * @param {number} radius
 * @param {string | null} fill
 * @param {string | null} [rim]
 * @param {number} [width]
 */
export function disc(g, [x, y], radius, fill, rim = null, width = 1) {
  g.beginPath();
  g.arc(x, y, radius, 0, 2 * Math.PI);
  if (fill) {
    g.fillStyle = fill;
    g.fill();
  }
  if (rim) {
    g.strokeStyle = rim;
    g.lineWidth = width;
    g.stroke();
  }
}

/** @type {(side: number, N: number) => number} */
export const tokenRadius = (side, N) => clamp(0.034 * side * Math.min(1, Math.sqrt(20 / N)), 6, 11);

/** @type {(side: number, N: number) => number} */
const sumRadius = (side, N) => clamp(0.0115 * side * Math.min(1, Math.sqrt(20 / N)), 1.6, 3.4);

/**
 * Embeddings as numbered discs.
 * @param {Square} square
 * @param {Points} E
 * @param {Theme} theme
 * @param {Lit} lit
 * @param {number} selected
 */
export function drawTokens(square, E, theme, lit = null, selected = -1) {
  const { g, side } = square;
  const [N, at] = [E.length / 2, toPixels(square)];
  const [colors, radius] = [tokenColors(N), tokenRadius(side, N)];
  g.font = `${Math.max(8, 1.22 * radius)}px ${FONT}`;
  g.textAlign = "center";
  g.textBaseline = "middle";
  for (let a = 0; a < N; a++) {
    const place = at(E[2 * a], E[2 * a + 1]);
    g.globalAlpha = !lit || lit(a) ? 1 : FADED;
    if (a === selected) disc(g, place, radius + 4, null, css(theme.ink), 2);
    disc(g, place, radius, css(colors[a]), css(blend(colors[a], theme.ink, 0.3)), 0.8);
    g.fillStyle = textOn(colors[a]);
    g.fillText(String(a), place[0], place[1] + 0.5);
  }
  g.globalAlpha = 1;
}

/**
 * Lines that join the neighbours on a circle or lattice.
 * @param {Square} square
 * @param {Points} E
 * @param {number[][]} bonds
 * @param {Theme} theme
 */
export function drawBonds(square, E, bonds, theme) {
  const { g } = square;
  const at = toPixels(square);
  g.strokeStyle = css(blend(theme.muted, theme.paper, 0.35));
  g.lineWidth = 1;
  g.beginPath();
  for (const [a, b] of bonds) {
    g.moveTo(...at(E[2 * a], E[2 * a + 1]));
    g.lineTo(...at(E[2 * b], E[2 * b + 1]));
  }
  g.stroke();
}

/**
 * Forces as arrows from the rims of their tokens; lengths go with the square root of the force.
 * @param {Square} square
 * @param {Points} E
 * @param {Points} force
 * @param {number} largest
 * @param {string} name
 * @param {Theme} theme
 */
export function drawArrows(square, E, force, largest, name, theme) {
  const { g, side } = square;
  const [at, radius] = [toPixels(square), tokenRadius(side, E.length / 2)];
  for (let a = 0; a < E.length / 2; a++) {
    const [fx, fy] = [force[2 * a], -force[2 * a + 1]];
    const size = Math.hypot(fx, fy);
    const length = 0.2 * side * Math.sqrt(Math.min(size / largest, 1.5));
    if (!(length > 1)) continue;
    const [x, y] = at(E[2 * a], E[2 * a + 1]);
    const [u, v] = [fx / size, fy / size];
    arrow(g, [x + u * radius, y + v * radius], [u, v], length + 4, name, theme);
  }
}

/**
 * @param {Pen} g
 * @param {number[]} start
 * @param {number[]} direction
 * @param {number} length
 * @param {string} name
 * @param {Theme} theme
 */
function arrow(g, [x, y], [u, v], length, name, theme) {
  const [tx, ty] = [x + u * length, y + v * length];
  for (const [stroke, width] of /** @type {[Color, number][]} */ ([
    [theme.paper, 4.5],
    [theme.of(name), 1.8],
  ])) {
    g.strokeStyle = g.fillStyle = css(stroke);
    g.lineWidth = width;
    g.setLineDash(width > 4 ? [] : DASHES[name]);
    g.beginPath();
    g.moveTo(x, y);
    g.lineTo(tx - 5 * u, ty - 5 * v);
    g.stroke();
  }
  g.setLineDash([]);
  g.beginPath();
  g.moveTo(tx, ty);
  g.lineTo(tx - 7 * u + 3.5 * v, ty - 7 * v - 3.5 * u);
  g.lineTo(tx - 7 * u - 3.5 * v, ty - 7 * v + 3.5 * u);
  g.fill();
}

/**
 * Pair sums in the colours of their labels: hollow if held out, with a dark rim if wrong.
 * @param {Square} square
 * @param {Points} E
 * @param {Theme} theme
 * @param {{ right?: ArrayLike<boolean>, heldOut?: Set<number>, lit?: Lit }} marks
 */
export function drawPairSums(square, E, theme, { right, heldOut, lit }) {
  const { g, side } = square;
  const { N, count, label } = pairTable(E.length / 2);
  const [x, at, radius] = [pairSums(E), toPixels(square), sumRadius(side, N)];
  const [colors, ink, paper] = [tokenColors(N).map(css), css(theme.ink), css(theme.paper)];
  const one = (/** @type {number} */ p) => {
    const place = at(x[2 * p], x[2 * p + 1]);
    const [color, wrong] = [colors[label[p]], right && !right[p]];
    const size = radius + (wrong ? 0.8 : 0) + (lit?.(p) ? 1.2 : 0);
    g.globalAlpha = !lit || lit(p) ? 1 : FADED;
    if (!heldOut?.has(p)) disc(g, place, size, color, wrong || lit?.(p) ? ink : null, 1.1);
    else {
      if (wrong) disc(g, place, size + 1.4, null, ink, 1.1);
      disc(g, place, size, paper, color, 1.9);
    }
  };
  // Wrong ones above the others, and what stands out above all.
  const rank = (/** @type {number} */ p) => (lit?.(p) ? 2 : right && !right[p] ? 1 : 0);
  for (const level of [0, 1, 2]) for (let p = 0; p < count; p++) if (rank(p) === level) one(p);
  g.globalAlpha = 1;
}

/** Draws regions, and keeps the image while labels and theme stay the same. */
export class Ground {
  #hidden = document.createElement("canvas");
  /** @type {unknown[]} */
  #drawn = [];

  /**
   * @param {Square} square
   * @param {Uint8Array} labels (side²), the upper row first
   * @param {number} N
   * @param {Theme} theme
   */
  draw({ g, side: width }, labels, N, theme) {
    if (labels !== this.#drawn[0] || theme !== this.#drawn[1]) {
      const side = Math.round(Math.sqrt(labels.length));
      const image = regionImage(labels, side, N, theme);
      Object.assign(this.#hidden, { width: image.width, height: image.height });
      this.#hidden.getContext("2d")?.putImageData(image, 0, 0);
      this.#drawn = [labels, theme];
    }
    g.drawImage(this.#hidden, 0, 0, width, width);
  }
}

/**
 * Labels on a coarse grid as an image three times as fine, with straight borders: each pixel goes
 * to the label with the largest bilinear weight around it.
 * @param {Uint8Array} labels
 * @param {number} side
 * @param {number} N
 * @param {Theme} theme
 */
function regionImage(labels, side, N, theme) {
  const fine = 3 * side;
  const image = new ImageData(fine, fine);
  const pixels = new Uint32Array(image.data.buffer);
  const colors = tokenColors(N).map((c) => {
    const [r, g, b] = blend(c, theme.paper, 0.62).map(Math.round);
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
  for (let i = 0; i < fine; i++) {
    const top = clamp(Math.floor((i - 1) / 3), 0, side - 2);
    const down = clamp((i - 1) / 3 - top, 0, 1);
    for (let j = 0; j < fine; j++) {
      const left = clamp(Math.floor((j - 1) / 3), 0, side - 2);
      const k = top * side + left;
      let best = labels[k];
      if (best !== labels[k + 1] || best !== labels[k + side] || best !== labels[k + side + 1]) {
        best = heaviest(labels, k, side, down, clamp((j - 1) / 3 - left, 0, 1));
      }
      pixels[i * fine + j] = colors[best];
    }
  }
  return image;
}

/**
 * The label with the largest bilinear weight among the four nodes from k on.
 * @param {Uint8Array} labels
 * @param {number} k
 * @param {number} side
 * @param {number} down
 * @param {number} across
 */
function heaviest(labels, k, side, down, across) {
  const [a, b, c, d] = [labels[k], labels[k + 1], labels[k + side], labels[k + side + 1]];
  const total = (/** @type {number} */ label) =>
    (a === label ? (1 - down) * (1 - across) : 0) +
    (b === label ? (1 - down) * across : 0) +
    (c === label ? down * (1 - across) : 0) +
    (d === label ? down * across : 0);
  let [best, most] = [a, total(a)];
  for (const label of [b, c, d]) {
    if (total(label) > most + 1e-9) [best, most] = [label, total(label)];
  }
  return best;
}
