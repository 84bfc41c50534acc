// The mathematics of modadd.widgets: structure measures, structures, the two forces.
//
// It repeats modadd.structure and modadd.particles, and tests compare them, so that the playground
// and the particles run without a kernel. Points are flat arrays: x0, y0, x1, y1, ...

// --- measures: modadd.structure in JavaScript ----------------------------------------------------

const tables = new Map();

// Unordered pairs of Z_N in row-major order, their labels and multiplicities: modadd.task.
export function pairTable(N) {
  if (!tables.has(N)) {
    const first = [], second = [], label = [], weight = [];
    for (let a = 0; a < N; a++) {
      for (let b = a; b < N; b++) {
        first.push(a); second.push(b); label.push((a + b) % N); weight.push(a === b ? 1 : 2);
      }
    }
    tables.set(N, { N, count: label.length, first, second, label, weight });
  }
  return tables.get(N);
}

export function pairSums(E) {
  const { count, first, second } = pairTable(E.length / 2);
  const x = new Float64Array(2 * count);
  for (let p = 0; p < count; p++) {
    x[2 * p] = E[2 * first[p]] + E[2 * second[p]];
    x[2 * p + 1] = E[2 * first[p] + 1] + E[2 * second[p] + 1];
  }
  return x;
}

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
};

// Centred on the mean of all tokens, with rms distance 1 from it.
function normalised(E) {
  const N = E.length / 2, z = Float64Array.from(E), mean = [0, 0];
  z.forEach((v, i) => { mean[i % 2] += v / N; });
  z.forEach((v, i) => { z[i] = v - mean[i % 2]; });
  const rms = Math.sqrt(z.reduce((sum, v) => sum + v * v, 0) / N);
  return rms > 1e-12 ? z.map((v) => v / rms) : z.fill(0);
}

// Median distance to the nearest token that does not coincide.
function spacing(z) {
  const N = z.length / 2, nearest = new Array(N).fill(Infinity);
  for (let a = 0; a < N; a++) {
    for (let b = 0; b < N; b++) {
      const d = Math.hypot(z[2 * a] - z[2 * b], z[2 * a + 1] - z[2 * b + 1]);
      if (d >= 1e-6 && d < nearest[a]) nearest[a] = d;
    }
  }
  const middle = median(nearest);
  return Number.isFinite(middle) ? middle : 0;
}

export function circle(E) {
  const z = normalised(E), N = z.length / 2;
  const amplitude = (k) => {
    let re = 0, im = 0;
    for (let a = 0; a < N; a++) {
      const c = Math.cos((2 * Math.PI * k * a) / N), s = Math.sin((2 * Math.PI * k * a) / N);
      re += z[2 * a] * c + z[2 * a + 1] * s;
      im += z[2 * a + 1] * c - z[2 * a] * s;
    }
    return Math.hypot(re, im);
  };
  let total = 0, best = { power: 0, frequency: 0, roundness: 0 };
  for (let k = 1; k <= N / 2; k++) {
    const f = amplitude(k), b = amplitude(N - k);
    const power = f * f + (2 * k === N ? 0 : b * b);
    total += power;
    if (power > best.power) {
      best = { power, frequency: k, roundness: Math.abs(f - b) / (f + b) };
    }
  }
  return { score: total > 0 ? best.power / total : 0, ...best };
}

export function closure(E) {
  const z = normalised(E), x = pairSums(z), { N, count, label } = pairTable(z.length / 2);
  const reach = 0.35 * spacing(z), same = Array.from({ length: N }, () => []);
  for (let p = 0; p < count; p++) same[label[p]].push(p);
  let closed = 0, all = 0;
  for (const members of same) {
    for (let i = 0; i < members.length; i++) {
      for (let j = i + 1; j < members.length; j++) {
        const p = 2 * members[i], q = 2 * members[j];
        closed += Math.hypot(x[p] - x[q], x[p + 1] - x[q + 1]) <= reach;
        all++;
      }
    }
  }
  return reach > 0 ? closed / all : 0;
}

// The modal difference of step u, and which tokens' differences match it.
function mode(z, u, reach) {
  const N = z.length / 2, d = [];
  for (let a = 0; a < N; a++) {
    const b = (a + u) % N;
    d.push([z[2 * b] - z[2 * a], z[2 * b + 1] - z[2 * a + 1]]);
  }
  const near = (v) => d.map((w) => Math.hypot(v[0] - w[0], v[1] - w[1]) <= reach);
  let best = -Infinity, close = null;
  for (const v of d) {
    const found = near(v);
    const length = Math.round(1e9 * Math.hypot(...v)) / 1e9;
    const rank = found.filter(Boolean).length - length / (4 * N);
    if (rank > best) { best = rank; close = found; }
  }
  const size = close.filter(Boolean).length;
  const vector = [0, 1].map((i) => d.reduce((s, w, a) => s + (close[a] ? w[i] : 0), 0) / size);
  const match = near(vector);
  return { u, vector, match, support: match.filter(Boolean).length };
}

