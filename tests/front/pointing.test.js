import assert from "node:assert/strict";
import test from "node:test";
import { pairTable } from "../../modadd/widgets/front/pairs.js";
import * as pointing from "../../modadd/widgets/front/pointing.js";

const E = [0, 0, 1, 0, 0, 1, 1, 1, 3, 3];
const { first, second, label } = pairTable(5);
const pair = (a, b) => first.findIndex((f, p) => f === a && second[p] === b);

test("the nearest point within a distance", () => {
  assert.equal(pointing.nearestPoint(E, 0.9, 0.1, 0.2), 1);
  assert.equal(pointing.nearestPoint(E, 2, 2, 0.2), -1);
});

test("a token lights its sums, and a sum its tokens and all of its label", () => {
  const token = pointing.litBy({ kind: "token", index: 2 }, 5);
  assert.deepEqual([0, 1, 2, 3, 4].map(token.tokens), [false, false, true, false, false]);
  const own = first.flatMap((a, p) => (a === 2 || second[p] === 2 ? [p] : []));
  assert.deepEqual(
    first.flatMap((_, p) => (token.sums(p) ? [p] : [])),
    own,
  );
  assert.equal(own.length, 5);
  const sum = pointing.litBy({ kind: "sum", index: pair(3, 4) }, 5);
  assert.deepEqual([0, 1, 2, 3, 4].filter(sum.tokens), [3, 4]);
  assert.deepEqual(new Set(label.filter((_, p) => sum.sums(p))), new Set([2]));
  assert.deepEqual(pointing.litBy(null, 5), { tokens: null, sums: null });
});

test("words say the sum and what it is read as", () => {
  const predicted = label.map((y) => (y + 1) % 5);
  const scene = { E, reach: 4, predicted, heldOut: new Set([pair(3, 4)]) };
  const words = (kind, index) => pointing.wordsFor({ kind, index }, scene);
  assert.equal(words("sum", pair(3, 4)), "3 + 4 ≡ 2, read as 3, held out");
  assert.equal(words("sum", pair(0, 1)), "0 + 1 ≡ 1, read as 2");
  assert.equal(words("token", 2), "Token 2 and its 5 pair sums");
  assert.equal(words("label", 4), "Here pair sums are read as 4");
});

test("beside all sums the region answers, upper row first", () => {
  const scene = { E, reach: 4, labels: Uint8Array.from([0, 1, 2, 3]) };
  const at = (x, y) => pointing.sumOrRegion(scene, x, y, 0.3);
  assert.deepEqual(at(4.1, 3.9), { kind: "sum", index: pair(3, 4) });
  assert.deepEqual(
    [at(-7, 7), at(7, 7), at(-7, -7), at(7, -7)].map(({ index }) => index),
    [0, 1, 2, 3],
  );
  assert.equal(at(9, 0), null);
});

test("the keyboard goes through tokens, and through sums label by label", () => {
  assert.equal(pointing.nextFocus(null, "token", 1, 5).index, 0);
  assert.equal(pointing.nextFocus({ kind: "token", index: 4 }, "token", 1, 5).index, 0);
  assert.equal(pointing.nextFocus({ kind: "token", index: 0 }, "token", -1, 5).index, 4);
  let focus = null;
  const seen = [];
  for (let i = 0; i < 15; i++) {
    focus = pointing.nextFocus(focus, "sum", 1, 5);
    seen.push(label[focus.index]);
  }
  assert.deepEqual(seen, [...seen].sort());
});
