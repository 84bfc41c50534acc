// Who trains for the live view: the kernel, or a worker of the browser.

/** @import { Context } from "./mount.js" */

/**
 * Who trains. It takes {type: "hello" | "start" | "pause" | "step" | "reset" | "branch" | "decay"
 * | "speed" | "code" | "drawn", …}, a worker "goto" and "field" too, and answers with frames, status and code; the view does not
 * know who it is.
 * @typedef {{ send: (content: object) => void, close: () => void }} Source
 */
/** @typedef {(message: any, buffers: any[]) => void} Listener */

/** @param {Context["model"]} model @param {Listener} listener @returns {Source} */
export function kernelSource(model, listener) {
  model.on("msg:custom", listener);
  return {
    send: (content) => model.send(content),
    close: () => model.off("msg:custom", listener),
  };
}

/**
 * A worker whose script came with the state: so it needs no file, and works from file:// too.
 * @param {{ worker: string, recipe: object, seed: number, nodes: number[] }} initial
 * @param {Listener} listener
 * @returns {Source}
 */
export function workerSource({ worker: script, recipe, seed, nodes }, listener) {
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const worker = new Worker(url);
  worker.addEventListener("message", ({ data }) => listener(data, data.buffers));
  worker.postMessage({ recipe, seed, nodes });
  return {
    send: (content) => worker.postMessage(content),
    close: () => {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
}
