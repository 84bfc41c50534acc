import assert from "node:assert/strict";
import test from "node:test";
import { measure, regions } from "../../modadd/widgets/front/network.js";
import { exponential } from "../../modadd/widgets/front/tour.js";
import { Training } from "../../modadd/widgets/front/training.js";
import { compares, reference } from "./reference.js";

const apart = (found, expected) =>
  expected.reduce((most, v, i) => Math.max(most, Math.abs(v - found[i])), 0);

const RECIPE = {
  ...{ modulus: 7, hidden: 16, optimiser: "gradient_descent", learning_rate: 0.3, momentum: 0.9 },
  ...{ weight_decay: 0.003, train_share: 0.8, bias_scale: 1, embedding_scale: 1 },
  ...{ readout_init: "zero", label_smoothing: 0 },
};

test("step by step the network is that of torch in float64, whatever the recipe", compares, () => {
  follow(reference.training, null);
});

test("so is the field with moving features", compares, () => {
  follow(reference.field, reference.nodes);
});

function follow(trainings, nodes) {
  for (const { seed, recipe, decays, training, path } of trainings) {
    const own = new Training(recipe, seed, nodes);
    assert.deepEqual(
      [...own.pairs.keys()].filter((p) => own.pairs[p]),
      training,
    );
    for (let step = 0; step <= 50; step++) {
      for (const [at, decay] of decays) if (at === step) own.decay = decay;
      if (step === 0) assert.deepEqual([...own.theta], path[0]); // the very same start
      if (path[step]) {
        const most = apart(own.theta, path[step]);
        assert.ok(most < 1e-8, `${JSON.stringify(recipe)}: ${most} after ${step} steps`);
      }
      if (step < 50) own.advance(1);
    }
  }
}

test("what a frame shows is what the reference model says", compares, () => {
  for (const { recipe, training, path, last } of reference.training) {
    const theta = Float64Array.from(path[50]);
    const count = (recipe.modulus * (recipe.modulus + 1)) / 2;
    const pairs = Uint8Array.from({ length: count }, (_, p) => Number(training.includes(p)));
    const { measured, predicted, validation, ...found } = measure(theta, recipe, pairs);
    for (const name of ["loss", "accuracy", "residual"]) {
      assert.ok(Math.abs(found[name] - last[name]) < 1e-9, name);
    }
    if (last.validation === null) assert.ok(Number.isNaN(validation));
    else assert.ok(Math.abs(validation - last.validation) < 1e-12);
    assert.ok(apart(measured, last.measured) < 1e-7);
    assert.deepEqual([...predicted], last.predicted);
    const ground = regions(theta, recipe, 6, 40);
    const other = last.regions.filter((label, i) => label !== ground[i]).length;
    assert.ok(other <= 2, `${other} of 1600 nodes`); // torch computes the nodes in float32
  }
});

test("in pieces, or from an earlier step again, a training has the same bits", () => {
  const whole = new Training(RECIPE, 3);
  whole.advance(450);
  const pieces = new Training(RECIPE, 3);
  for (const steps of [1, 9, 240, 200]) pieces.advance(steps);
  assert.deepEqual(pieces.theta, whole.theta);
  pieces.decay = 0.1;
  pieces.advance(30);
  const back = pieces.at(450);
  assert.deepEqual([back.theta, back.decay], [whole.theta, 0.1]);
  back.advance(30);
  assert.deepEqual(back.theta, pieces.theta);
});

test("a changed decay shows only from the next step on", () => {
  const own = new Training(RECIPE, 3);
  own.advance(10);
  own.decay = 0.5;
  own.decay = 0.2;
  own.advance(1);
  own.decay = 0.2;
  assert.deepEqual(own.decays, [
    [0, 0.003],
    [10, 0.2],
  ]);
  assert.match(own.code(11), /decays = \[\(0, 0.003\), \(10, 0.2\)\]\n.*steps=11\)\nrun = replay/);
  assert.match(own.code(10), /decays = \[\(0, 0.003\)\]/);
});

test("what decays below all that matters becomes zero, and slows nothing down", () => {
  const own = new Training({ ...RECIPE, weight_decay: 0.3, momentum: 0, learning_rate: 1 }, 3);
  own.advance(2000); // 0.7 ** 2000 = 1e-310
  assert.ok(own.theta.includes(0));
  assert.ok(own.theta.every((v) => v === 0 || Math.abs(v) >= 1e-150));
});

test("a training that runs away says so", () => {
  const own = new Training({ ...RECIPE, learning_rate: 1e6 }, 3);
  assert.throws(() => own.advance(2000), /no longer finite/);
});

test("exponentials are exact to rounding, and end at 0", () => {
  for (let v = 0; v > -44; v -= 0.0137) {
    assert.ok(Math.abs(exponential(v) / Math.exp(v) - 1) < 1e-14);
  }
  assert.ok(exponential(-1e300) < 1e-19 && exponential(Number.NEGATIVE_INFINITY) < 1e-19);
});