// Tokens in the largest component once a is joined with a + u wherever the step matches.
function largestComponent(N, steps) {
  const parent = Array.from({ length: N }, (_, a) => a), size = new Array(N).fill(0);
  const root = (a) => { while (parent[a] !== a) a = parent[a]; return a; };
  for (const { u, match } of steps) {
    match.forEach((yes, a) => { if (yes) parent[root(a)] = root((a + u) % N); });
  }
  for (let a = 0; a < N; a++) size[root(a)]++;
  return Math.max(...size);
}

// Score of structure.grid: share of tokens in the largest lattice patch.
export function gridScore(E) {
  const z = normalised(E), N = z.length / 2, reach = 0.3 * spacing(z);
  const able = [];
  for (let u = 1; u <= N / 2; u++) {
    const found = mode(z, u, reach);
    if (found.support >= 2 && Math.hypot(...found.vector) > reach) able.push(found);
  }
  let best = 0;
  able.forEach((one, i) => able.slice(i + 1).forEach((two) => {
    const [a, b] = [one.vector, two.vector];
    const area = Math.abs(a[0] * b[1] - a[1] * b[0]);
    if (area > 0.2 * Math.hypot(...a) * Math.hypot(...b)) {
      best = Math.max(best, largestComponent(N, [one, two]));
    }
  }));
  return best / N;
}

// Of every pair, whether the nearest other pair sum carries the same label; coincident sums are
// judged together, by the majority of their labels. The share counts ordered pairs.
export function separability(E) {
  const x = pairSums(normalised(E)), { N, count, label, weight } = pairTable(E.length / 2);
  const right = [];
  let share = 0;
  for (let p = 0; p < count; p++) {
    let nearest = Infinity, votes = 0, all = 0;
    for (let q = 0; q < count; q++) {
      if (q === p) continue;
      const d = Math.hypot(x[2 * p] - x[2 * q], x[2 * p + 1] - x[2 * q + 1]);
      if (d < nearest - 1e-9) { nearest = d; votes = all = 0; }
      if (d <= nearest + 1e-9) { votes += label[q] === label[p]; all++; }
    }
    right.push(2 * votes > all);
    share += (weight[p] * right[p]) / (N * N);
  }
  return { share, right };
}

// Label of the nearest pair sum at each node of a grid over |x| <= reach, first row on top.
export function nearestLabels(x, label, reach, resolution) {
  const found = new Uint8Array(resolution * resolution);
  for (let i = 0; i < resolution; i++) {
    const v = reach * (1 - (2 * i + 1) / resolution);
    for (let j = 0; j < resolution; j++) {
      const u = reach * ((2 * j + 1) / resolution - 1);
      let nearest = Infinity;
      for (let p = 0; p < label.length; p++) {
        const du = x[2 * p] - u, dv = x[2 * p + 1] - v, d = du * du + dv * dv;
        if (d < nearest) { nearest = d; found[i * resolution + j] = label[p]; }
      }
    }
  }
  return found;
}

// The kind in a word, from circle(E) and gridScore(E), by the thresholds of structure.classify.
const readsAs = (ring, grid) =>
  (ring.score > 0.9 && ring.roundness > 0.2 ? "circle" : grid > 0.75 ? "lattice" : "neither");

// --- structures and random numbers ---------------------------------------------------------------

export function circleOf(N, k) {
  const E = new Float64Array(2 * N);
  for (let a = 0; a < N; a++) {
    E[2 * a] = Math.cos((2 * Math.PI * k * a) / N);
    E[2 * a + 1] = Math.sin((2 * Math.PI * k * a) / N);
  }
  return E;
}

// A patch of a square lattice with a = i u + j v (mod N), each token at its shortest (i, j); null
// where the steps do not reach all tokens.
export function latticeOf(N, u, v) {
  const E = new Float64Array(2 * N).fill(NaN), best = new Array(N).fill(Infinity);
  for (let i = -N; i <= N; i++) {
    for (let j = -N; j <= N; j++) {
      const a = (((i * u + j * v) % N) + N) % N, d = Math.hypot(i - 0.013, j - 0.007);
      if (d < best[a]) { best[a] = d; E[2 * a] = i; E[2 * a + 1] = j; }
    }
  }
  return best.every(Number.isFinite) ? normalised(E) : null;
}

