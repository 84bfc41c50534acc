import assert from "node:assert/strict";
import test from "node:test";
import { pairTable } from "../../modadd/widgets/front/pairs.js";
import { bondsOf, describe, inverse } from "../../modadd/widgets/front/structure.js";
import { compares, reference } from "./reference.js";

const close = (found, expected, name) =>
  assert.ok(Math.abs(found - expected) < 1e-9, `${name}: ${found}, in Python ${expected}`);

test("every structure is described as in Python, whatever the thresholds", compares, () => {
  const kinds = new Map();
  for (const { E, thresholds, expected } of reference.structures) {
    const found = describe(E, reference.thresholds[thresholds]);
    const { frequency, rows, columns, steps, kind, ...scores } = expected;
    for (const [name, value] of Object.entries(scores)) close(found[name], value, name);
    // Two frequencies of a perfect lattice share the first place.
    if (scores.roundness > 1e-6) assert.equal(found.frequency, frequency);
    assert.deepEqual([found.patch.rows, found.patch.columns], [rows, columns]);
    assert.deepEqual(found.patch.steps, steps);
    assert.equal(found.kind, kind);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  assert.ok(reference.structures.length >= 150);
  assert.deepEqual([...kinds.keys()].sort(), ["circle", "grid", "other", "stripe"]);
});

test("pairs are those of Python", compares, () => {
  for (const { N, pairs, labels, multiplicity } of reference.pairs) {
    const { first, second, label, weight, count } = pairTable(N);
    assert.equal(count, labels.length);
    assert.deepEqual(
      first.map((a, p) => [a, second[p]]),
      pairs,
    );
    assert.deepEqual([label, weight], [labels, multiplicity]);
  }
});

test("a ring joins tokens in the order of its frequency", () => {
  for (const [k, N] of [
    [3, 17],
    [5, 12],
    [4, 12],
  ]) {
    const step = inverse(k, N);
    const shared = [...Array(N).keys()].filter((d) => d > 0 && k % d === 0 && N % d === 0).pop();
    assert.equal((k * step) % N, shared);
  }
  const found = { circle: 0.95, roundness: 1, frequency: 3, grid: 0, patch: { bonds: [] } };
  const { bonds, clear } = bondsOf(17, found);
  assert.deepEqual(bonds[0], [0, 6]);
  assert.equal(clear, 1);
});
