import assert from "node:assert/strict";
import test from "node:test";
import { addStates, newStates } from "../../modadd/widgets/front/states.js";
import { Trainer } from "../../modadd/widgets/front/trainer.js";
import { compares, reference } from "./reference.js";

const RECIPE = {
  ...{ modulus: 7, hidden: 16, optimiser: "gradient_descent", learning_rate: 0.3, momentum: 0.9 },
  ...{ weight_decay: 0.003, train_share: 0.8, bias_scale: 1, embedding_scale: 1 },
  ...{ readout_init: "zero", label_smoothing: 0 },
};

const NODES = Array.from({ length: 12 }, (_, i) => Math.sin(1 + 7 * i)); // 4, and their opposites

function trainer() {
  const [sent, waiting] = [[], []];
  const post = (message, buffers) => sent.push({ ...message, buffers });
  const own = new Trainer(RECIPE, 3, NODES, post, (turn) => waiting.push(turn));
  const ask = (type, content = {}) => own.receive({ type, ...content });
  const turn = () => {
    for (const next of waiting.splice(0)) next();
  };
  const frames = () => sent.filter(({ type }) => type === "frames");
  return { own, ask, turn, sent, frames };
}

test("it answers as the kernel does", () => {
  const { own, ask, sent } = trainer();
  ask("hello");
  assert.deepEqual(sent[0].steps, [0]);
  assert.ok(sent[0].fresh && sent[0].recipe.modulus === 7);
  ask("step");
  assert.equal(own.training.step, 1);
  ask("decay", { value: 0 });
  assert.deepEqual(sent.at(-1).decays, [
    [0, 0.003],
    [1, 0],
  ]);
  ask("code", { step: 1 });
  assert.match(sent.at(-2).text, /replay\(config, 3, decays\)/);
  ask("reset", { settings: { modulus: 5, seed: 2 } });
  assert.deepEqual([own.training.recipe.modulus, own.training.seed, own.training.decay], [5, 2, 0]);
  assert.equal(sent.at(-1).text, "A new training.");
});

test("it waits for its frames to be drawn", () => {
  const { own, ask, turn, frames } = trainer();
  ask("start");
  for (let i = 0; i < 5; i++) turn();
  assert.equal(frames().length, 2);
  ask("drawn");
  turn();
  assert.equal(frames().length, 3);
  const { step } = own.training;
  ask("pause");
  ask("drawn");
  turn();
  assert.equal(own.training.step, step);
});

test("it goes back, and on from there", () => {
  const { own, ask, sent } = trainer();
  for (let i = 0; i < 9; i++) ask("step");
  const theta = [...own.training.theta];
  for (let i = 0; i < 5; i++) ask("step");
  ask("branch", { step: 9 });
  assert.deepEqual([...own.training.theta], theta);
  assert.ok(sent.at(-2).fresh);
});

test("a field is trained beside it from the same start, on the same clock", () => {
  const { own, ask, frames } = trainer();
  for (let i = 0; i < 3; i++) ask("step");
  ask("decay", { value: 0.1 });
  ask("step");
  ask("field", { value: true });
  const { steps, buffers, field } = frames().at(-1);
  assert.deepEqual([steps.length, field.hidden, buffers.length], [4, 8, 2]);
  assert.deepEqual([own.field.step, own.field.decays], [4, own.training.decays]);
  ask("branch", { step: 0 });
  ask("step");
  assert.equal(own.field.step, 1);
  ask("reset", { settings: { seed: 4 } });
  const [network, other] = frames()
    .at(-1)
    .buffers.map((bytes) => new Float32Array(bytes));
  assert.deepEqual(network.subarray(0, 14), other.subarray(0, 14));
  ask("field", { value: false });
  assert.ok(!own.field && frames().at(-1).buffers.length === 1);
});

test("a training that runs away stops, and says so", () => {
  const { ask, sent } = trainer();
  ask("reset", { settings: { learning_rate: 1e6 } });
  for (let i = 0; i < 400; i++) ask("step");
  assert.ok(sent.at(-1).wrong && /finite/.test(sent.at(-1).text));
});

test("states become frames", compares, () => {
  const { ask, frames } = trainer();
  for (let i = 0; i < 3; i++) ask("step");
  ask("hello");
  const [{ recipe, seed, pairs, steps, buffers }] = frames().slice(-1);
  const track = newStates({ recipe, seed, pairs });
  addStates(track, steps, new Uint8Array(buffers[0]), reference.thresholds[0]);
  const [frame] = track.frames;
  assert.deepEqual([frame.step, frame.embeddings.length, frame.regions.length], [3, 14, 6400]);
  assert.ok(frame.loss > 0 && frame.force > 0 && track.largest > 0);
  assert.ok(track.heldOut.size > 0 && frame.validation >= 0);
});
