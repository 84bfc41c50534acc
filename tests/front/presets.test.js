import assert from "node:assert/strict";
import test from "node:test";
import { Companion } from "../../modadd/widgets/front/companion.js";
import { fromHash, PRESETS, toHash } from "../../modadd/widgets/front/presets.js";
import { describe } from "../../modadd/widgets/front/structure.js";
import { Training } from "../../modadd/widgets/front/training.js";
import { compares, reference } from "./reference.js";

const RECIPE = {
  ...{ modulus: 17, hidden: 64, optimiser: "gradient_descent", learning_rate: 0.3, momentum: 0.9 },
  ...{ weight_decay: 0.003, train_share: 1, bias_scale: 1, embedding_scale: 1 },
  ...{ readout_init: "zero", label_smoothing: 0 },
};
const LIMITS = {
  ...{ learning_rate: [1e-5, 10], train_share: [0.05, 1], seed: [0, 2 ** 31], modulus: [3, 31] },
  ...{ hidden: [1, 512], bias_scale: [0, 20], label_smoothing: [0, 1], weight_decay: [0, 1] },
  speed: [1, 1e6],
};

test("presets grow what they are called", compares, () => {
  for (const { kind, seed, settings, decays } of PRESETS.filter((preset) => preset.kind)) {
    const own = new Training({ ...RECIPE, ...settings, weight_decay: decays[0][1] }, seed);
    own.advance(800);
    const found = describe(own.theta.subarray(0, 34), reference.thresholds[0]);
    assert.equal(found.kind, kind, `seed ${seed}`);
  }
  assert.equal(PRESETS.length, 6);
});

test("the particles of the preset without a network grow the same kind", compares, () => {
  const { kind, seed } = PRESETS.find(({ beside }) => beside === "particles");
  const start = Array.from(new Training(RECIPE, seed).theta.subarray(0, 34));
  const frames = [{ embeddings: start }];
  const options = { alignment: 0.5, stepSize: 0.3, momentum: 0.9, reach: 0.6 };
  const companion = new Companion({ frames, modulus: 17, seed }, options, reference.thresholds[0]);
  companion.follow(150);
  const { track } = companion;
  assert.deepEqual([track.frames.length, track.steps.at(-1)], [150, 298]);
  assert.equal(track.frames.at(-1).kind, kind);
});

test("the forces die without decay, and are revived by it", () => {
  const { seed, settings, decays } = PRESETS.find(({ name }) => name === "forces revived");
  const own = new Training({ ...RECIPE, ...settings, weight_decay: 0 }, seed);
  const push = () => Math.hypot(...own.gradient.subarray(0, 34));
  own.advance(300);
  const early = push();
  own.advance(decays[1][0] - 300);
  const dead = push();
  own.decay = decays[1][1];
  own.advance(500);
  assert.ok(dead < 0.05 * early && push() > 10 * dead, `${early}, ${dead}, ${push()}`);
});

test("a plan goes into an address and comes back", () => {
  for (const { name, kind, ...plan } of PRESETS) {
    const back = fromHash(toHash(plan, 58), LIMITS, ["gradient_descent", "adam"]);
    assert.deepEqual(back, { plan, step: 58 });
  }
});

test("an address that makes no sense is none, and what lies outside is left out", () => {
  const read = (hash) => fromHash(hash, LIMITS, ["gradient_descent", "adam"]);
  const bad = ["", "#", "#seed=1", "#step=3", "#seed=1.5&decay=0:0", "#seed=-1&decay=0:0"];
  bad.push("#seed=1&decay=5:0", "#seed=1&decay=0:0,0:1", "#seed=%&decay=0:0", "#seed=1&decay=0");
  for (const hash of bad) assert.equal(read(hash), null, hash);
  const { plan, step } = read("#seed=2&decay=0:0.1&modulus=99&hidden=8.5&optimiser=sgd&step=1e9");
  assert.deepEqual([plan.settings, step], [{}, 0]);
  const beside = ["field", "particles", "1"].map((word) =>
    read(`#seed=2&decay=0:0&beside=${word}`),
  );
  assert.deepEqual(
    beside.map((found) => found.plan.beside),
    ["field", "particles", ""],
  );
});
