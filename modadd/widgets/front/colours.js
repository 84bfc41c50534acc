// Colours: [r, g, b], 0 to 255. Those of things with a name come with the state.

/** @typedef {number[]} Color */
/**
 * The surrounding page's colours, and those of things that are drawn by name.
 * @typedef {{ key: string, paper: Color, ink: Color, muted: Color, line: Color,
 *   of: (name: string) => Color }} Theme
 */

/** How lines are broken, in pixels: what colours say, they say too. @type {Record<string, number[]>} */
export const DASHES = {
  training: [],
  validation: [7, 3],
  measured: [],
  clustering: [6, 3],
  alignment: [2, 2.5],
  sum: [9, 3, 2, 3],
};

/** @type {(value: number, low: number, high: number) => number} */
export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** @param {Color} color */
export const css = ([r, g, b]) => `rgb(${Math.round(r)}, ${Math.round(g)}, ${Math.round(b)})`;

/** @type {(a: Color, b: Color, share: number) => Color} */
export const blend = (a, b, share) => a.map((v, i) => v + share * (b[i] - v));

/** @param {string} hex "#rrggbb" */
export const rgb = (hex) => [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16));

/**
 * Colours of tokens and labels, equally spaced on a loop in OKLab: palette.token_colors.
 * @param {number} N
 */
export function tokenColors(N) {
  let colors = known.get(N);
  if (!colors) {
    colors = Array.from({ length: N }, (_, a) => onLoop((2 * Math.PI * a) / N));
    known.set(N, colors);
  }
  return colors;
}

/** @type {Map<number, Color[]>} */
const known = new Map();

/** @param {number} t */
function onLoop(t) {
  const L = 0.615 - 0.135 * Math.cos(t + 0.43);
  const A = 0.05 + 0.11 * Math.cos(t);
  const B = -0.027 + 0.16 * Math.sin(t);
  const l = (L + 0.3963377774 * A + 0.2158037573 * B) ** 3;
  const m = (L - 0.1055613458 * A - 0.0638541728 * B) ** 3;
  const s = (L - 0.0894841775 * A - 1.291485548 * B) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map((c) => clamp(c, 0, 1));
  const gamma = (/** @type {number} */ c) =>
    c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055;
  return linear.map((c) => Math.round(255 * gamma(c)));
}

/** Relative luminance (WCAG 2). @param {Color} color */
function luminance(color) {
  const linear = color.map((v) => (v <= 10.3 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

/** White or near-black, whichever reads better on the colour. @param {Color} color */
export function textOn(color) {
  const own = luminance(color) + 0.05;
  return 1.05 / own > own / (luminance([22, 24, 27]) + 0.05) ? "#ffffff" : "#16181b";
}

/**
 * The page's colours, as the stylesheet resolves them on the root element.
 * @param {Element} root
 * @param {Record<string, string>} named
 * @returns {Theme}
 */
export function readTheme(root, named) {
  const style = getComputedStyle(root);
  const numbers = (/** @type {string} */ text) => {
    const found = (text.match(/[\d.]+/g) ?? []).map(Number);
    return text.startsWith("color(") ? found.map((v, i) => (i < 3 ? 255 * v : v)) : found;
  };
  const paper = numbers(style.backgroundColor).slice(0, 3);
  const [r, g, b, alpha = 1] = numbers(style.color);
  const ink = blend(paper, [r, g, b], alpha);
  return {
    key: style.backgroundColor + style.color,
    paper,
    ink,
    muted: blend(ink, paper, 0.32),
    line: blend(ink, paper, 0.8),
    of: (name) => (named[name] ? rgb(named[name]) : ink),
  };
}
