// What runs in the worker: the first message says what to train, the others what to do.

import { Trainer } from "./trainer.js";

/** @type {Trainer | null} */
let trainer = null;

addEventListener("message", ({ data }) => {
  if (trainer) trainer.receive(data);
  else {
    trainer = new Trainer(data.recipe, data.seed, data.nodes, (message, buffers) => {
      postMessage({ ...message, buffers }, { transfer: buffers });
    });
  }
});
