// Live training: frames of a network in training are drawn as they come, and kept.

import { Companion } from "./companion.js";
import { arrowSwitches, choice, field, h, stepWords } from "./controls.js";
import { Decay } from "./decay.js";
import { Player } from "./player.js";
import { fromHash, PRESETS, toHash } from "./presets.js";
import { kernelSource, workerSource } from "./sources.js";
import { Stage } from "./stage.js";
import { addStates, newStates } from "./states.js";
import { takeAway } from "./takeaway.js";
import { asBytes, durations, nearestStep, thin } from "./tracks.js";
import { TrackView } from "./trackview.js";

/** @import { Context } from "./mount.js" */
/** @import { Recipe } from "./network.js" */
/** @import { Beside, Decays, Plan } from "./presets.js" */
/** @import { Listener, Source } from "./sources.js" */
/** @import { Origin, States } from "./states.js" */

const RATES = [100, 1000, 4000, 16000];

/** @param {Context} context */
export function live({ model, el }) {
  const initial = model.get("initial");
  const view = new Live(el, model.get("shared"), initial);
  const kernel = initial.worker === undefined;
  view.listenTo((listener) =>
    kernel ? kernelSource(model, listener) : workerSource(initial, listener),
  );
  return () => view.close();
}

class Live {
  /** @type {States | null} */
  #track = null;
  /** Of the network, and of the particles beside it. @type {TrackView[]} */
  #views = [];
  /** @type {Source | null} */
  #source = null;
  /** @type {Set<string>} */
  #arrows = new Set();
  /** [first step, weight decay] of each stretch so far. @type {Decays} */
  #decays = [];
  /** Changes of the decay that a preset has still to come. @type {Decays} */
  #coming = [];
  /** Particles beside the network. @type {Companion | null} */
  #companion = null;
  /** The field beside the network, which a worker trains with it. @type {States | null} */
  #field = null;
  /** The step that the address of the page names, until it is reached. */
  #wanted = 0;
  #running = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #telling;
  #undrawn = false;
  #body = h("div", { className: "tracks" });

