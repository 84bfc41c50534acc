// The front end of modadd.widgets: views (scrub, live, playground, particles) for JupyterLab and for
// plain pages, and the controls that they share.
//
// Python joins widgets_measures.js, widgets_drawing.js, widgets_phases.js and this file, in that
// order, into one ES module without dependencies.

// --- controls ------------------------------------------------------------------------------------

function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node && !name.includes("-")) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  // JupyterLab takes keys from whatever has the focus, unless that itself says that it wants them.
  if (/^(input|select|button|canvas|textarea)$/.test(tag)) node.dataset.lmSuppressShortcuts = "true";
  return node;
}

const ICONS = {
  play: "M3 1.5v11l9-5.5z", pause: "M2.5 1.5h3v11h-3zM8.5 1.5h3v11h-3z",
  back: "M11 1.5v11L4 7zM2 1.5h1.6v11H2z", forward: "M3 1.5v11L10 7zM10.4 1.5H12v11h-1.6z",
  reset: "M7 1.5a5.5 5.5 0 1 1-5 3.2l1.5.7A3.9 3.9 0 1 0 7 3.1V5.4L3.2 2.7 7 0z",
};

function setIcon(node, icon, label) {
  node.innerHTML = `<svg width="14" height="14" aria-hidden="true"><path d="${ICONS[icon]}"/></svg>`;
  node.setAttribute("aria-label", label);
  node.title = label;
}

function button(icon, label, onclick) {
  const node = h("button", { type: "button", onclick });
  setIcon(node, icon, label);
  return node;
}

// A labelled number, range or choice; value() reads it, checked against its bounds.
function field(label, { value, options, min, max, step, type = "number", show }, onchange) {
  let input, text = null;
  if (options) {
    input = h("select", {}, ...options.map(([v, name]) => h("option", { value: v }, name)));
    input.value = value;
  } else {
    input = h("input", { type, min, max, step });
    input.value = value;
    if (type === "range") text = h("b", {}, ` ${(show ?? String)(value)}`);
  }
  const read = () => {
    if (options) return Number.isNaN(Number(input.value)) ? input.value : Number(input.value);
    const number = Number(input.value);
    return Number.isFinite(number) && input.value !== "" ? clamp(number, min, max) : value;
  };
  input.addEventListener(type === "range" ? "input" : "change", () => {
    value = read();
    if (type === "number" && !options) input.value = value;
    if (text) text.textContent = ` ${(show ?? String)(value)}`;
    onchange?.(value);
  });
  const root = h("label", { className: "field" }, h("span", {}, label, text), input);
  return { root, input, value: read };
}

// Numbers under their names, those of a share with a bar.
function readings(names) {
  const cells = names.map((name) => h("dd"));
  const root = h("dl", {}, ...names.map((name, i) => h("div", {}, h("dt", {}, name), cells[i])));
  const set = (values) => values.forEach(([text, share], i) => {
    if (cells[i].textContent !== text) cells[i].textContent = text;
    cells[i].classList.toggle("bare", share === undefined);
    cells[i].style.setProperty("--share", clamp(share || 0, 0, 1));
  });
  return { root, set };
}

// Checkboxes for the force arrows; `shown` is the set of names switched on.
function arrowSwitches(names, shown, onchange) {
  const swatch = (name) => {
    const color = STYLES[name].color ? css(STYLES[name].color) : "currentColor";
    const node = h("span", { "aria-hidden": "true" });
    node.innerHTML = `<svg class="swatch"><path d="M0 5h19" stroke="${color}" stroke-width="2"
      stroke-dasharray="${STYLES[name].dash}"/><path d="M26 5l-7-3.5v7z" fill="${color}"/></svg>`;
    return node;
  };
  return h("fieldset", {}, h("legend", {}, "Forces"), ...names.map((name) => {
    const box = h("input", { type: "checkbox", checked: shown.has(name) });
    box.addEventListener("change", () => {
      shown[box.checked ? "add" : "delete"](name);
      onchange();
    });
    return h("label", {}, box, swatch(name), name);
  }));
}

const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const number = (v) => (Number.isFinite(v) ? String(+v.toPrecision(2)) : "–");
const share = (v) => (Number.isFinite(v) ? [`${(100 * v).toFixed(0)} %`, v] : ["–"]);
const score = (v, extra = "") => [`${v.toFixed(2)}${extra}`, v];