// Standard normal numbers from a seed (mulberry32, Box and Muller).
export function normals(seed, count) {
  let state = (seed + 0x9e3779b9) | 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return Float64Array.from({ length: count }, () =>
    Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()));
}

// --- two forces: modadd.particles.two_force ------------------------------------------------------

// Rescale to rms 1 over both coordinates, in place.
export function toUnitRms(E) {
  const rms = Math.sqrt(E.reduce((sum, v) => sum + v * v, 0) / E.length);
  if (rms > 0) E.forEach((v, i) => { E[i] = v / rms; });
  return E;
}

// Clustering on every pair sum, with weight 1; returns [push, Σ c exp(−r²/2s²)].
function pullTogether(x, table, reach) {
  const { N, count, label, weight } = table, push = new Float64Array(2 * count);
  let total = 0;
  for (let p = 0; p < count; p++) {
    for (let q = 0; q < count; q++) {
      const dx = x[2 * q] - x[2 * p], dy = x[2 * q + 1] - x[2 * p + 1];
      const charge = (label[p] === label[q] ? 1 : 0) - 1 / N;
      const near = charge * weight[p] * weight[q] * Math.exp((-0.5 * (dx * dx + dy * dy)) / reach ** 2);
      total += near;
      push[2 * p] += (near * dx) / reach ** 2;
      push[2 * p + 1] += (near * dy) / reach ** 2;
    }
  }
  return [push, total];
}

// Alignment on every pair sum, with weight 1; cos² is the product of tensors x xᵀ / (|x|² + s²).
function turnParallel(x, table, reach) {
  const { N, count, label, weight } = table, push = new Float64Array(2 * count);
  const tensor = Array.from({ length: N }, () => [0, 0, 0]);
  const size = (u, v) => u * u + v * v + reach ** 2;
  for (let p = 0; p < count; p++) {
    const u = x[2 * p], v = x[2 * p + 1], share = weight[p] / size(u, v), t = tensor[label[p]];
    t[0] += share * u * u; t[1] += share * u * v; t[2] += share * v * v;
  }
  for (let i = 0; i < 3; i++) {
    const mean = tensor.reduce((sum, t) => sum + t[i], 0) / N;
    tensor.forEach((t) => { t[i] -= mean; });
  }
  for (let p = 0; p < count; p++) {
    const u = x[2 * p], v = x[2 * p + 1], [xx, xy, yy] = tensor[label[p]];
    const tu = xx * u + xy * v, tv = xy * u + yy * v;
    const radial = (u * tu + v * tv) / size(u, v), factor = (2 * weight[p]) / size(u, v);
    push[2 * p] = factor * (tu - radial * u);
    push[2 * p + 1] = factor * (tv - radial * v);
  }
  const total = tensor.reduce((sum, t) => sum + t[0] ** 2 + 2 * t[1] ** 2 + t[2] ** 2, 0);
  return [push, total];
}

// Forces on pair sums to forces on embeddings, over N², without what would only rescale them.
function scatter(push, share, E, { N, count, first, second }) {
  const force = new Float64Array(2 * N);
  for (let p = 0; p < count; p++) {
    for (let i = 0; i < 2; i++) {
      const f = (share * push[2 * p + i]) / (N * N);
      force[2 * first[p] + i] += f;
      force[2 * second[p] + i] += f;
    }
  }
  const outward = force.reduce((sum, f, i) => sum + f * E[i], 0) / (2 * N);
  return force.map((f, i) => f - outward * E[i]);
}

// Both forces on embeddings E of rms 1, and the potential.
export function twoForces(E, { alignment, reach }) {
  const table = pairTable(E.length / 2), x = pairSums(E);
  const [pull, near] = pullTogether(x, table, reach);
  const [turn, along] = turnParallel(x, table, reach);
  return {
    clustering: scatter(pull, 1 - alignment, E, table),
    alignment: scatter(turn, alignment, E, table),
    potential: (-0.5 * ((1 - alignment) * near + alignment * along)) / table.N ** 2,
  };
}

// One step of gradient descent with momentum, in place: embeddings of rms 1, and their speed.
export function twoForceStep(E, speed, { stepSize, momentum, ...options }) {
  const { clustering, alignment } = twoForces(E, options);
  for (let i = 0; i < E.length; i++) {
    speed[i] = momentum * speed[i] + clustering[i] + alignment[i];
    E[i] += stepSize * speed[i];
  }
  toUnitRms(E);
}