  /**
   * @param {HTMLElement} el
   * @param {any} shared
   * @param {any} initial
   */
  constructor(el, shared, initial) {
    this.initial = initial;
    this.stage = new Stage(el, "live", shared, () => this.#draw());
    this.player = new Player(this.stage, {
      count: () => this.#track?.frames.length || 1,
      label: (i) => stepWords(this.#track?.steps[i] ?? 0),
      onchange: this.stage.schedule,
    });
    this.recipe = this.#recipe();
    this.decay = new Decay(initial.weight_decay, initial.limits.weight_decay, (value) =>
      this.#send("decay", { value }),
    );
    this.beside = this.#besideIt();
    this.note = h("p", { className: "note", role: "status" });
    this.code = h("textarea", { readOnly: true, hidden: true, spellcheck: false });
    this.code.setAttribute("aria-label", "code that reproduces this state");
    this.#lay();
    this.stage.playOnSpace(() => this.#toggle());
    const pause = () => this.#running && this.#send("pause");
    this.player.root.addEventListener("pointerdown", pause);
    this.player.root.addEventListener("keydown", ({ key }) => {
      if (!/^(Tab|Shift| )$/.test(key)) pause();
    });
  }

  /** @param {(listener: Listener) => Source} open */
  listenTo(open) {
    this.#source = open((message, buffers) => this.#receive(message, buffers));
    this.#send("hello");
    if (this.initial.page) this.#restore();
  }

  close() {
    clearTimeout(this.#telling);
    this.stage.close();
    this.#source?.close();
  }

  /** @param {string} type @param {object} [content] */
  #send(type, content = {}) {
    this.#source?.send({ type, ...content });
  }

  #toggle() {
    if (this.#running) this.#send("pause");
    else if (this.#behind()) this.player.toggle();
    else this.#send("start");
  }

  /** Whether an earlier frame than the last is shown. */
  #behind() {
    return this.#track !== null && this.player.index < this.#track.frames.length - 1;
  }

  #shownStep() {
    return this.#track?.steps[this.player.index] ?? 0;
  }

  #lay() {
    const button = (/** @type {string} */ name, /** @type {() => void} */ onclick) =>
      h("button", { type: "button", onclick }, name);
    this.start = button("start", () => this.#send(this.#running ? "pause" : "start"));
    this.branch = button("go on from here", () =>
      this.#send("branch", { step: this.#shownStep() }),
    );
    const group = h("div", { className: "group" });
    group.append(
      this.start,
      button("step", () => this.#send("step")),
      button("reset", () => this.#send("reset", { settings: this.#settings() })),
      this.branch,
      button("code for this state", () => this.#send("code", { step: this.#shownStep() })),
    );
    const speeds = /** @type {[number, string][]} */ ([
      ...RATES.map((v) => [v, `up to ${v.toLocaleString("en")}`]),
      [this.initial.limits.speed[1], "no limit"],
    ]);
    const speed = choice("steps a second", this.initial.speed, speeds, (value) =>
      this.#send("speed", { value }),
    );
    speed.root.className = "";
    this.beside.root.className = "";
    const again = h("fieldset", { className: "controls" });
    again.append(h("legend", {}, "A change of these begins anew"));
    again.append(...Object.values(this.recipe).map((f) => f.root));
    const names = ["measured", "clustering", "alignment", "sum"];
    if (this.initial.page) this.stage.root.append(this.#chips());
    this.stage.root.append(
      h("div", { className: "bar" }, group, speed.root),
      h("div", { className: "bar" }, this.decay.root, this.beside.root, this.note),
      this.player.root,
      this.#body,
      arrowSwitches(names, this.#arrows, this.stage.shared.colors, this.stage.schedule),
      again,
      this.code,
      takeAway(this.stage, {
        begin: () => {
          if (!this.#running && this.player.count() > 1) this.player.begin();
          else this.#send("start");
        },
        playing: () => this.#running || this.player.playing(),
      }),
    );
  }

  #recipe() {
    const { initial } = this;
    const reset = () => this.#send("reset", { settings: this.#settings() });
    const make = (
      /** @type {string} */ label,
      /** @type {string} */ name,
      /** @type {number | "any"} */ step,
    ) => {
      const [min, max] = initial.limits[name];
      return field(label, { value: initial[name], min, max, step }, reset);
    };
    const words = /** @type {[string, string][]} */ (
      initial.optimisers.map((/** @type {string} */ name) => [name, name.replace("_", " ")])
    );
    return {
      learning_rate: make("learning rate", "learning_rate", "any"),
      train_share: make("training share", "train_share", 0.05),
      seed: make("seed", "seed", 1),
      modulus: make("tokens N", "modulus", 1),
      hidden: make("hidden width H", "hidden", 1),
      bias_scale: make("bias scale β", "bias_scale", 0.25),
      label_smoothing: make("label smoothing", "label_smoothing", 0.05),
      optimiser: choice("optimiser", initial.optimiser, words, reset),
    };
  }

  #chips() {
    const chips = PRESETS.map((preset) => {
      const node = h("button", { type: "button", className: "chip" }, preset.name);
      node.addEventListener("click", () => {
        this.#begin(preset);
        this.#send("start");
      });
      return node;
    });
    return h(
      "div",
      { className: "group chips", role: "group", "aria-label": "begin with" },
      ...chips,
    );
  }

  /** Begin a training anew, with the recipe of the page but for what the plan says. @param {Plan} plan */
  #begin({ seed, settings, decays, beside }) {
    const chosen = { ...this.initial.recipe, ...settings, seed, weight_decay: decays[0][1] };
    for (const [name, field] of Object.entries(this.recipe))
      field.set(/** @type {never} */ (chosen[name]));
    this.#coming = decays.slice(1);
    this.beside.set(beside);
    this.#send("reset", { settings: chosen });
    this.#askForField();
  }

  /** Take up the state that the address of the page names. */
  #restore() {
    const found = fromHash(location.hash, this.initial.limits, this.initial.optimisers);
    if (!found) return;
    const { plan, step } = found;
    this.#wanted = step;
    this.#begin(plan);
    this.#send("goto", { decays: plan.decays.filter(([at]) => at <= step), step });
    this.#coming = plan.decays.filter(([at]) => at > step);
  }

  /** Name the state shown in the address of the page. */
  #tellAddress() {
    clearTimeout(this.#telling);
    this.#telling = undefined;
    if (!this.initial.page || !this.#decays.length) return;
    if (this.#wanted) {
      this.note.textContent = `Training up to step ${this.#wanted.toLocaleString("en")} …`;
      return;
    }
    const { recipe } = this.initial;
    const { seed, ...settings } = this.#settings();
    const own = Object.entries(settings).filter(([name, value]) => value !== recipe[name]);
    const decays = [...this.#decays, ...this.#coming];
    const plan = { seed, settings: Object.fromEntries(own), decays, beside: this.beside.value() };
    const hash = toHash(plan, this.#shownStep());
    if (hash !== location.hash) history.replaceState(null, "", hash);
  }

  #besideIt() {
    const options = /** @type {[Beside, string][]} */ ([
      ["", "nothing"],
      ["particles", "particles"],
      ...(this.initial.page ? [["field", "field, moving features"]] : []),
    ]);
    return choice("beside it, from the same start", /** @type {Beside} */ (""), options, () => {
      if (!this.#askForField()) this.#arrange();
    });
  }

  /** Have a field trained beside the network, or no longer; whether that is news. */
  #askForField() {
    const value = this.beside.value() === "field";
    const news = value !== (this.#field !== null);
    if (news) this.#send("field", { value });
    return news;
  }

  #settings() {
    const found = Object.entries(this.recipe).map(([name, { value }]) => [name, value()]);
    return Object.fromEntries(found);
  }

  /** @param {any} message @param {any[]} buffers */
  #receive(message, buffers) {
    if (message.type === "frames") this.#frames(message, buffers);
    if (message.type === "status") this.#status(message);
    if (message.type === "code") this.#showCode(message.text);
  }

  /**
   * States come in order; those of a new training, or of one that branches, begin with `fresh`.
   * @param {{ steps: number[], fresh: boolean, field?: Recipe } & Origin} message
   * @param {(ArrayBuffer | DataView)[]} buffers of the network, and of the field if it is there
   */
  #frames({ steps, fresh, field, ...origin }, buffers) {
    if (fresh || !this.#track) this.#open(origin, field);
    const track = /** @type {States} */ (this.#track);
    [track, this.#field].forEach((each, i) => {
      if (each) addStates(each, steps, asBytes(buffers[i]), this.stage.shared.thresholds);
    });
    if (fresh || !this.#views.length) this.#arrange();
    this.#companion?.follow(track.frames.length);
    while (track.frames.length > this.initial.keep) {
      thin(track);
      if (this.#companion) thin(this.#companion.track);
      if (this.#field) thin(this.#field);
    }
    const last = track.steps[track.steps.length - 1];
    if (last >= this.#wanted) this.#wanted = 0;
    while (this.#coming.length && this.#coming[0][0] <= last) {
      this.#send("decay", { value: this.#coming.shift()?.[1] });
    }
    this.#undrawn = true;
    this.player.set(track.frames.length - 1);
    // A page in the background draws nothing.
    if (document.hidden) this.#drawn();
  }

  /** @param {Origin} origin @param {Recipe} [field] */
  #open(origin, field) {
    this.#track = newStates(origin);
    const title = "Field of moving features, without a network";
    this.#field = field ? newStates({ ...origin, recipe: field }, title) : null;
    this.#decays = [];
    this.code.hidden = true;
  }

  /** The network, and beside it what is asked for. */
  #arrange() {
    const track = /** @type {States} */ (this.#track);
    const { thresholds } = this.stage.shared;
    this.#companion =
      this.beside.value() === "particles"
        ? new Companion(track, this.initial.particles, thresholds)
        : null;
    this.#companion?.follow(track.frames.length);
    for (const view of this.#views) view.close();
    const other = this.#field ?? this.#companion?.track;
    const tracks = other ? [track, other] : [track];
    this.#views = tracks.map((one) => {
      const view = new TrackView(this.stage, one, this.#arrows, (step) => {
        if (this.#running) this.#send("pause");
        this.player.go(nearestStep(one.steps, step));
      });
      if (other) view.root.prepend(h("h4", {}, one.title));
      return view;
    });
    this.#body.classList.toggle("beside", tracks.length > 1);
    this.#body.replaceChildren(...this.#views.map((view) => view.root));
    this.stage.schedule();
  }

  /** @param {{ running: boolean, text: string, wrong: boolean, decays: Decays }} message */
  #status({ running, text, wrong, decays }) {
    const changed = running !== this.#running || String(decays) !== String(this.#decays);
    this.#running = running;
    this.#decays = decays;
    this.decay.show(decays[decays.length - 1][1]);
    const words = running ? "pause" : (this.#track?.frames.length ?? 0) > 1 ? "go on" : "start";
    if (this.start) this.start.textContent = words;
    this.note.textContent = text;
    this.note.classList.toggle("wrong", wrong);
    if (!running && this.#track) {
      this.player.pace(durations(this.#track.frames.map((frame) => frame.embeddings)));
    }
    // At once for what begins, ends or changes; while it trains the step may fall behind.
    if (changed) this.#tellAddress();
    this.stage.schedule();
  }

  /** @param {string} text */
  #showCode(text) {
    Object.assign(this.code, { value: text, hidden: false, rows: text.split("\n").length });
    this.code.focus();
    this.code.select();
  }

  #draw() {
    const { index, part } = this.player;
    if (this.branch) this.branch.hidden = this.#running || !this.#behind();
    const marks = this.#decays.slice(1).map(([step]) => step);
    if (this.#track?.frames.length) for (const view of this.#views) view.draw(index, part, marks);
    if (this.#undrawn) this.#drawn();
    // Browsers ignore an address that changes at every frame while someone scrubs.
    if (!this.#running) this.#telling ||= setTimeout(() => this.#tellAddress(), 200);
  }

  /** Who trains waits for this before it sends more. */
  #drawn() {
    this.#undrawn = false;
    this.#send("drawn");
  }
}