// What a view draws in: a root that follows the theme and draws at most once a screen refresh.
function stage(el, kind, draw) {
  const root = h("div", { className: "modadd" });
  root.dataset.kind = kind;
  el.append(root);
  let waiting = 0;
  const self = {
    root,
    theme: null,
    schedule() { waiting ||= requestAnimationFrame(() => self.now()); },
    now() {
      cancelAnimationFrame(waiting);
      waiting = 0;
      if (!root.isConnected) return;
      const theme = readTheme(root);
      if (theme.key !== self.theme?.key) self.theme = theme;
      const start = performance.now();
      draw();
      root.dataset.drawn = Number(root.dataset.drawn || 0) + 1;
      root.dataset.ms = (performance.now() - start).toFixed(2);
    },
  };
  // JupyterLab says on its body that it takes another theme, whose colours may arrive later.
  const retheme = () => [0, 200, 1000, 3000].forEach((ms) => setTimeout(self.schedule, ms));
  new MutationObserver(retheme).observe(document.body, { attributes: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", retheme);
  return self;
}

// Calls tick(elapsed seconds) at every screen refresh while it runs.
function ticker(tick, onchange) {
  let running = false, before = 0;
  const turn = (now) => {
    if (!running) return;
    tick(Math.min((now - before) / 1000, 0.25));
    before = now;
    requestAnimationFrame(turn);
  };
  return {
    get running() { return running; },
    set(on) {
      if (on === running) return;
      running = on;
      onchange(running);
      before = performance.now();
      if (running) requestAnimationFrame(turn);
    },
  };
}

// Space plays and pauses wherever it would press nothing else.
function playOnSpace(root, toggle) {
  root.addEventListener("keydown", (event) => {
    if (event.key !== " " || /^(BUTTON|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (event.target.type === "checkbox" || event.target.type === "number") return;
    event.preventDefault();
    toggle();
  });
}

// --- tracks: one seed of a run -------------------------------------------------------------------

const KINDS = { float32: Float32Array, uint8: Uint8Array };

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const asBytes = (view) => new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength);

function newTrack(header) {
  return { ...header, bytes: null, steps: [], frames: [], heldOut: new Set(header.held_out), largest: 0 };
}

// Append the frames that `header` describes and `bytes` hold: modadd._frames.
function addFrames(track, header, bytes) {
  const count = header.steps.length, arrays = {};
  if (bytes.byteOffset % 4) bytes = bytes.slice();
  let offset = bytes.byteOffset;
  for (const [name, kind, shape] of header.layout) {
    const size = shape.reduce((a, b) => a * b, 1);
    const all = new KINDS[kind](bytes.buffer, offset, count * size);
    arrays[name] = (t) => all.subarray(t * size, (t + 1) * size);
    offset += all.byteLength;
  }
  const { label } = pairTable(header.modulus);
  for (let t = 0; t < count; t++) {
    const frame = { step: header.steps[t] };
    arrays.values(t).forEach((v, i) => { frame[header.values[i]] = v; });
    for (const name of Object.keys(arrays)) if (name !== "values") frame[name] = arrays[name](t);
    if (frame.predicted) frame.right = label.map((y, p) => frame.predicted[p] === y);
    if (frame.clustering) frame.sum = frame.clustering.map((f, i) => f + frame.alignment[i]);
    for (const f of frame.measured ?? frame.sum ?? []) track.largest = Math.max(track.largest, Math.abs(f));
    track.steps.push(frame.step);
    track.frames.push(frame);
  }
}

async function openTrack(header) {
  const bytes = asBytes(header.bytes), track = newTrack(header);
  addFrames(track, header, header.compressed ? await inflate(bytes) : bytes);
  return track;
}

const nearest = (steps, step) => {
  let best = 0;
  steps.forEach((s, t) => { if (Math.abs(s - step) < Math.abs(steps[best] - step)) best = t; });
  return best;
};

// Loss and accuracy; for simulations without an accuracy, potential and closure.
function curvesOf({ frames, source }) {
  const values = (name) => frames.map((frame) => frame[name]);
  const finite = (name) => frames.some((frame) => Number.isFinite(frame[name]));
  const loss = { title: source === "two_force" ? "Potential" : "Loss", lines: [{ style: "training", values: values("loss") }] };
  if (!finite("accuracy")) {
    return [loss, { title: "Closure", lines: [{ style: "training", values: values("closure") }] }];
  }
  const lines = [{ style: "training", values: values("accuracy") }];
  if (finite("validation")) lines.push({ style: "validation", values: values("validation") });
  return [loss, { title: "Accuracy", percent: true, lines }];
}

function readingsOf(track) {
  const simulation = track.source === "two_force";
  const held = track.heldOut.size > 0;
  const names = [simulation ? "potential" : "loss", ...(simulation ? [] : ["accuracy"]),
    ...(held ? ["validation"] : []), "circle", "grid", "closure", "rms force", "reads as"];
  const { root, set } = readings(names);
  const show = (f) => set([[number(f.loss)], ...(simulation ? [] : [share(f.accuracy)]),
    ...(held ? [share(f.validation)] : []), score(f.circle, f.frequency ? ` (k = ${f.frequency})` : ""),
    score(f.grid), score(f.closure), [number(f.force)], [track.kinds[f.kind]]]);
  return { root, show };
}

// One track: embeddings, pair sums, curves, readings. onStep is called while the curves are dragged.
function trackView(track, stage, shown, onStep) {
  const tokens = makeCanvas(`Embeddings of ${track.modulus} tokens`, stage.schedule);
  const sums = makeCanvas("Pair sums, in the colours of their labels", stage.schedule);
  const curves = makeCanvas("Loss and accuracy over steps; drag to choose a step", stage.schedule);
  const paint = regionPainter(), found = readingsOf(track), note = h("p", { className: "note" });
  const ground = h("figcaption", {}, h("b", {}, "Pair sums"));
  const root = h("section", { "aria-label": `${track.title}, seed ${track.seed}` },
    h("div", { className: "panels" },
      h("figure", { className: "plane" }, h("figcaption", {}, h("b", {}, "Embeddings")), tokens.node),
      h("figure", { className: "plane" }, ground, sums.node),
      h("figure", { className: "curves" }, curves.node)),
    found.root, note);
  let stepAt = null;
  const drag = (event) => event.buttons & 1 && stepAt && onStep(stepAt(event.offsetX));
  curves.node.addEventListener("pointerdown", (event) => {
    curves.node.setPointerCapture(event.pointerId);
    drag(event);
  });
  curves.node.addEventListener("pointermove", drag);

  function draw(t) {
    const frame = track.frames[t], theme = stage.theme;
    let [g, w] = tokens.begin();
    drawTokens(g, w, frame.embeddings, frame.reach, theme);
    for (const name of shown) {
      if (frame[name]) drawArrows(g, w, frame.embeddings, frame.reach, frame[name], track.largest, name, theme);
    }
    [g, w] = sums.begin();
    if (frame.regions) paint(g, frame.regions, track.resolution, track.modulus, w, theme);
    drawPairSums(g, w, frame.embeddings, 2 * frame.reach, theme, frame.right, track.heldOut);
    const [gc, wc, hc] = curves.begin();
    stepAt = drawCurves(gc, wc, hc, track.steps, curvesOf(track), t, theme);
    found.show(frame);
    note.textContent = forceNote(frame, shown);
  }
  ground.append(track.frames[0]?.regions || track.live ? " over decision regions" : "");
  return { root, draw };
}

// How the arrows are scaled, in words.
function forceNote(frame, shown) {
  if (!shown.size) return "";
  const scale = Number.isFinite(frame.r2)
    ? `The modelled forces share one scale, ${number(frame.scale)}, fitted to the measured ones `
      + `at this step: their sum explains R² = ${frame.r2.toFixed(2)}.`
      + (frame.r2 < 0.5 ? " It is a law of the beginning (notebook 4)." : "")
    : Number.isFinite(frame.scale)
      ? "The modelled forces share one scale: that of the recorded rms force." : "";
  return `Arrows grow with the square root of the force. ${scale}`;
}

// Play, step, slider, speed. frames() gives the number of frames, label(i) the words for one.
function makePlayer(frames, label, onIndex) {
  let index = 0, speed = reducedMotion() ? 5 : 15, due = 0;
  const slider = h("input", { type: "range", className: "cursor", min: 0, max: frames() - 1, step: 1, value: 0, "aria-label": "recorded step" });
  const words = h("output", { className: "step" });
  const set = (i) => {
    index = clamp(i, 0, frames() - 1);
    slider.max = frames() - 1;
    slider.value = index;
    words.textContent = label(index);
    slider.setAttribute("aria-valuetext", label(index));
    onIndex(index);
  };
  const clock = ticker((seconds) => {
    due += seconds * speed;
    if (due < 1) return;
    set(index + Math.floor(due));
    due %= 1;
    if (index >= frames() - 1) clock.set(false);
  }, (running) => setIcon(play, running ? "pause" : "play", running ? "pause" : "play"));
  const toggle = () => {
    if (!clock.running && index >= frames() - 1) set(0);
    clock.set(!clock.running);
  };
  const move = (by) => { clock.set(false); set(index + by); };
  const play = button("play", "play", toggle);
  slider.addEventListener("input", () => { clock.set(false); set(Number(slider.value)); });
  const rates = [2, 5, 15, 30, 60].map((v) => [v, `${v} a second`]);
  const rate = field("speed", { value: speed, options: rates }, (v) => { speed = v; });
  rate.root.className = "";
  const root = h("div", { className: "bar" },
    h("div", { className: "group" }, button("back", "one step back", () => move(-1)), play,
      button("forward", "one step forward", () => move(1))),
    slider, words, rate.root);
  return { root, set, toggle, stop: () => clock.set(false), get index() { return index; } };
}

const stepWords = (step) => `step ${step.toLocaleString("en")}`;

// --- the scrubber --------------------------------------------------------------------------------

async function scrub({ model, el }) {
  const shown = new Set(), body = h("div");
  let tracks = await Promise.all(model.get("tracks").map(openTrack)), views = [];
  const place = stage(el, "scrub", () => views.forEach((view, i) => view.draw(frameOf(i))));
  const frameOf = (i) => {
    const [first, own] = [tracks[0].steps, tracks[i].steps];
    const share = own[own.length - 1] / (first[first.length - 1] || 1);
    return i ? nearest(own, first[player.index] * share) : player.index;
  };
  const player = makePlayer(() => tracks[0].steps.length, (i) => stepWords(tracks[0].steps[i]), place.schedule);
  const build = () => {
    views = tracks.map((track) => trackView(track, place, shown, (step) => {
      player.stop();
      player.set(nearest(tracks[0].steps, (step * tracks[0].steps.at(-1)) / (track.steps.at(-1) || 1)));
    }));
    body.replaceChildren(...tracks.flatMap((track, i) => [
      h("h4", {}, track.title, " ", h("small", {}, `seed ${track.seed}, N = ${track.modulus}`)), views[i].root]));
    player.set(player.index);
  };
  const seeds = model.get("seeds");
  if (seeds.length > 1) {
    const choice = field("seed", { value: tracks[0].seed, options: seeds.map((s) => [s, s]) },
      (seed) => model.send({ type: "seed", seed }));
    choice.root.className = "";
    player.root.append(choice.root);
  }
  const arrows = ["measured", "clustering", "alignment", "sum"].filter((name) => tracks.some((t) => t.frames[0][name]));
  place.root.append(body, player.root, arrows.length ? arrowSwitches(arrows, shown, place.schedule) : "");
  playOnSpace(place.root, player.toggle);
  build();
  player.set(Infinity); // the finished structure first; play begins from the start
  const reload = async () => {
    tracks = await Promise.all(model.get("tracks").map(openTrack));
    build();
  };
  model.on("change:tracks", reload);
  return () => { player.stop(); model.off("change:tracks", reload); };
}

// --- the playground ------------------------------------------------------------------------------

const FINE = 128; // nodes a side of the labels on the ground

function playground({ model, el }) {
  const initial = model.get("initial");
  const place = stage(el, "playground", draw);
  const tokens = makeCanvas("Embeddings", place.schedule);
  const sums = makeCanvas("Pair sums over the label of the nearest pair sum", place.schedule);
  const found = readings(["separable", "closure", "circle", "grid", "reads as"]);
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
    const word = ring.score > 0.9 && ring.roundness > 0.2 ? "circle" : grid > 0.75 ? "lattice" : "neither";
    found.set([share(state.share), score(closure(E)), score(ring.score, ` (k = ${ring.frequency})`), score(grid), [word]]);
    note.textContent = "Separable: ordered pairs whose nearest other pair sum has the same label; the others wear a rim.";
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

// --- live particles ------------------------------------------------------------------------------

function particles({ model, el }) {
  const initial = model.get("initial"), shown = new Set();
  const place = stage(el, "particles", draw);
  const tokens = makeCanvas("Particles. Drag one; or choose a token with Page Up and Page Down and move it with the arrow keys", place.schedule);
  const sums = makeCanvas("Pair sums, in the colours of their labels", place.schedule);
  const curves = makeCanvas("Potential and closure over steps", place.schedule);
  const found = readings(["step", "potential", "circle", "grid", "closure", "reads as"]);
  let E, speed, history, selected = 0, held = false, due = 0;
  const reach = 2.6, start = initial.start && Float64Array.from(initial.start.flat());
  const alignment = field("alignment force", { value: initial.alignment_force, min: 0, max: 1, step: 0.01, type: "range", show: (v) => v.toFixed(2) }, () => place.schedule());
  const size = field("step size", { value: initial.step_size, min: 0.01, max: 1, step: 0.01, type: "range", show: (v) => v.toFixed(2) });
  const momentum = field("momentum", { value: initial.momentum, min: 0, max: 0.98, step: 0.02, type: "range", show: (v) => v.toFixed(2) });
  const N = field("particles N", { value: initial.modulus, min: 3, max: 31, step: 1 }, reset);
  const seed = field("seed", { value: initial.seed, min: 0, max: 999999, step: 1 }, reset);
  const token = field("token", { value: 0, min: 0, max: 30, step: 1 }, (a) => { selected = Math.round(a) % count(); place.schedule(); });
  const pace = field("steps a second", { value: 60, options: [20, 60, 240].map((v) => [v, v]) });
  const clock = ticker((seconds) => {
    due += seconds * pace.value();
    for (; due >= 1; due--) advance();
    place.schedule();
  }, (running) => setIcon(play, running ? "pause" : "play", running ? "pause" : "play"));
  const toggle = () => clock.set(!clock.running);
  const play = button("play", "play", toggle);
  const bar = h("div", { className: "bar" }, h("div", { className: "group" }, play,
    button("forward", "one step", () => { clock.set(false); advance(); place.schedule(); }),
    button("reset", "reset", reset)), pace.root);
  pace.root.className = "";
  Object.assign(tokens.node, { tabIndex: 0, className: "grab" });
  tokens.node.setAttribute("role", "application");
  place.root.append(
    h("div", { className: "controls" }, ...[alignment, size, momentum, N, seed, token].map((f) => f.root)),
    h("div", { className: "panels" },
      h("figure", { className: "plane" }, h("figcaption", {}, h("b", {}, "Particles"), " · drag one"), tokens.node),
      h("figure", { className: "plane" }, h("figcaption", {}, h("b", {}, "Pair sums")), sums.node),
      h("figure", { className: "curves" }, curves.node)),
    found.root, bar, arrowSwitches(["clustering", "alignment", "sum"], shown, place.schedule));
  playOnSpace(place.root, toggle);
  dragging();

  function count() { return E.length / 2; }
  function options() { return { alignment: alignment.value(), reach: initial.reach }; }

  function reset() {
    const n = Math.round(N.value());
    E = toUnitRms(start && start.length === 2 * n && seed.value() === initial.seed ? start.slice() : normals(seed.value(), 2 * n));
    speed = new Float64Array(2 * n);
    history = { steps: [], potential: [], closure: [], step: 0 };
    selected %= n;
    note();
    place.schedule();
  }

  // Keep the curves: every step at first, ever fewer later.
  function note() {
    const every = Math.max(1, 2 ** Math.floor(Math.log2(Math.max(1, history.step / 200))));
    if (history.step % every) return;
    history.steps.push(history.step);
    history.potential.push(twoForces(E, options()).potential);
    history.closure.push(closure(E));
  }

  function advance() {
    const pinned = held && [E[2 * selected], E[2 * selected + 1]];
    twoForceStep(E, speed, { ...options(), stepSize: size.value(), momentum: momentum.value() });
    if (pinned) [E[2 * selected], E[2 * selected + 1]] = pinned; // a held particle stays in hand
    history.step++;
    note();
  }

  function put(x, y) {
    speed[2 * selected] = speed[2 * selected + 1] = 0;
    E[2 * selected] = clamp(x, -reach, reach);
    E[2 * selected + 1] = clamp(y, -reach, reach);
    place.schedule();
  }

  function dragging() {
    const node = tokens.node;
    const at = (event) => [reach * ((2 * event.offsetX) / tokens.size.w - 1), reach * (1 - (2 * event.offsetY) / tokens.size.h)];
    node.addEventListener("pointerdown", (event) => {
      const [x, y] = at(event);
      const distance = (a) => Math.hypot(E[2 * a] - x, E[2 * a + 1] - y);
      for (let a = 0; a < count(); a++) if (distance(a) < distance(selected)) selected = a;
      token.input.value = selected;
      held = true;
      node.setPointerCapture(event.pointerId);
      put(x, y);
    });
    node.addEventListener("pointermove", (event) => held && put(...at(event)));
    for (const end of ["pointerup", "pointercancel"]) node.addEventListener(end, () => { held = false; });
    node.addEventListener("keydown", (event) => {
      const by = event.shiftKey ? 0.3 : 0.1;
      const [dx, dy] = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, by], ArrowDown: [0, -by] }[event.key] ?? [0, 0];
      const turn = { PageUp: 1, PageDown: count() - 1 }[event.key] ?? 0;
      if (!dx && !dy && !turn) return;
      event.preventDefault();
      selected = (selected + turn) % count();
      token.input.value = selected;
      put(E[2 * selected] + dx, E[2 * selected + 1] + dy);
    });
  }

  function draw() {
    const forces = twoForces(E, options());
    forces.sum = forces.clustering.map((f, i) => f + forces.alignment[i]);
    let [g, w] = tokens.begin();
    drawTokens(g, w, E, reach, place.theme, document.activeElement === tokens.node || held ? selected : -1);
    for (const name of shown) drawArrows(g, w, E, reach, forces[name], 0.2, name, place.theme);
    [g, w] = sums.begin();
    drawPairSums(g, w, E, 2 * reach, place.theme);
    const { steps, potential, closure: closed } = history, [gc, wc, hc] = curves.begin();
    drawCurves(gc, wc, hc, steps, [
      { title: "Potential", lines: [{ style: "training", values: potential }] },
      { title: "Closure", lines: [{ style: "training", values: closed }] }], steps.length - 1, place.theme);
    const ring = circle(E), grid = gridScore(E), close = closure(E);
    const word = ring.score > 0.9 && ring.roundness > 0.2 ? "circle" : grid > 0.75 ? "lattice" : "neither";
    found.set([[history.step.toLocaleString("en")], [number(forces.potential)], score(ring.score, ` (k = ${ring.frequency})`), score(grid), score(close), [word]]);
  }
  tokens.node.addEventListener("focus", place.schedule);
  tokens.node.addEventListener("blur", place.schedule);
  reset();
  return () => clock.set(false);
}

// --- live training -------------------------------------------------------------------------------

function live({ model, el }) {
  const initial = model.get("initial"), shown = new Set(), body = h("div");
  let track = null, view = null, running = false, status = "";
  const place = stage(el, "live", () => track?.frames.length && view.draw(player.index));
  const player = makePlayer(() => track?.frames.length || 1, (i) => stepWords(track?.steps[i] ?? 0), place.schedule);
  const send = (type, content = {}) => model.send({ type, ...content });
  const recipe = liveFields(initial, () => send("reset", { settings: settings() }));
  const settings = () => Object.fromEntries(Object.entries(recipe).map(([name, f]) => [name, f.value()]));
  const decay = field("weight decay", { value: initial.weight_decay, min: 0, max: 1, step: "any" }, (value) => send("decay", { value }));
  const speed = field("steps a second", { value: initial.speed, options: [100, 1000, 4000, 16000].map((v) => [v, `up to ${v.toLocaleString("en")}`]) }, (value) => send("speed", { value }));
  const start = h("button", { type: "button", onclick: () => send(running ? "pause" : "start") }, "start");
  const one = h("button", { type: "button", onclick: () => send("step") }, "step");
  const reset = h("button", { type: "button", onclick: () => send("reset", { settings: settings() }) }, "reset");
  const print = h("button", { type: "button", onclick: () => send("code") }, "code for this state");
  const note = h("p", { className: "note", role: "status" });
  const code = h("textarea", { readOnly: true, hidden: true, rows: 9, spellcheck: false, "aria-label": "code that reproduces this state" });
  place.root.append(
    h("div", { className: "controls" }, decay.root, ...Object.values(recipe).map((f) => f.root), speed.root),
    h("div", { className: "bar" }, h("div", { className: "group" }, start, one, reset, print), note),
    body, player.root, arrowSwitches(["measured", "clustering", "alignment", "sum"], shown, place.schedule), code);
  playOnSpace(place.root, () => (running ? send("pause") : track && player.index < track.frames.length - 1 ? player.toggle() : send("start")));
  player.root.addEventListener("pointerdown", () => running && send("pause"));
  player.root.addEventListener("keydown", () => running && send("pause"));

  const receive = {
    // Frames come in order; those of a new training begin with fresh = true.
    frames({ header, fresh }, [bytes]) {
      if (fresh || !track) open(header);
      addFrames(track, header, asBytes(bytes));
      if (track.frames.length > 1200) thin(track);
      player.set(track.frames.length - 1);
    },
    status(message) {
      running = message.running;
      status = message.text;
      start.textContent = running ? "pause" : track?.frames.length > 1 ? "go on" : "start";
      if (document.activeElement !== decay.input) decay.input.value = message.weight_decay;
      note.textContent = status;
      note.classList.toggle("wrong", Boolean(message.wrong));
    },
    code({ text }) {
      Object.assign(code, { value: text, hidden: false, rows: text.split("\n").length });
      code.focus();
      code.select();
    },
  };
  function open(header) {
    track = newTrack(header);
    track.live = true;
    view = trackView(track, place, shown, (step) => {
      if (running) send("pause");
      player.set(nearest(track.steps, step));
    });
    code.hidden = true;
    body.replaceChildren(view.root);
  }
  const onMessage = (message, buffers) => receive[message.type]?.(message, buffers);
  model.on("msg:custom", onMessage);
  send("hello");
  return () => { player.stop(); model.off("msg:custom", onMessage); };
}

// What a new training begins with; a change starts it anew.
function liveFields(initial, onchange) {
  const make = (label, name, bounds) => field(label, { value: initial[name], ...bounds }, onchange);
  const choices = (...names) => ({ options: names.map((name) => [name, name.replace("_", " ")]) });
  return {
    learning_rate: make("learning rate", "learning_rate", { min: 1e-5, max: 10, step: "any" }),
    train_share: make("training share", "train_share", { min: 0.05, max: 1, step: 0.05 }),
    seed: make("seed", "seed", { min: 0, max: 2 ** 31, step: 1 }),
    modulus: make("tokens N", "modulus", { min: 3, max: 31, step: 1 }),
    hidden: make("hidden width H", "hidden", { min: 1, max: 512, step: 1 }),
    bias_scale: make("bias scale β", "bias_scale", { min: 0, max: 20, step: 0.25 }),
    label_smoothing: make("label smoothing", "label_smoothing", { min: 0, max: 1, step: 0.05 }),
    optimiser: make("optimiser", "optimiser", choices("gradient_descent", "adam", "adamw")),
  };
}

// Drop every second frame but the last: the steps between drawn ones cost nothing to forget.
function thin(track) {
  const keep = (_, t, all) => t % 2 === 0 || t === all.length - 1;
  track.frames = track.frames.filter(keep);
  track.steps = track.steps.filter(keep);
}

// --- the way in ----------------------------------------------------------------------------------

const VIEWS = { scrub, live, playground, particles, phases };

export default { render: (context) => VIEWS[context.model.get("kind")](context) };

// The same views without a kernel: `state` is what the kernel would hold, with bytes in base64. A
// scrubber's state has the tracks of every seed.
export function mount(el, state) {
  const open = (seed) => state.every[seed].map((track) => (
    { ...track, bytes: Uint8Array.from(atob(track.bytes), (c) => c.charCodeAt(0)) }));
  if (state.every) state.tracks = open(state.seed);
  const listeners = {};
  const model = {
    get: (name) => state[name],
    on: (name, listener) => { listeners[name] = listener; },
    off: (name) => { delete listeners[name]; },
    send({ seed }) {
      state.tracks = open(seed);
      listeners["change:tracks"]();
    },
  };
  return VIEWS[state.kind]({ model, el });
}
