// Tracks, each one seed of a run: unpacked as modadd.widgets._frames packs them.

import { pairTable } from "./pairs.js";

/** @import { Points } from "./pairs.js" */

/**
 * What heads the frames of a track; its names are those of Python.
 * @typedef {{ title: string, source: string, modulus: number, seed: number, steps: number[],
 *   held_out: number[], kinds: string[], values: string[], compressed: boolean,
 *   bytes?: ArrayBufferView | ArrayBuffer,
 *   layout: ["embeddings" | string, "float32" | "uint8", number[]][] }} Header
 */
/**
 * One recorded state. What is not recorded is missing or NaN.
 * @typedef {{ step: number, loss: number, accuracy: number, validation: number, force: number,
 *   circle: number, frequency: number, grid: number, closure: number, scale: number, r2: number,
 *   reach: number, kind: number, embeddings: Float32Array, measured?: Float32Array,
 *   clustering?: Float32Array, alignment?: Float32Array, sum?: Float32Array,
 *   predicted?: Uint8Array, right?: boolean[], regions?: Uint8Array }} Frame
 */
/**
 * @typedef {Header & { frames: Frame[], heldOut: Set<number>, largest: number }} Track
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
export function newTrack(header) {
  const { bytes: _, ...others } = header;
  return { ...others, steps: [], frames: [], heldOut: new Set(header.held_out), largest: 0 };
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
    complete(track, frame);
    track.steps.push(step);
    track.frames.push(frame);
  });
}

/** What follows from the rest of a frame. @param {Track} track @param {Frame} frame */
function complete(track, frame) {
  const { predicted, clustering, alignment, measured } = frame;
  const { label } = pairTable(track.modulus);
  if (predicted) frame.right = label.map((y, p) => predicted[p] === y);
  if (clustering && alignment) frame.sum = clustering.map((f, i) => f + alignment[i]);
  for (const f of measured ?? frame.sum ?? []) track.largest = Math.max(track.largest, Math.abs(f));
}

/** @param {Header} header */
export async function openTrack(header) {
  const track = newTrack(header);
  const bytes = asBytes(header.bytes ?? new ArrayBuffer(0));
  addFrames(track, header, header.compressed ? await inflate(bytes) : bytes);
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
