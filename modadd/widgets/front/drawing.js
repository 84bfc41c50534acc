// The pictures of modadd.widgets: colours as in modadd.plots.palette, and what is drawn on a canvas.
//
// Colours are [r, g, b], 0 to 255; points are flat arrays: x0, y0, x1, y1, ...

// --- colours -------------------------------------------------------------------------------------

export const STYLES = { // colours as in modadd.plots.palette, dashes in pixels
  training: { color: [31, 122, 108], dash: [] },
  validation: { color: [180, 83, 156], dash: [7, 3] },
  measured: { color: [125, 133, 142], dash: [] },
  clustering: { color: [192, 74, 23], dash: [6, 3] },
  alignment: { color: [47, 127, 193], dash: [2, 2.5] },
  sum: { color: null, dash: [9, 3, 2, 3] }, // null: ink
};

const css = ([r, g, b]) => `rgb(${Math.round(r)}, ${Math.round(g)}, ${Math.round(b)})`;
const blend = (a, b, share) => a.map((v, i) => v + share * (b[i] - v));
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// Colours of tokens and labels: palette.token_colors.
export function tokenColors(N) {
  const colors = [];
  for (let a = 0; a < N; a++) {
    const t = (2 * Math.PI * a) / N;
    const L = 0.615 - 0.135 * Math.cos(t + 0.43);
    const A = 0.05 + 0.11 * Math.cos(t), B = -0.027 + 0.16 * Math.sin(t);
    const l = (L + 0.3963377774 * A + 0.2158037573 * B) ** 3;
    const m = (L - 0.1055613458 * A - 0.0638541728 * B) ** 3;
    const s = (L - 0.0894841775 * A - 1.291485548 * B) ** 3;
    const linear = [
      4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
      -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
      -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
    ].map((c) => clamp(c, 0, 1));
    const gamma = (c) => (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055);
    colors.push(linear.map((c) => Math.round(255 * gamma(c))));
  }
  return colors;
}

