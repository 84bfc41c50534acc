import assert from "node:assert/strict";
import test from "node:test";
import { decades, niceTicks } from "../../modadd/widgets/front/curves.js";

test("an axis holds all its values", () => {
  const seeds = [
    [0, 2.83],
    [-1.5, -0.4],
    [1e-5, 3e-5],
    [5, 5],
    [Number.NaN, 7],
  ];
  for (const values of seeds) {
    const { low, high, ticks } = niceTicks([{ style: "training", values }]);
    const finite = values.filter(Number.isFinite);
    assert.ok(low <= Math.min(...finite) && high >= Math.max(...finite));
    assert.ok(ticks.length >= 2 && ticks.every((v) => v >= low - 1e-9 && v <= high + 1e-9));
  }
});

test("a logarithmic axis goes in whole powers of ten", () => {
  const { low, high, ticks } = decades([
    { style: "training", values: [3e-4, 0.02, 0, Number.NaN] },
  ]);
  assert.ok(Math.abs(low / 1e-4 - 1) < 1e-9 && Math.abs(high / 0.1 - 1) < 1e-9);
  assert.equal(ticks.length, 4);
});
