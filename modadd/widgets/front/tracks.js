// Tracks, each one seed of a run: unpacked as modadd.widgets._frames packs them.

/** @import { Points } from "./pairs.js" */

/**
 * What heads the frames of a track; its names are those of Python.
 * @typedef {{ title: string, source: string, modulus: number, bias_scale: number, seed: number,
 *   steps: number[], held_out: number[], kinds: string[], values: string[],
 *   bytes?: ArrayBufferView | ArrayBuffer,
 *   layout: [string, "float32" | "uint8", number[]][] }} Header
 */
/**
 * One state. What is not recorded is missing or NaN; what takes long is added when it is shown.
 * @typedef {{ step: number, loss: number, accuracy: number, validation: number, force: number,
 *   residual: number, circle: number, frequency: number, grid: number, closure: number,
 *   kind: string, reach: number, embeddings: Float32Array, measured?: Float32Array,
 *   predicted?: Uint8Array, right?: boolean[], regions?: Uint8Array,
 *   bonds?: { bonds: number[][], clear: number },
 *   modelled?: { clustering: Points, alignment: Points, sum: Points, scale: number, r2: number }
 * }} Frame
 */
/**
 * @typedef {{ title: string, source: string, modulus: number, bias_scale: number, seed: number,
 *   steps: number[], frames: Frame[], heldOut: Set<number>, regions: boolean, largest: number
 * }} Track `largest`: the force of the longest arrows
 */

const KINDS = { float32: Float32Array, uint8: Uint8Array };

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function inflate(bytes) {
  const content = new Blob([bytes]);
  const stream = content.stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @param {ArrayBufferView | ArrayBuffer} view */
export const asBytes = (view) =>
  view instanceof ArrayBuffer
    ? new Uint8Array(view)
    : new Uint8Array(/** @type {ArrayBuffer} */ (view.buffer), view.byteOffset, view.byteLength);

/** A track without frames. @param {Header} header @returns {Track} */
function newTrack({ title, source, modulus, bias_scale, seed, held_out, layout }) {
  const regions = layout.some(([name]) => name === "regions");
  const heldOut = new Set(held_out);
  const empty = { steps: [], frames: [], largest: 0 };
  return { title, source, modulus, bias_scale, seed, heldOut, regions, ...empty };
}

/**
 * Append the frames that `header` describes and `bytes` hold.
 * @param {Track} track
 * @param {Header} header
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
export function addFrames(track, header, bytes) {
  if (bytes.byteOffset % 4) bytes = bytes.slice();
  let offset = bytes.byteOffset;
  /** @type {[string, (t: number) => Float32Array | Uint8Array][]} */
  const arrays = [];
  for (const [name, kind, shape] of header.layout) {
    const size = shape.reduce((a, b) => a * b, 1);
    const all = new KINDS[kind](bytes.buffer, offset, header.steps.length * size);
    arrays.push([name, (t) => all.subarray(t * size, (t + 1) * size)]);
    offset += all.byteLength;
  }
  header.steps.forEach((step, t) => {
    const own = Object.fromEntries(arrays.map(([name, at]) => [name, at(t)]));
    const values = header.values.map((name, i) => [name, own.values[i]]);
    const frame = /** @type {Frame} */ ({ ...Object.fromEntries(values), ...own, step });
    frame.kind = header.kinds[own.values[header.values.indexOf("kind")]];
    const most = frame.measured?.reduce((m, f) => Math.max(m, Math.abs(f)), 0) ?? 2 * frame.force;
    track.largest = Math.max(track.largest, most || 0);
    track.steps.push(step);
    track.frames.push(frame);
  });
}

/** @param {Header} header */
export async function openTrack(header) {
  const track = newTrack(header);
  const bytes = asBytes(header.bytes ?? new ArrayBuffer(0));
  addFrames(track, header, await inflate(bytes));
  return track;
}

/** Drop every second frame but the last. @param {Track} track */
export function thin(track) {
  const keep = (/** @type {unknown} */ _, /** @type {number} */ t, /** @type {unknown[]} */ all) =>
    t % 2 === 0 || t === all.length - 1;
  track.frames = track.frames.filter(keep);
  track.steps = track.steps.filter(keep);
}

/** Index of the step nearest to `step`. @param {number[]} steps @param {number} step */
export function nearestStep(steps, step) {
  let best = 0;
  steps.forEach((s, t) => {
    if (Math.abs(s - step) < Math.abs(steps[best] - step)) best = t;
  });
  return best;
}

/**
 * How long each frame stays while playing, 1 on average: half of the time goes evenly, half by how
 * far the embeddings move to the next, so that the moment in which all happens is not over in one.
 * @param {Points[]} path embeddings of all frames
 */
export function durations(path) {
  const moves = path.slice(1).map((E, t) => {
    let squares = 0;
    for (let i = 0; i < E.length; i++) squares += (E[i] - path[t][i]) ** 2;
    return Math.sqrt(squares);
  });
  const total = moves.reduce((a, b) => a + b, 0);
  return moves.map((move) => 0.5 + (total > 0 ? (0.5 * moves.length * move) / total : 0.5));
}

/** Between two embeddings. @param {Points} E @param {Points} F @param {number} part */
export const between = (E, F, part) => Float32Array.from(E, (v, i) => v + part * (F[i] - v));