// White or near-black, whichever reads better on the colour.
function textOn(color) {
  const luminance = (c) => {
    const linear = c.map((v) => (v <= 10.3 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const own = luminance(color) + 0.05;
  return 1.05 / own > own / (luminance([22, 24, 27]) + 0.05) ? "#ffffff" : "#16181b";
}

// The surrounding page's colours, as the stylesheet resolves them on the root element.
function readTheme(root) {
  const style = getComputedStyle(root);
  const numbers = (text) => {
    const found = text.match(/[\d.]+/g).map(Number);
    return text.startsWith("color(") ? found.map((v, i) => (i < 3 ? 255 * v : v)) : found;
  };
  const paper = numbers(style.backgroundColor).slice(0, 3);
  const [r, g, b, alpha = 1] = numbers(style.color);
  const ink = blend(paper, [r, g, b], alpha);
  const key = style.backgroundColor + style.color;
  return { key, paper, ink, muted: blend(ink, paper, 0.32), line: blend(ink, paper, 0.8) };
}

// --- drawing -------------------------------------------------------------------------------------

// A canvas that is crisp on any screen; begin() clears it and gives its context and CSS size.
function makeCanvas(label, onResize) {
  const node = h("canvas", { role: "img", "aria-label": label });
  const size = { w: 0, h: 0 };
  new ResizeObserver(() => {
    Object.assign(size, { w: node.clientWidth, h: node.clientHeight });
    onResize();
  }).observe(node);
  const begin = () => {
    const ratio = window.devicePixelRatio || 1;
    const [w, hh] = [Math.round(size.w * ratio), Math.round(size.h * ratio)];
    if (node.width !== w || node.height !== hh) Object.assign(node, { width: w, height: hh });
    const g = node.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, size.w, size.h);
    g.font = "12px 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif";
    return [g, size.w, size.h];
  };
  return { node, size, begin };
}

// Where a point of the plane |x|, |y| <= reach stands on a square of `side` pixels.
const toPixels = (side, reach) => (x, y) =>
  [(side / 2) * (1 + x / reach), (side / 2) * (1 - y / reach)];

function disc(g, [x, y], radius, fill, rim = null, width = 1) {
  g.beginPath();
  g.arc(x, y, radius, 0, 2 * Math.PI);
  if (fill) { g.fillStyle = fill; g.fill(); }
  if (rim) { g.strokeStyle = rim; g.lineWidth = width; g.stroke(); }
}

const tokenRadius = (side, N) => clamp(0.034 * side * Math.min(1, Math.sqrt(20 / N)), 6, 11);

// Embeddings as numbered discs.
function drawTokens(g, side, E, reach, theme, selected = -1) {
  const N = E.length / 2, colors = tokenColors(N), radius = tokenRadius(side, N);
  const at = toPixels(side, reach);
  g.font = `${Math.max(8, 1.22 * radius)}px "Helvetica Neue", Helvetica, Arial, sans-serif`;
  g.textAlign = "center";
  g.textBaseline = "middle";
  for (let a = 0; a < N; a++) {
    const place = at(E[2 * a], E[2 * a + 1]);
    if (a === selected) disc(g, place, radius + 4, null, css(theme.ink), 2);
    disc(g, place, radius, css(colors[a]), css(blend(colors[a], theme.ink, 0.3)), 0.8);
    g.fillStyle = textOn(colors[a]);
    g.fillText(a, place[0], place[1] + 0.5);
  }
}

// Lines join tokens a and a + step, the neighbours on a circle or lattice.
function drawBonds(g, side, E, reach, bonds, theme) {
  const at = toPixels(side, reach);
  g.strokeStyle = css(blend(theme.muted, theme.paper, 0.35));
  g.lineWidth = 1;
  g.beginPath();
  for (const [a, b] of bonds) {
    g.moveTo(...at(E[2 * a], E[2 * a + 1]));
    g.lineTo(...at(E[2 * b], E[2 * b + 1]));
  }
  g.stroke();
}

// Forces as arrows from the rims of their tokens; lengths go with the square root of the force.
function drawArrows(g, side, E, reach, force, largest, name, theme) {
  const at = toPixels(side, reach), radius = tokenRadius(side, E.length / 2);
  const { color, dash } = STYLES[name];
  for (let a = 0; a < E.length / 2; a++) {
    const [fx, fy] = [force[2 * a], -force[2 * a + 1]], size = Math.hypot(fx, fy);
    const length = 0.2 * side * Math.sqrt(Math.min(size / largest, 1.5));
    if (!(length > 1)) continue;
    const [x, y] = at(E[2 * a], E[2 * a + 1]), [u, v] = [fx / size, fy / size];
    const start = [x + u * radius, y + v * radius];
    const tip = [start[0] + u * (length + 4), start[1] + v * (length + 4)];
    for (const [stroke, width] of [[theme.paper, 4.5], [color ?? theme.ink, 1.8]]) {
      g.strokeStyle = g.fillStyle = css(stroke);
      g.lineWidth = width;
      g.setLineDash(width > 4 ? [] : dash);
      g.beginPath();
      g.moveTo(...start);
      g.lineTo(tip[0] - 5 * u, tip[1] - 5 * v);
      g.stroke();
    }
    g.setLineDash([]);
    g.beginPath();
    g.moveTo(...tip);
    g.lineTo(tip[0] - 7 * u + 3.5 * v, tip[1] - 7 * v - 3.5 * u);
    g.lineTo(tip[0] - 7 * u - 3.5 * v, tip[1] - 7 * v + 3.5 * u);
    g.fill();
  }
}

// Pair sums in the colours of their labels: hollow if held out, with a dark rim if wrong.
function drawPairSums(g, side, E, reach, theme, right = null, heldOut = null) {
  const x = pairSums(E), { N, count, label } = pairTable(E.length / 2);
  const colors = tokenColors(N).map(css), at = toPixels(side, reach);
  const radius = clamp((0.0115 * side) * Math.min(1, Math.sqrt(20 / N)), 1.6, 3.4);
  const order = [...Array(count).keys()];
  if (right) order.sort((p, q) => right[q] - right[p]); // wrong ones on top
  for (const p of order) {
    const place = at(x[2 * p], x[2 * p + 1]), color = colors[label[p]];
    const wrong = right && !right[p], size = radius + (wrong ? 0.8 : 0);
    if (heldOut?.has(p)) {
      if (wrong) disc(g, place, size + 1.4, null, css(theme.ink), 1.1);
      disc(g, place, size, css(theme.paper), color, 1.9);
    } else {
      disc(g, place, size, color, wrong ? css(theme.ink) : null, 1.1);
    }
  }
}

// Labels on a coarse grid as an image three times as fine, with straight borders: each pixel goes
// to the label with the largest bilinear weight around it.
function regionImage(labels, side, N, theme) {
  const fine = 3 * side, image = new ImageData(fine, fine);
  const pixels = new Uint32Array(image.data.buffer);
  const colors = tokenColors(N).map((c) => {
    const [r, g, b] = blend(c, theme.paper, 0.62).map(Math.round);
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
  for (let i = 0; i < fine; i++) {
    const top = clamp(Math.floor((i - 1) / 3), 0, side - 2);
    const down = clamp((i - 1) / 3 - top, 0, 1);
    for (let j = 0; j < fine; j++) {
      const left = clamp(Math.floor((j - 1) / 3), 0, side - 2), k = top * side + left;
      const a = labels[k], b = labels[k + 1], c = labels[k + side], d = labels[k + side + 1];
      let best = a;
      if (a !== b || a !== c || a !== d) {
        const across = clamp((j - 1) / 3 - left, 0, 1);
        const wa = (1 - down) * (1 - across), wb = (1 - down) * across;
        const wc = down * (1 - across), wd = down * across;
        const total = (l) => (a === l) * wa + (b === l) * wb + (c === l) * wc + (d === l) * wd;
        let most = total(a);
        for (const l of [b, c, d]) if (total(l) > most + 1e-9) { most = total(l); best = l; }
      }
      pixels[i * fine + j] = colors[best];
    }
  }
  return image;
}

// Draws regions, and keeps the image while labels and theme stay the same.
function regionPainter() {
  const hidden = document.createElement("canvas");
  let drawn = [];
  return (g, labels, side, N, width, theme) => {
    if (labels !== drawn[0] || theme !== drawn[1]) {
      Object.assign(hidden, { width: 3 * side, height: 3 * side });
      hidden.getContext("2d").putImageData(regionImage(labels, side, N, theme), 0, 0);
      drawn = [labels, theme];
    }
    g.drawImage(hidden, 0, 0, width, width);
  };
}

// Curves over steps, whose axis runs as a square root. Each plot: {title, percent, lines:
// [{style, values}]}. Returns xOf's inverse, for dragging.
function drawCurves(g, w, h, steps, plots, cursor, theme) {
  const left = 38, right = w - 10, each = (h - 18) / plots.length;
  const last = Math.max(steps[steps.length - 1], 1);
  const xOf = (step) => left + (right - left) * Math.sqrt(step / last);
  plots.forEach((plot, i) => {
    const top = i * each + 22, bottom = (i + 1) * each - 22;
    const [low, high, ticks] = plot.percent ? [0, 1, [0, 0.5, 1]] : niceTicks(plot.lines);
    const yOf = (v) => bottom - ((bottom - top) * (v - low)) / (high - low || 1);
    drawAxes(g, { left, right, top, bottom, xOf, yOf, ticks, last, theme, ...plot });
    for (const { style, values } of plot.lines) {
      g.strokeStyle = css(STYLES[style].color);
      g.lineWidth = 1.8;
      g.setLineDash(STYLES[style].dash);
      g.beginPath();
      values.forEach((v, t) => { if (Number.isFinite(v)) g.lineTo(xOf(steps[t]), yOf(v)); });
      g.stroke();
      g.setLineDash([]);
    }
    const x = xOf(steps[cursor]);
    g.fillStyle = css(theme.ink);
    g.fillRect(x - 0.6, top - 4, 1.2, bottom - top + 4);
    for (const { style, values } of plot.lines) {
      if (Number.isFinite(values[cursor])) {
        disc(g, [x, yOf(values[cursor])], 4, css(theme.paper), css(STYLES[style].color), 1.8);
      }
    }
  });
  g.fillStyle = css(theme.muted);
  g.textAlign = "center";
  g.fillText("step", (left + right) / 2, h - 8);
  return (x) => last * clamp((x - left) / (right - left), 0, 1) ** 2;
}

function drawAxes(g, { left, right, top, bottom, xOf, yOf, ticks, last, title, percent, lines, theme }) {
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
  g.fillText(title, left, top - 14);
  g.font = g.font.replace(/^bold [\d.]+px/, "11px");
  if (lines.length > 1) drawKey(g, right, top - 14, lines);
  g.fillStyle = css(theme.muted);
  g.textAlign = "right";
  for (const v of ticks) g.fillText(percent ? `${100 * v}%` : +v.toPrecision(3), left - 6, yOf(v));
  g.textAlign = "center";
  const nice = 10 ** Math.floor(Math.log10(last));
  let free = -Infinity;
  for (const step of [0, 0.1, 0.5, 1, 2, 5].map((m) => m * nice)) {
    const x = xOf(step), half = g.measureText(step.toLocaleString("en")).width / 2 + 3;
    if (step > last || x - half < free || (step && step < 1)) continue;
    g.fillText(step.toLocaleString("en"), Math.min(x, right + 8 - half), bottom + 12);
    free = x + half;
  }
}

// Names of the lines of a plot, right-aligned, each with a piece of its line.
function drawKey(g, right, y, lines) {
  g.textAlign = "right";
  for (const { style } of [...lines].reverse()) {
    g.fillStyle = g.strokeStyle = css(STYLES[style].color);
    g.fillText(style, right, y);
    right -= g.measureText(style).width + 4;
    g.lineWidth = 1.8;
    g.setLineDash(STYLES[style].dash.map((v) => v / 2));
    g.beginPath(); g.moveTo(right - 12, y); g.lineTo(right, y); g.stroke();
    g.setLineDash([]);
    right -= 20;
  }
}

// Range and ticks that hold all finite values of the lines; zero is included where it is near.
function niceTicks(lines) {
  const values = lines.flatMap((line) => Array.from(line.values)).filter(Number.isFinite);
  if (!values.length) return [0, 1, [0]];
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (low >= 0) low = 0;
  if (high - low < 1e-12) high = low + 1;
  const rough = (high - low) / 3, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((m) => m * power >= rough * 0.8);
  const ticks = [];
  for (let v = Math.ceil(low / step) * step; v <= high + 1e-12; v += step) ticks.push(v);
  return [low, high, ticks];
}
