// Live training: the kernel trains and sends frames, which are drawn and kept.

function live({ model, el }) {
  const initial = model.get("initial"), shown = new Set(), body = h("div");
  let track = null, view = null, running = false, status = "";
  const place = stage(el, "live", () => track?.frames.length && view.draw(player.index));
  const player = makePlayer(() => track?.frames.length || 1, (i) => stepWords(track?.steps[i] ?? 0), place.schedule);
  const send = (type, content = {}) => model.send({ type, ...content });
  const recipe = liveFields(initial, () => send("reset", { settings: settings() }));
  const settings = () => Object.fromEntries(Object.entries(recipe).map(([name, f]) => [name, f.value()]));
  const decay = field("weight decay", { value: initial.weight_decay, min: 0, max: Math.max(1, initial.weight_decay), step: "any" }, (value) => send("decay", { value }));
  const speed = field("steps a second", { value: initial.speed, options: [...new Set([initial.speed, 100, 1000, 4000, 16000])].sort((a, b) => a - b).map((v) => [v, `up to ${v.toLocaleString("en")}`]) }, (value) => send("speed", { value }));
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
  player.root.addEventListener("keydown", ({ key }) => running && !/^(Tab|Shift)$/.test(key) && send("pause"));

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
      if (document.activeElement !== decay.input) decay.set(message.weight_decay);
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
  return () => { player.stop(); place.close(); model.off("msg:custom", onMessage); };
}

// What a new training begins with; a change starts it anew.
function liveFields(initial, onchange) {
  // The recipe that the widget was given may lie outside what its fields are for.
  const make = (label, name, { min, max, ...others }) => field(label, { value: initial[name],
    min: Math.min(min, initial[name]), max: Math.max(max, initial[name]), ...others }, onchange);
  const choices = (...names) => ({ options: names.map((name) => [name, name.replace("_", " ")]) });
  return {
    learning_rate: make("learning rate", "learning_rate", { min: 1e-5, max: 10, step: "any" }),
    train_share: make("training share", "train_share", { min: 0.05, max: 1, step: 0.05 }),
    seed: make("seed", "seed", { min: 0, max: 2 ** 31, step: 1 }),
    modulus: make("tokens N", "modulus", { min: 3, max: 31, step: 1 }),
    hidden: make("hidden width H", "hidden", { min: 1, max: 512, step: 1 }),
    bias_scale: make("bias scale β", "bias_scale", { min: 0, max: 20, step: 0.25 }),
    label_smoothing: make("label smoothing", "label_smoothing", { min: 0, max: 1, step: 0.05 }),
    optimiser: field("optimiser", { value: initial.optimiser, ...choices("gradient_descent", "adam", "adamw") }, onchange),
  };
}

// Drop every second frame but the last: the steps between drawn ones cost nothing to forget.
function thin(track) {
  const keep = (_, t, all) => t % 2 === 0 || t === all.length - 1;
  track.frames = track.frames.filter(keep);
  track.steps = track.steps.filter(keep);
}
