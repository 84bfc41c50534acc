// What the page that trains can begin with, and its state in the address of the page.

/** @typedef {[step: number, decay: number][]} Decays */
/** What grows beside the network, from the same start. @typedef {"" | "particles" | "field"} Beside */
/**
 * A training to begin: what differs from the recipe of the page, and when the decay changes.
 * @typedef {{ seed: number, settings: Record<string, string | number>, decays: Decays,
 *   beside: Beside }} Plan
 */

const KEPT = { train_share: 1, beside: /** @type {Beside} */ ("") };

/** The named ones; a test trains them and looks whether they are what they are called.
 * @type {(Plan & { name: string, kind?: string })[]} */
export const PRESETS = [
  { name: "a grid", kind: "grid", seed: 5 },
  { name: "a circle", kind: "circle", seed: 20 },
  { name: "a stripe", kind: "stripe", seed: 22 },
  { name: "a failure", kind: "other", seed: 3 },
  {
    name: "forces revived",
    seed: 2,
    train_share: 0.8,
    decays: /** @type {Decays} */ ([
      [0, 0],
      [2000, 0.003],
    ]),
  },
  {
    name: "take the network away",
    kind: "grid",
    seed: 19,
    beside: /** @type {Beside} */ ("particles"),
  },
].map(({ name, kind, seed, ...given }) => {
  const { train_share, beside } = { ...KEPT, ...given };
  const decays = given.decays ?? /** @type {Decays} */ ([[0, 0.003]]);
  return { name, kind, seed, settings: { train_share }, decays, beside };
});

/**
 * A plan and the step shown as the part of an address behind #.
 * @param {Plan} plan
 * @param {number} step
 */
export function toHash({ seed, settings, decays, beside }, step) {
  const own = Object.entries(settings).map(([name, value]) => [name, String(value)]);
  const stretches = decays.map((stretch) => stretch.join(":")).join(",");
  const all = [["seed", String(seed)], ["step", String(step)], ["decay", stretches], ...own];
  if (beside) all.push(["beside", beside]);
  return `#${all.map(([name, value]) => `${name}=${value}`).join("&")}`;
}

/**
 * What `toHash` wrote, within the limits; null where it is nothing of the kind.
 * @param {string} hash
 * @param {Record<string, [number, number]>} limits
 * @param {string[]} optimisers
 * @returns {{ plan: Plan, step: number } | null}
 */
export function fromHash(hash, limits, optimisers) {
  const found = new Map(
    hash
      .replace(/^#/, "")
      .split("&")
      .map((part) => /** @type {[string, string]} */ (part.split("="))),
  );
  const read = (
    /** @type {string | undefined} */ text,
    /** @type {[number, number]} */ [low, high],
  ) => {
    const value = Number(text);
    return text !== undefined && value >= low && value <= high ? value : null;
  };
  const seed = read(found.get("seed"), limits.seed);
  if (seed === null || !Number.isInteger(seed)) return null;
  /** @type {Record<string, string | number>} */
  const settings = {};
  for (const name of Object.keys(limits)) {
    const value = read(found.get(name), limits[name]);
    const whole = name === "modulus" || name === "hidden";
    if (value === null || (whole && !Number.isInteger(value))) continue;
    if (!/^(seed|speed|weight_decay)$/.test(name)) settings[name] = value;
  }
  const optimiser = found.get("optimiser");
  if (optimiser && optimisers.includes(optimiser)) settings.optimiser = optimiser;
  const decays = (found.get("decay") ?? "").split(",").flatMap((stretch) => {
    const [at, decay] = stretch.split(":");
    const [start, value] = [read(at, [0, MOST]), read(decay, limits.weight_decay)];
    return start === null || value === null ? [] : /** @type {Decays} */ ([[start, value]]);
  });
  const ordered = decays.every(([at], i) => (i === 0 ? at === 0 : at > decays[i - 1][0]));
  if (!decays.length || !ordered) return null;
  const step = Math.round(read(found.get("step"), [0, MOST]) ?? 0);
  const asked = found.get("beside");
  const beside = asked === "particles" || asked === "field" ? asked : "";
  return { plan: { seed, settings, decays, beside }, step };
}

const MOST = 50_000; // steps that an address may ask for
