// The largest lattice patch of an embedding: structure.grid.

import { length, normalised, roundEven, spacing } from "./plane.js";
/** @import { Points } from "./pairs.js" */
/** @import { Thresholds } from "./structure.js" */

/**
 * A step u: the modal difference (x, y) of E_{a+u} − E_a, and which differences match it.
 * @typedef {{ u: number, x: number, y: number, match: Uint8Array, support: number }} Mode
 */
/**
 * @typedef {{ score: number, steps: number[], rows: number, columns: number,
 *   bonds: number[][] }} Grid
 */

/**
 * The largest lattice patch: structure.grid.
 * @param {Points} E
 * @param {Thresholds} thresholds
 * @returns {Grid}
 */
export function grid(E, thresholds) {
  const z = normalised(E);
  const N = z.length / 2;
  const reach = thresholds.step_tolerance * spacing(z, thresholds.coincident);
  const two = bestSteps(N, allModes(z, reach), reach, thresholds.collinear);
  if (!two) return { score: 0, steps: [0, 0], rows: 0, columns: 0, bonds: [] };
  const { root, size } = components(N, two);
  const largest = size.indexOf(Math.max(...size));
  const joined = Uint8Array.from(root, (r) => Number(r === root[largest]));
  const places = coordinates(N, two, joined);
  const vectors = affineFit(z, places, joined, two);
  const raw = two.map(({ u }) => u);
  reduce(raw, vectors, places);
  const steps = raw.map((u) => ((u % N) + N) % N);
  const bonds = steps.flatMap((u, i) => bondsAlong(z, u, vectors[i], joined, reach));
  const small = steps.map((u) => Math.min(u, N - u)).sort((a, b) => a - b);
  return { score: size[largest] / N, steps: small, bonds, ...rowsAndColumns(places, joined) };
}

/**
 * Joined tokens a, a + u whose difference is the lattice vector of that step.
 * @param {Float64Array} z
 * @param {number} u
 * @param {number[]} vector
 * @param {Uint8Array} joined
 * @param {number} reach
 */
function bondsAlong(z, u, [x, y], joined, reach) {
  const N = joined.length;
  const found = [];
  for (let a = 0; a < N; a++) {
    const b = (a + u) % N;
    const gap = length(z[2 * b] - z[2 * a] - x, z[2 * b + 1] - z[2 * a + 1] - y);
    if (joined[a] && joined[b] && gap <= reach) found.push([a, b]);
  }
  return found;
}

/** @param {Float64Array} z @param {number} reach */
function allModes(z, reach) {
  const found = [];
  for (let u = 1; u <= z.length / 4; u++) found.push(modeOf(z, u, reach));
  return found;
}

/**
 * @param {Float64Array} z
 * @param {number} u
 * @param {number} reach
 * @returns {Mode}
 */
function modeOf(z, u, reach) {
  const N = z.length / 2;
  const [dx, dy] = [0, 1].map((axis) =>
    Float64Array.from({ length: N }, (_, a) => z[2 * ((a + u) % N) + axis] - z[2 * a + axis]),
  );
  const near = (/** @type {number} */ x, /** @type {number} */ y) =>
    dx.map((v, a) => Number(length(v - x, dy[a] - y) <= reach));
  const sum = (/** @type {Float64Array} */ values) => values.reduce((s, v) => s + v, 0);
  let [best, close] = [Number.NEGATIVE_INFINITY, dx];
  for (let a = 0; a < N; a++) {
    const found = near(dx[a], dy[a]);
    // Equally frequent: the shorter one, whatever the rounding.
    const rank = sum(found) - Math.round(1e9 * length(dx[a], dy[a])) / 1e9 / (4 * N);
    if (rank > best) [best, close] = [rank, found];
  }
  const x = sum(dx.map((v, a) => v * close[a])) / sum(close);
  const y = sum(dy.map((v, a) => v * close[a])) / sum(close);
  const match = Uint8Array.from(near(x, y));
  return { u, x, y, match, support: match.reduce((s, v) => s + v, 0) };
}

/**
 * The two non-collinear steps that join most tokens; of equal patches the better matched.
 * @param {number} N
 * @param {Mode[]} modes
 * @param {number} reach
 * @param {number} collinear
 */
function bestSteps(N, modes, reach, collinear) {
  const able = modes.filter((mode) => mode.support >= 2 && length(mode.x, mode.y) > reach);
  let most = 0;
  let best = null;
  for (const [i, one] of able.entries()) {
    for (const two of able.slice(i + 1)) {
      const area = Math.abs(one.x * two.y - one.y * two.x);
      if (area <= collinear * length(one.x, one.y) * length(two.x, two.y)) continue;
      const largest = Math.max(...components(N, [one, two]).size);
      const merit = 2 * N * largest + one.support + two.support;
      if (merit > most) [most, best] = [merit, [one, two]];
    }
  }
  return best;
}

/**
 * Root and size of the component of each token, once a is joined with a + u where that matches.
 * @param {number} N
 * @param {Mode[]} modes
 */
