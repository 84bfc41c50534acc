// The playground: circles, lattices and noise, before any training.

const FINE = 128; // nodes a side of the labels on the ground

function playground({ model, el }) {
  const initial = model.get("initial");
  const place = stage(el, "playground", draw);
  const tokens = makeCanvas("Embeddings", place.schedule);
  const sums = makeCanvas("Pair sums over the label of the nearest pair sum", place.schedule);
  const found = readings(["nearest alike", "closure", "circle", "grid", "reads as"]);
  const note = h("p", { className: "note", role: "status" }), paint = regionPainter();
  let noiseSeed = 1, state = null;
  const shape = field("structure", { value: initial.shape, options: [["circle", "circle"], ["lattice", "lattice"], ["noise", "noise only"]] }, update);
  const N = field("tokens N", { value: initial.modulus, min: 3, max: 41, step: 1 }, update);
  const k = field("frequency k", { value: initial.frequency, min: 1, max: 20, step: 1 }, update);
  const u = field("step u", { value: initial.steps[0], min: 0, max: 40, step: 1 }, update);
  const v = field("step v", { value: initial.steps[1], min: 0, max: 40, step: 1 }, update);
  const noise = field("noise", { value: initial.noise, min: 0, max: 1, step: 0.02, type: "range", show: (x) => `${x.toFixed(2)} spacings` }, update);
  const again = h("button", { type: "button", onclick: () => { noiseSeed++; update(); } }, "new noise");
  place.root.append(
    h("div", { className: "controls" }, ...[shape, N, k, u, v, noise].map((f) => f.root), again),
    h("div", { className: "panels" },
      h("figure", { className: "plane" }, h("figcaption", {}, h("b", {}, "Embeddings")), tokens.node),
      h("figure", { className: "plane" }, h("figcaption", {}, h("b", {}, "Pair sums"), " over the nearest one's label"), sums.node)),
    found.root, note);

  function update() {
    const n = Math.round(N.value()), kind = shape.value();
    k.root.hidden = kind !== "circle";
    u.root.hidden = v.root.hidden = kind !== "lattice";
    const steps = [u.value(), v.value()].map((s) => Math.round(s) % n);
    const clean = kind === "circle" ? circleOf(n, Math.round(k.value())) : kind === "lattice" ? latticeOf(n, ...steps) : normals(noiseSeed + 7919, 2 * n);
    note.classList.toggle("wrong", !clean);
    if (!clean) {
      note.textContent = `Steps ${steps[0]} and ${steps[1]} do not reach every token of Z${n}: choose others.`;
      return;
    }
    const scale = noise.value() * (spacing(normalised(clean)) || 1), jitter = normals(noiseSeed, 2 * n);
    const rms = Math.sqrt(clean.reduce((s, x) => s + x * x, 0) / n);
    const E = clean.map((x, i) => x + scale * rms * jitter[i]);
    const around = kind === "circle" ? [inverse(Math.round(k.value()) % n, n)] : kind === "lattice" ? steps : [];
    state = { E, reach: 1.12 * Math.max(...E.map(Math.abs)), bonds: bondsOf(clean, n, around), ...separability(E) };
    const table = pairTable(n);
    state.regions = nearestLabels(pairSums(E), table.label, 2 * state.reach, FINE);
    const ring = circle(E), grid = gridScore(E);
    found.set([share(state.share), score(closure(E)), score(ring.score, ` (k = ${ring.frequency})`), score(grid), [readsAs(ring, grid)]]);
    note.textContent = "Nearest alike: ordered pairs whose nearest other pair sum has the same label; the others wear a rim.";
    place.schedule();
  }

  function draw() {
    if (!state) return;
    const { E, reach, bonds, right, regions } = state;
    let [g, w] = tokens.begin();
    drawBonds(g, w, E, reach, bonds, place.theme);
    drawTokens(g, w, E, reach, place.theme);
    [g, w] = sums.begin();
    paint(g, regions, FINE, E.length / 2, w, place.theme);
    drawPairSums(g, w, E, 2 * reach, place.theme, right);
  }
  update();
  return place.close;
}

// x with k x ≡ gcd(k, N) (mod N): the step to the next token along a circle of frequency k.
function inverse(k, N) {
  const gcd = (a, b) => (b ? gcd(b, a % b) : a), shared = gcd(k, N);
  for (let x = 1; x < N; x++) if ((k * x) % N === shared % N) return x;
  return 1;
}

// Neighbours a, a + step of a clean structure: those as near as the nearest of all.
function bondsOf(E, N, steps) {
  const found = [];
  for (const step of steps) {
    const length = (a, b) => Math.hypot(E[2 * a] - E[2 * b], E[2 * a + 1] - E[2 * b + 1]);
    const all = Array.from({ length: N }, (_, a) => [a, (a + step) % N]).filter(([a, b]) => a !== b);
    const shortest = Math.min(...all.map(([a, b]) => length(a, b)));
    found.push(...all.filter(([a, b]) => length(a, b) < 1.05 * shortest));
  }
  return found;
}
