// The scrubber: one step cursor for one run, or for two side by side.

import { arrowSwitches, choice, h, stepWords } from "./controls.js";
import { Player } from "./player.js";
import { Stage } from "./stage.js";
import { takeAway } from "./takeaway.js";
import { durations, nearestStep, openTrack } from "./tracks.js";
import { arrowNames, TrackView } from "./trackview.js";
/** @import { Context } from "./mount.js" */
/** @import { Header, Track } from "./tracks.js" */

/** @param {Context} context */
export async function scrub({ model, el }) {
  const open = () => Promise.all(/** @type {Header[]} */ (model.get("tracks")).map(openTrack));
  const view = new Scrubber(el, model, await open());
  let latest = 0; // of two changes in quick succession the first may finish last
  const reload = async () => {
    const turn = ++latest;
    const opened = await open();
    if (turn === latest) view.show(opened);
  };
  model.on("change:tracks", reload);
  return () => {
    view.stage.close();
    model.off("change:tracks", reload);
  };
}

/** The view of tracks on one cursor. */
export class Scrubber {
  /** @type {TrackView[]} */
  #views = [];
  /** @type {Set<string>} */
  #arrows = new Set();
  #body = h("div", { className: "tracks" });

  /**
   * @param {HTMLElement} el
   * @param {Pick<Context["model"], "get" | "send">} model
   * @param {Track[]} tracks
   */
  constructor(el, model, tracks) {
    this.tracks = tracks;
    this.stage = new Stage(el, "scrub", model.get("shared"), () => this.#draw());
    this.player = new Player(this.stage, {
      count: () => this.tracks[0].steps.length,
      label: (i) => stepWords(this.tracks[0].steps[i]),
      onchange: this.stage.schedule,
    });
    const seeds = /** @type {number[]} */ (model.get("seeds"));
    if (seeds.length > 1) {
      const names = /** @type {[number, string][]} */ (seeds.map((s) => [s, String(s)]));
      const send = (/** @type {number} */ seed) => model.send({ type: "seed", seed });
      const seed = choice("seed", tracks[0].seed, names, send);
      seed.root.className = "";
      this.player.root.append(seed.root);
    }
    this.stage.root.append(this.player.root, this.#body);
    const names = [...new Set(tracks.flatMap(arrowNames))];
    const { colors } = this.stage.shared;
    if (names.length) {
      this.stage.root.append(arrowSwitches(names, this.#arrows, colors, this.stage.schedule));
    }
    this.stage.root.append(takeAway(this.stage, this.player));
    this.stage.playOnSpace(() => this.player.toggle());
    this.show(tracks);
    this.player.set(tracks[0].steps.length); // the finished structure first
  }

  /** @param {Track[]} tracks */
  show(tracks) {
    for (const view of this.#views) view.close();
    this.tracks = tracks;
    this.#views = tracks.map((track) => {
      const scale = lastStep(tracks[0]) / (lastStep(track) || 1);
      const onstep = (/** @type {number} */ step) =>
        this.player.go(nearestStep(tracks[0].steps, step * scale));
      return new TrackView(this.stage, track, this.#arrows, onstep);
    });
    for (const { track, root } of this.#views) {
      const small = h("small", {}, `seed ${track.seed}, N = ${track.modulus}`);
      root.prepend(h("h4", {}, track.title, " ", small));
    }
    this.#body.classList.toggle("beside", tracks.length > 1);
    this.#body.replaceChildren(...this.#views.map((view) => view.root));
    this.player.pace(durations(tracks[0].frames.map((frame) => frame.embeddings)));
    this.player.set(this.player.index);
  }

  /** The frame of a track that stands beside the one shown of the first. @param {number} i */
  #frameOf(i) {
    const { index, part } = this.player;
    if (i === 0) return { t: index, part };
    const [first, own] = [this.tracks[0], this.tracks[i]];
    const share = lastStep(own) / (lastStep(first) || 1);
    return { t: nearestStep(own.steps, first.steps[index] * share), part: 0 };
  }

  #draw() {
    this.#views.forEach((view, i) => {
      const { t, part } = this.#frameOf(i);
      view.draw(t, part);
    });
  }
}

/** @param {Track} track */
const lastStep = ({ steps }) => steps[steps.length - 1];
