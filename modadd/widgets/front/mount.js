// The way in, for JupyterLab and for plain pages.
//
// Python joins all files of this folder, this one last, into one ES module without dependencies.

const VIEWS = { scrub, live, playground, particles, phases };

export default { render: (context) => VIEWS[context.model.get("kind")](context) };

// The same views without a kernel: `state` is what the kernel would hold, with bytes in base64. A
// scrubber's state has the tracks of every seed.
export function mount(el, state) {
  const open = (seed) => state.every[seed].map((track) => (
    { ...track, bytes: Uint8Array.from(atob(track.bytes), (c) => c.charCodeAt(0)) }));
  if (state.every) state.tracks = open(state.seed);
  const listeners = {};
  const model = {
    get: (name) => state[name],
    on: (name, listener) => { listeners[name] = listener; },
    off: (name) => { delete listeners[name]; },
    send({ seed }) {
      state.tracks = open(seed);
      listeners["change:tracks"]();
    },
  };
  return VIEWS[state.kind]({ model, el });
}
