import assert from "node:assert/strict";
import test from "node:test";
import { pairSums, pairTable } from "../../modadd/widgets/front/pairs.js";
import * as shapes from "../../modadd/widgets/front/shapes.js";
import { describe } from "../../modadd/widgets/front/structure.js";
import { compares, reference } from "./reference.js";

test("separability is the share of nearest neighbours with the same label", compares, () => {
  for (const { E, expected } of reference.separability) {
    assert.ok(Math.abs(shapes.separability(E).share - expected) < 1e-9);
  }
});

test("structures of the playground are structures", compares, () => {
  const [thresholds] = reference.thresholds;
  for (const [N, u, v] of [
    [17, 1, 4],
    [12, 3, 4],
    [31, 2, 11],
  ]) {
    const found = describe(shapes.latticeOf(N, u, v), thresholds);
    assert.equal(found.grid, 1);
    assert.notEqual(found.kind, "circle");
  }
  const ring = describe(shapes.circleOf(17, 3), thresholds);
  assert.deepEqual([ring.kind, ring.frequency], ["circle", 3]);
});

test("steps that do not reach every token make no lattice", () => {
  assert.equal(shapes.latticeOf(12, 2, 4), null);
});

test("the ground has the label of the nearest pair sum, the upper row first", () => {
  const E = [-1, 0, 1, 0, 0, 1];
  const { label } = pairTable(3);
  const x = pairSums(E);
  const found = shapes.nearestLabels(x, label, 3, 3); // nodes at -2, 0, 2
  assert.deepEqual(
    [...found],
    [1, 1, 1, 0, 1, 2, 0, 1, 2].map((_, i) => nearest(x, label, i)),
  );
});

function nearest(x, label, node) {
  const [u, v] = [2 * ((node % 3) - 1), -2 * (Math.floor(node / 3) - 1)];
  const distance = label.map((_, p) => Math.hypot(x[2 * p] - u, x[2 * p + 1] - v));
  return label[distance.indexOf(Math.min(...distance))];
}
