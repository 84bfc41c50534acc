// The two-force simulation, live; particles can be dragged.

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
      token.set(selected);
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
      token.set(selected);
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
    found.set([[history.step.toLocaleString("en")], [number(forces.potential)], score(ring.score, ` (k = ${ring.frequency})`), score(grid), score(close), [readsAs(ring, grid)]]);
  }
  tokens.node.addEventListener("focus", place.schedule);
  tokens.node.addEventListener("blur", place.schedule);
  reset();
  return () => { clock.set(false); place.close(); };
}
