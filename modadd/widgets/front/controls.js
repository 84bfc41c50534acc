// Controls that the views share: labelled fields, readings, switches.

import { clamp, css, DASHES, rgb } from "./colours.js";
import { MEANINGS } from "./meanings.js";

/** @import { Meaning } from "./meanings.js" */

/**
 * An element; properties it does not know become attributes.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node && !name.includes("-")) Object.assign(node, { [name]: value });
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  // JupyterLab takes keys from whatever has the focus, unless that itself says that it wants them.
  if (/^(input|select|button|canvas|summary|textarea)$/.test(tag)) {
    node.dataset.lmSuppressShortcuts = "true";
  }
  return node;
}

/** @type {Record<string, string>} */
const ICONS = {
  play: "M3 1.5v11l9-5.5z",
  pause: "M2.5 1.5h3v11h-3zM8.5 1.5h3v11h-3z",
  back: "M11 1.5v11L4 7zM2 1.5h1.6v11H2z",
  forward: "M3 1.5v11L10 7zM10.4 1.5H12v11h-1.6z",
  reset: "M7 1.5a5.5 5.5 0 1 1-5 3.2l1.5.7A3.9 3.9 0 1 0 7 3.1V5.4L3.2 2.7 7 0z",
};

/** @param {HTMLButtonElement} node @param {string} icon @param {string} label */
export function setIcon(node, icon, label) {
  const path = `<path d="${ICONS[icon]}"/>`;
  node.innerHTML = `<svg width="14" height="14" aria-hidden="true">${path}</svg>`;
  node.setAttribute("aria-label", label);
  node.title = label;
}

/** @param {string} icon @param {string} label @param {() => void} onclick */
export function button(icon, label, onclick) {
  const node = h("button", { type: "button", onclick });
  setIcon(node, icon, label);
  return node;
}

/**
 * @typedef {object} Field
 * @property {HTMLElement} root
 * @property {HTMLInputElement} input
 * @property {() => number} value
 * @property {(next: number) => void} set
 */

/**
 * A number typed in or a range; `value` reads it, within its bounds. Whole unless `step` is "any".
 * @param {string} label
 * @param {{ value: number, min: number, max: number, step: number | "any", type?: string,
 *   show?: (v: number) => string }} options
 * @param {(value: number) => void} [onchange]
 * @returns {Field}
 */
export function field(label, { value, min, max, step, type = "number", show = String }, onchange) {
  // Fractions are text: whether a field for numbers takes 0.003, 0,003 or both is up to the browser.
  const fraction = step === "any" ? { type: "text", inputMode: "decimal" } : {};
  const input = h("input", { type, min, max, step, ...fraction });
  input.value = String(value);
  const text = type === "range" ? h("b", {}, ` ${show(value)}`) : null;
  const read = () => {
    const number = Number(input.value.replace(",", "."));
    if (!Number.isFinite(number) || input.value === "") return value;
    return clamp(step === 1 ? Math.round(number) : number, min, max);
  };
  const commit = () => {
    const before = value;
    value = read();
    if (type === "number") input.value = String(value); // as it was understood
    if (text) text.textContent = ` ${show(value)}`;
    if (value !== before) onchange?.(value);
  };
  input.addEventListener(type === "range" ? "input" : "change", commit);
  // A number that was typed in is there from Enter on, not only once the field is left.
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") commit();
  });
  const root = h("label", { className: "field" }, h("span", {}, label, text), input);
  const set = (/** @type {number} */ next) => {
    value = next;
    input.value = String(next);
    if (text) text.textContent = ` ${show(next)}`;
  };
  return { root, input, value: read, set };
}

/**
 * A choice of words or numbers.
 * @template {string | number} V
 * @param {string} label
 * @param {V} value
 * @param {[V, string][]} options
 * @param {(value: V) => void} [onchange]
 */
