// Brings pages to life: figures and widgets when they come near, the code when it is asked for.
// Without it pages are complete, with pictures in the place of widgets.

import { mount } from "../../modadd/widgets/front/mount.js";
import { story } from "./story.js";

const plotly = /** @type {HTMLScriptElement} */ (document.currentScript).dataset.plotly ?? "";

/** Scripts on their way, by address. @type {Map<string, Promise<unknown>>} */
const scripts = new Map();

/** A script: not a module, which a page that is a file could not load. @param {string} src */
function load(src) {
  const coming =
    scripts.get(src) ??
    new Promise((resolve, reject) => {
      const script = document.createElement("script");
      Object.assign(script, { src, onload: resolve, onerror: reject });
      document.head.append(script);
    });
  scripts.set(src, coming);
  return coming;
}

/** What widgets show: each of these scripts hands one over. @type {Map<string, any>} */
const states = new Map();
Object.assign(window, {
  modadd: (/** @type {string} */ name, /** @type {any} */ state) => states.set(name, state),
});

/** @param {string} file */
async function stateIn(file) {
  await load(file);
  return states.get(file.replace(/^.*\/|\.js$/g, ""));
}

/** @param {HTMLElement} place */
async function openWidget(place) {
  const state = await stateIn(place.dataset.state ?? "");
  place.replaceChildren();
  mount(place, state);
}

/** The interactive figure takes the picture's place once it is drawn. @param {Element} sheet */
async function openFigure(sheet) {
  const data = sheet.querySelector("script")?.textContent ?? "{}";
  const { layout, config, frames, data: traces } = JSON.parse(data);
  await load(plotly);
  const { Plotly } = /** @type {any} */ (window);
  const place = document.createElement("div");
  const still = sheet.querySelector("img, p");
  const [slider] = layout.sliders ?? [];
  // Its own slider takes no keys, and would stand beside ours.
  if (frames) for (const name of ["sliders", "updatemenus"]) delete layout[name];
  place.className = "plot";
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", still?.getAttribute("alt") ?? "");
  still?.after(place);
  await Plotly.newPlot(place, traces, layout, config);
  if (frames) {
    await Plotly.addFrames(place, frames);
    const bar = frameBar(slider, (args) => Plotly.animate(place, ...args));
    bar.style.height = `${slider.y * layout.height}px`;
    place.append(bar);
  }
  still?.remove();
}

/**
 * Play, pause and a slider over the frames of a figure.
 * @param {{ active?: number, currentvalue?: { prefix?: string },
 *   steps: { label: string, args: any[] }[] }} slider
 * @param {(args: any[]) => void} show
 */
function frameBar({ steps, active = 0, currentvalue }, show) {
  const [bar, button] = [document.createElement("div"), document.createElement("button")];
  const [input, words] = [document.createElement("input"), document.createElement("output")];
  let playing = 0;
  const go = (/** @type {number} */ i) => {
    input.value = String(i);
    words.textContent = `${currentvalue?.prefix ?? ""}${steps[i].label}`;
    input.setAttribute("aria-valuetext", words.textContent);
    show(steps[i].args);
  };
  const pause = () => {
    clearInterval(playing);
    playing = 0;
    button.textContent = "▶";
    button.setAttribute("aria-label", "play the frames");
  };
  const play = () => {
    if (input.valueAsNumber === steps.length - 1) go(0);
    button.textContent = "❚❚";
    button.setAttribute("aria-label", "pause");
    playing = window.setInterval(() => {
      go(input.valueAsNumber + 1);
      if (input.valueAsNumber === steps.length - 1) pause();
    }, 120);
  };
  Object.assign(input, { type: "range", min: 0, max: steps.length - 1, step: 1 });
  input.setAttribute("aria-label", "frame");
  input.addEventListener("input", () => {
    pause();
    go(input.valueAsNumber);
  });
  button.type = "button";
  button.addEventListener("click", () => (playing ? pause() : play()));
  pause();
  go(active);
  bar.className = "frames";
  bar.append(button, input, words);
  return bar;
}

/** @param {string} where @param {(target: HTMLElement) => void} open */
function whenNear(where, open) {
  const near = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        near.unobserve(target);
        open(/** @type {HTMLElement} */ (target));
      }
    },
    { rootMargin: "600px" },
  );
  for (const target of document.querySelectorAll(where)) near.observe(target);
}

whenNear(".sheet:has(script)", openFigure);
whenNear(".modadd-page", openWidget);

const scenes = document.querySelectorAll("[data-scene]");
if (scenes.length) stateIn("train.js").then((state) => story(scenes, state));

document.querySelector("#code")?.addEventListener("click", ({ currentTarget }) => {
  const button = /** @type {HTMLElement} */ (currentTarget);
  const open = button.getAttribute("aria-pressed") === "false";
  button.setAttribute("aria-pressed", String(open));
  for (const details of document.querySelectorAll("details.code")) {
    /** @type {HTMLDetailsElement} */ (details).open = open;
  }
});
