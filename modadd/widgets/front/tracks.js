// Tracks, each one seed of a run: unpacked as modadd.widgets._frames packs them, drawn, and played.

const KINDS = { float32: Float32Array, uint8: Uint8Array };

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const asBytes = (view) => new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength);

function newTrack(header) {
  return { ...header, bytes: null, steps: [], frames: [], heldOut: new Set(header.held_out), largest: 0 };
}

// Append the frames that `header` describes and `bytes` hold: modadd.widgets._frames.
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
  const regions = track.frames[0]?.regions || track.live;
  ground.append(track.heldOut.size ? ", hollow if held out" : regions ? " over decision regions" : "");
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
    play.disabled = frames() < 2;
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
