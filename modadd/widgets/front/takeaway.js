// What a reader can take away from a view: a picture, a film, a line for a page of one's own.

import { css } from "./colours.js";
import { h } from "./controls.js";

/** @import { Stage } from "./stage.js" */
/** @typedef {{ begin: () => void, playing: () => boolean }} Film what moves, where something does */

const LONGEST = 15; // seconds of a film
const SHARP = 2; // pixels of a picture for each of the page
const EDGE = 12;
const WEBM = "video/webm;codecs=vp8";
const SEEN = "canvas, h4, figcaption, dt, dd"; // what a picture shows

/**
 * A menu below a view. A line for another page there is only where the view has an address.
 * @param {Stage} stage
 * @param {Film | null} film
 */
export function takeAway(stage, film = null) {
  const note = h("p", { className: "note", role: "status" });
  const line = h("textarea", { readOnly: true, hidden: true, spellcheck: false, rows: 3 });
  line.setAttribute("aria-label", "line for a page of one's own");
  const button = (/** @type {string} */ name, /** @type {() => void} */ onclick) =>
    h("button", { type: "button", onclick }, name);
  const say = (/** @type {string} */ words) => {
    note.textContent = words;
  };
  const group = h("div", { className: "group" });
  const picture = () => {
    const canvas = document.createElement("canvas");
    stage.drawWith(SHARP);
    painter(stage, canvas)();
    stage.drawWith(0);
    canvas.toBlob((blob) => blob && save(blob, `modadd-${stage.root.dataset.kind}.png`));
  };
  group.append(button("picture (PNG)", picture));
  if (film) group.append(filmButton(stage, film, say));
  const embed = async () => {
    line.value = iframe(stage.root);
    line.hidden = false;
    line.focus();
    line.select();
    const copied = navigator.clipboard?.writeText(line.value).then(() => true);
    say((await copied?.catch(() => false)) ? "Copied." : "Copy this line.");
  };
  if (stage.root.closest(".modadd-page")) group.append(button("line for a page", embed));
  return h("details", { className: "take" }, h("summary", {}, "Take away"), group, note, line);
}

/**
 * Paints what is seen of a view onto another canvas, in the size it has now.
 * @param {Stage} stage
 * @param {HTMLCanvasElement} canvas
 */
function painter({ root, theme }, canvas) {
  const place = (/** @type {Element} */ node) => node.getBoundingClientRect();
  const seen = () => [...root.querySelectorAll(SEEN)].filter((node) => place(node).width);
  const boxes = seen().map(place);
  const own = place(root);
  const left = Math.min(...boxes.map((box) => box.left)) - own.left - EDGE;
  const top = Math.min(...boxes.map((box) => box.top)) - own.top - EDGE;
  const width = Math.max(...boxes.map((box) => box.right)) - own.left - left + EDGE;
  const height = Math.max(...boxes.map((box) => box.bottom)) - own.top - top + 2 * EDGE + 10;
  Object.assign(canvas, { width: SHARP * Math.ceil(width), height: SHARP * Math.ceil(height) });
  const g = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  return () => {
    const origin = place(root);
    g.setTransform(SHARP, 0, 0, SHARP, 0, 0);
    g.fillStyle = css(theme.paper);
    g.fillRect(0, 0, width, height);
    g.textBaseline = "middle";
    for (const node of seen()) {
      const box = place(node);
      const [x, y] = [box.left - origin.left - left, box.top - origin.top - top];
      if (node instanceof HTMLCanvasElement) g.drawImage(node, x, y, box.width, box.height);
      else {
        const { font, color } = getComputedStyle(node);
        Object.assign(g, { font, fillStyle: color });
        g.fillText(node.textContent ?? "", x, y + box.height / 2);
      }
    }
    const step = root.querySelector("output.step")?.textContent;
    Object.assign(g, { font: "11px sans-serif", fillStyle: css(theme.muted) });
    g.fillText(step ? `modadd · ${step}` : "modadd", EDGE, height - EDGE);
  };
}

/**
 * Records while it plays; pressed again, or after a while, the film ends.
 * @param {Stage} stage
 * @param {Film} film
 * @param {(words: string) => void} say
 */
function filmButton(stage, film, say) {
  const name = "film (WebM)";
  /** @type {Recording | null} */
  let recording = null;
  const node = h("button", { type: "button" }, name);
  stage.atEnd(() => recording?.end());
  node.addEventListener("click", () => {
    if (recording) return recording.end();
    if (!globalThis.MediaRecorder?.isTypeSupported(WEBM)) {
      return say("This browser records no WebM films: take a picture.");
    }
    node.textContent = "end the film";
    say(`Recording what plays, ${LONGEST} seconds at most.`);
    recording = new Recording(stage, film, (blob) => {
      recording = null;
      node.textContent = name;
      say("");
      save(blob, `modadd-${stage.root.dataset.kind}.webm`);
    });
  });
  return node;
}

class Recording {
  #size = 0;
  /** When the last picture began to stay; 0: not yet. */
  #over = 0;

  /**
   * @param {Stage} stage
   * @param {Film} film
   * @param {(blob: Blob) => void} done
   */
  constructor(stage, film, done) {
    const canvas = document.createElement("canvas");
    stage.drawWith(SHARP);
    const paint = painter(stage, canvas);
    const options = { mimeType: WEBM, videoBitsPerSecond: 6e6 };
    const recorder = new MediaRecorder(canvas.captureStream(30), options);
    /** @type {Blob[]} */
    const parts = [];
    recorder.addEventListener("dataavailable", ({ data }) => {
      parts.push(data);
      this.#size += data.size;
    });
    recorder.addEventListener("stop", () => {
      stage.drawWith(0);
      done(new Blob(parts, { type: "video/webm" }));
    });
    paint();
    recorder.start(100);
    film.begin();
    const start = performance.now();
    let begun = false;
    const turn = (/** @type {number} */ now) => {
      paint();
      begun ||= film.playing();
      if (now - start > 1000 * LONGEST || (begun && !film.playing())) this.#over ||= now;
      if (this.#over && this.#ended(now)) recorder.stop();
      else requestAnimationFrame(turn);
    };
    requestAnimationFrame(turn);
  }

  end() {
    this.#over ||= performance.now();
  }

  /** The last picture stays for a second; longer where a busy machine has not yet written any. */
  #ended(/** @type {number} */ now) {
    const passed = now - this.#over;
    return passed > 1000 && (this.#size > 2000 || passed > 10_000);
  }
}

/** @param {Blob} blob @param {string} name */
function save(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** The view alone, as `mount` shows it under this address. @param {HTMLElement} root */
function iframe(root) {
  const address = new URL(location.href);
  const places = [...document.querySelectorAll(".modadd-page")];
  address.searchParams.set("only", String(places.findIndex((place) => place.contains(root))));
  const src = address.href.replace(/&/g, "&amp;").replace(/"/g, "%22");
  const tall = Math.ceil(root.getBoundingClientRect().height) + 20;
  return `<iframe src="${src}" title="modadd" width="100%" height="${tall}" style="border:0" loading="lazy"></iframe>`;
}
