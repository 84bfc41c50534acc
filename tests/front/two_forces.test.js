import assert from "node:assert/strict";
import test from "node:test";
import { Simulation } from "../../modadd/widgets/front/particles.js";
import { toUnitRms, twoForceStep, twoForces } from "../../modadd/widgets/front/two_forces.js";
import { compares, reference } from "./reference.js";

test("particles step as in Python", compares, () => {
  for (const { start, options, path, potential } of reference.two_force) {
    const E = toUnitRms(Float64Array.from(start));
    const speed = new Float64Array(E.length);
    path.forEach((expected, step) => {
      if (step) twoForceStep(E, speed, options);
      const most = Math.max(...E.map((v, i) => Math.abs(v - expected[i])));
      assert.ok(most < 1e-5, `step ${step}: ${most}`);
      assert.ok(Math.abs(twoForces(E, options).potential - potential[step]) < 1e-5);
    });
  }
});

test("a held particle stays in hand, and a dropped one moves on", compares, () => {
  const [thresholds] = reference.thresholds;
  const { start, options } = reference.two_force[0];
  const simulation = new Simulation(start, thresholds);
  simulation.put(2, 9, -9);
  const there = [...simulation.E.slice(4, 6)];
  simulation.advance(options, 2);
  assert.deepEqual([...simulation.E.slice(4, 6)], there);
  simulation.advance(options);
  assert.notDeepEqual([...simulation.E.slice(4, 6)], there);
  assert.equal(simulation.step, 2);
});
