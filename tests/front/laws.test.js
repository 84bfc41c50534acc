import assert from "node:assert/strict";
import test from "node:test";
import { clustering, exact, modelled } from "../../modadd/widgets/front/laws.js";
import { compares, reference } from "./reference.js";

const size = (force) => Math.sqrt(force.reduce((sum, f) => sum + f * f, 0));
const apart = (a, b) => size(a.map((f, i) => f - b[i]));

test("the laws are those of Python", compares, () => {
  for (const { E, beta, training, ...laws } of reference.laws) {
    const pairs = Uint8Array.from(training, Number);
    assert.ok(apart(laws.exact, exact(E, beta, pairs)) < 1e-9 * size(laws.exact));
    assert.ok(apart(laws.alignment, exact(E, 0, pairs)) < 1e-9 * size(laws.alignment));
    if (beta > 0) {
      assert.ok(apart(laws.clustering, clustering(E, beta, pairs)) < 1e-9 * size(laws.clustering));
    }
  }
});

test(
  "the modelled forces are nearest to the measured one, and never turned round",
  compares,
  () => {
    const { E, beta, training, ...laws } = reference.laws[0];
    const pairs = Uint8Array.from(training, Number);
    const measured = laws.exact.map((f, i) => 0.7 * f + 0.05 * Math.sin(9 * i));
    const found = modelled(E, beta, pairs, { measured, rms: 1 });
    const missed = apart(measured, found.sum);
    assert.ok(Math.abs(found.r2 - (1 - (missed / size(measured)) ** 2)) < 1e-12);
    for (const factor of [0.98, 1.02]) {
      assert.ok(
        apart(
          measured,
          found.sum.map((f) => factor * f),
        ) > missed,
      );
    }
    assert.ok(found.r2 > 0.8 && found.scale > 0);
    const against = modelled(E, beta, pairs, { measured: measured.map((f) => -f), rms: 1 });
    assert.equal(against.scale, 0);
    const simulated = modelled(E, beta, pairs, { rms: 2 }).sum;
    assert.ok(Math.abs(size(simulated) / Math.sqrt(E.length / 2) - 2) < 1e-12);
  },
);
