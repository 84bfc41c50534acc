import assert from "node:assert/strict";
import test from "node:test";
import { Generator } from "../../modadd/widgets/front/random.js";
import { compares, reference } from "./reference.js";

test("random numbers are those of numpy", compares, () => {
  for (const { seed, normal, uniform, order } of reference.random) {
    // In float32, as networks begin.
    const found = new Generator([seed, 0]).standardNormal(normal.length).map(Math.fround);
    assert.deepEqual([...found], normal);
    assert.deepEqual([...new Generator([seed, 2]).uniform(-0.7, 0.7, uniform.length)], uniform);
    assert.deepEqual(new Generator([seed, 1]).permutation(order.length), order);
  }
  assert.ok(reference.random.length >= 100);
});
