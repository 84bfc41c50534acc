// As much of a browser as the controls touch, so that they can be tried in milliseconds.

class FakeElement {
  constructor(tag) {
    Object.assign(this, {
      tagName: tag.toUpperCase(),
      children: [],
      attributes: {},
      listeners: {},
    });
    Object.assign(this, { dataset: {}, textContent: "", hidden: false, className: "", title: "" });
    if (/^(input|select|option|button|textarea)$/.test(tag)) {
      Object.assign(this, { type: "", value: "", min: "", max: "", step: "", disabled: false });
      Object.assign(this, { inputMode: "", onclick: null, checked: false });
    }
    const classes = new Set();
    this.classes = classes;
    this.classList = {
      toggle: (name, on) => (on ? classes.add(name) : classes.delete(name)),
      contains: (name) => classes.has(name),
    };
    const values = {};
    this.style = { setProperty: (name, value) => Object.assign(values, { [name]: value }), values };
  }

  append(...nodes) {
    this.children.push(...nodes);
  }

  replaceChildren(...nodes) {
    this.children = nodes;
  }

  getAttribute(name) {
    return this.attributes[name] ?? null;
  }

  setAttribute(name, value) {
    this.attributes[name] = String(value);
  }

  addEventListener(type, listener) {
    this.listeners[type] ??= [];
    this.listeners[type].push(listener);
  }

  /** What the browser would call. */
  fire(type, event = {}) {
    for (const listener of this.listeners[type] ?? []) listener({ target: this, ...event });
  }

  get selectedIndex() {
    return this.children.findIndex((option) => String(option.value) === this.value);
  }
}

/** Frames asked for, run by hand: frames.run(time in ms). */
export const frames = {
  waiting: [],
  run(now) {
    for (const callback of this.waiting.splice(0)) callback?.(now);
  },
};

Object.assign(globalThis, {
  document: { createElement: (tag) => new FakeElement(tag), querySelector: () => null },
  matchMedia: () => ({ matches: false }),
  requestAnimationFrame: (callback) => frames.waiting.push(callback),
  cancelAnimationFrame: (id) => {
    frames.waiting[id - 1] = undefined;
  },
});