export function choice(label, value, options, onchange) {
  const select = h("select", {}, ...options.map(([v, name]) => h("option", { value: v }, name)));
  select.value = String(value);
  const read = () => options[select.selectedIndex]?.[0] ?? value;
  select.addEventListener("change", () => onchange?.(read()));
  const root = h("label", { className: "field" }, h("span", {}, label), select);
  const set = (/** @type {V} */ next) => {
    select.value = String(next);
  };
  return { root, value: read, set };
}

/** @typedef {[text: string, share?: number]} Reading */

/**
 * Numbers under their names, those of a share with a bar. A name that is pressed says below what it
 * means; the page may say where its glossary is: <link rel="glossary" href="…">.
 * @param {string[]} names
 * @param {Record<string, Meaning>} meanings
 */
export function readings(names, meanings = MEANINGS) {
  const cells = names.map(() => h("dd"));
  const meaning = h("p", { className: "meaning", role: "status", hidden: true });
  const terms = names.map((name) => {
    const { text, word } = meanings[name];
    const term = h("button", { type: "button", title: text, "aria-expanded": "false" }, name);
    term.addEventListener("click", () => {
      const open = term.getAttribute("aria-expanded") === "false";
      for (const other of terms)
        other.setAttribute("aria-expanded", String(open && other === term));
      meaning.replaceChildren(h("b", {}, name), ` ${text} `, glossary(word) ?? "");
      meaning.hidden = !open;
    });
    return term;
  });
  const list = h("dl", {}, ...terms.map((term, i) => h("div", {}, h("dt", {}, term), cells[i])));
  const set = (/** @type {Reading[]} */ values) =>
    values.forEach(([text, share], i) => {
      if (cells[i].textContent !== text) cells[i].textContent = text;
      cells[i].classList.toggle("bare", share === undefined);
      cells[i].style.setProperty("--share", String(clamp(share || 0, 0, 1)));
    });
  return { root: h("div", {}, list, meaning), set };
}

/** A link to a word of the glossary, where the page has one. @param {string} [word] */
function glossary(word) {
  const link = /** @type {HTMLLinkElement | null} */ (
    document.querySelector('link[rel="glossary"]')
  );
  if (!link || !word) return null;
  return h("a", { href: `${link.href}#${word.replaceAll(" ", "-")}` }, "glossary");
}

/**
 * Checkboxes for the force arrows; `shown` is the set of names switched on.
 * @param {string[]} names
 * @param {Set<string>} shown
 * @param {Record<string, string>} colors
 * @param {() => void} onchange
 */
export function arrowSwitches(names, shown, colors, onchange) {
  const swatch = (/** @type {string} */ name) => {
    const color = colors[name] ? css(rgb(colors[name])) : "currentColor";
    const node = h("span", { "aria-hidden": "true" });
    node.innerHTML = `<svg class="swatch"><path d="M0 5h19" stroke="${color}" stroke-width="2"
      stroke-dasharray="${DASHES[name]}"/><path d="M26 5l-7-3.5v7z" fill="${color}"/></svg>`;
    return node;
  };
  const boxes = names.map((name) => {
    const box = h("input", { type: "checkbox", checked: shown.has(name) });
    box.addEventListener("change", () => {
      shown[box.checked ? "add" : "delete"](name);
      onchange();
    });
    return h("label", {}, box, swatch(name), name);
  });
  return h("fieldset", {}, h("legend", {}, "Forces"), ...boxes);
}

/** @param {number} v */
export const number = (v) => (Number.isFinite(v) ? String(+v.toPrecision(2)) : "–");

/** @param {number} v @returns {Reading} */
export const share = (v) => (Number.isFinite(v) ? [`${(100 * v).toFixed(0)} %`, v] : ["–"]);

/** @param {number} v @param {string} [extra] @returns {Reading} */
export const score = (v, extra = "") => [`${v.toFixed(2)}${extra}`, v];

/** @param {number} step */
export const stepWords = (step) => `step ${step.toLocaleString("en")}`;
