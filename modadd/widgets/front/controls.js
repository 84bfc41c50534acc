// Controls that the views share: labelled fields, readings, switches; a stage to draw on, a ticker.

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
    // Fractions are text: whether a field for numbers takes 0.003, 0,003 or both is up to the browser.
    const fraction = step === "any" && { type: "text", inputMode: "decimal" };
    input = h("input", { type, min, max, step, ...fraction });
    input.value = value;
    if (type === "range") text = h("b", {}, ` ${(show ?? String)(value)}`);
  }
  const read = () => {
    if (options) return Number.isNaN(Number(input.value)) ? input.value : Number(input.value);
    const number = Number(input.value.replace(",", "."));
    return Number.isFinite(number) && input.value !== "" ? clamp(number, min, max) : value;
  };
  const commit = () => {
    const before = value;
    value = read();
    if (type === "number" && !options) input.value = value; // as it was understood
    if (text) text.textContent = ` ${(show ?? String)(value)}`;
    if (value !== before) onchange?.(value);
  };
  input.addEventListener(type === "range" ? "input" : "change", commit);
  // A number that was typed in is there from Enter on, not only once the field is left.
  input.addEventListener("keydown", (event) => event.key === "Enter" && commit());
  const root = h("label", { className: "field" }, h("span", {}, label, text), input);
  const set = (next) => { value = next; input.value = next; };
  return { root, input, value: read, set };
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
  const body = new MutationObserver(retheme), scheme = matchMedia("(prefers-color-scheme: dark)");
  body.observe(document.body, { attributes: true });
  scheme.addEventListener("change", retheme);
  self.close = () => { body.disconnect(); scheme.removeEventListener("change", retheme); };
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
    if (/^(checkbox|number|text)$/.test(event.target.type)) return;
    event.preventDefault();
    toggle();
  });
}