function components(N, modes) {
  const parent = Array.from({ length: N }, (_, a) => a);
  const find = (/** @type {number} */ a) => {
    while (parent[a] !== a) a = parent[a];
    return a;
  };
  for (const { u, match } of modes) {
    for (let a = 0; a < N; a++) if (match[a]) parent[find(a)] = find((a + u) % N);
  }
  const root = parent.map((_, a) => find(a));
  const size = new Array(N).fill(0);
  for (const r of root) size[r]++;
  return { root, size: root.map((r) => size[r]) };
}

/**
 * Integers i, j of the joined tokens, counted from the first of them.
 * @param {number} N
 * @param {Mode[]} modes
 * @param {Uint8Array} joined
 */
function coordinates(N, modes, joined) {
  const places = Array.from({ length: N }, () => [0, 0]);
  const known = new Uint8Array(N);
  known[joined.indexOf(1)] = 1;
  let left = joined.reduce((s, v) => s + v, -1);
  const spread = (/** @type {number} */ axis, /** @type {number} */ sign) => {
    const { u, match } = modes[axis];
    const from = (/** @type {number} */ b) => (b - sign * u + N) % N;
    const fresh = [];
    for (let b = 0; b < N; b++) {
      const matched = match[sign === 1 ? from(b) : b];
      if (known[from(b)] && matched && !known[b]) fresh.push(b);
    }
    for (const b of fresh) {
      places[b] = [...places[from(b)]];
      places[b][axis] += sign;
    }
    for (const b of fresh) known[b] = 1;
    left -= fresh.length;
  };
  while (left > 0) for (const axis of [0, 1]) for (const sign of [1, -1]) spread(axis, sign);
  return places;
}

/**
 * Least-squares vectors of z = z0 + i g1 + j g2 over the joined tokens.
 * @param {Float64Array} z
 * @param {number[][]} places
 * @param {Uint8Array} joined
 * @param {Mode[]} modes
 */
function affineFit(z, places, joined, modes) {
  const rows = places.flatMap(([i, j], a) => (joined[a] ? [[i, j, z[2 * a], z[2 * a + 1]]] : []));
  const mean = [0, 1, 2, 3].map((c) => rows.reduce((s, row) => s + row[c], 0) / rows.length);
  const moment = (/** @type {number} */ a, /** @type {number} */ b) =>
    rows.reduce((s, row) => s + (row[a] - mean[a]) * (row[b] - mean[b]), 0);
  const [ii, ij, jj] = [moment(0, 0), moment(0, 1), moment(1, 1)];
  const determinant = ii * jj - ij * ij;
  // All on one lattice line: the fit leaves a vector open.
  if (determinant < 1e-6) return modes.map(({ x, y }) => [x, y]);
  const solve = (/** @type {number} */ c) => {
    const [ic, jc] = [moment(0, c), moment(1, c)];
    return [(jj * ic - ij * jc) / determinant, (ii * jc - ij * ic) / determinant];
  };
  const [x, y] = [solve(2), solve(3)];
  return [
    [x[0], y[0]],
    [x[1], y[1]],
  ];
}

/**
 * Turn to a reduced basis (Lagrange), in place.
 * @param {number[]} steps
 * @param {number[][]} vectors
 * @param {number[][]} places
 */
function reduce(steps, vectors, places) {
  for (;;) {
    if (length(...pair(vectors[1])) < length(...pair(vectors[0]))) {
      vectors.reverse();
      steps.reverse();
      for (const place of places) place.reverse();
    }
    const [[ax, ay], [bx, by]] = vectors;
    const overlap = (ax * bx + ay * by) / (ax * ax + ay * ay);
    if (Math.abs(overlap) <= 0.5 + 1e-9) return;
    const turns = roundEven(overlap);
    vectors[1] = [bx - turns * ax, by - turns * ay];
    steps[1] -= turns * steps[0];
    for (const place of places) place[0] += turns * place[1];
  }
}

/** @param {number[]} vector @returns {[number, number]} */
const pair = (vector) => [vector[0], vector[1]];

const DIRECTIONS = [
  [0, 1],
  [1, 0],
  [1, 1],
  [1, -1],
  [1, 2],
  [2, 1],
  [1, -2],
  [2, -1],
];

/**
 * Fewest parallel lattice lines that hold the patch, and tokens on the longest of them.
 * @param {number[][]} places
 * @param {Uint8Array} joined
 */
function rowsAndColumns(places, joined) {
  let [rows, columns] = [Number.POSITIVE_INFINITY, 0];
  for (const [p, q] of DIRECTIONS) {
    const lines = new Map();
    places.forEach(([i, j], a) => {
      const line = p * i + q * j;
      if (joined[a]) lines.set(line, (lines.get(line) ?? 0) + 1);
    });
    const longest = Math.max(...lines.values());
    if (lines.size < rows || (lines.size === rows && longest > columns)) {
      [rows, columns] = [lines.size, longest];
    }
  }
  return { rows, columns };
}
