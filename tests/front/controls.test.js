import assert from "node:assert/strict";
import test from "node:test";
import { frames } from "./dom.js";

const { choice, field, readings, share } = await import("../../modadd/widgets/front/controls.js");
const { MEANINGS } = await import("../../modadd/widgets/front/meanings.js");
const { Player } = await import("../../modadd/widgets/front/player.js");
const { fromSlider, toSlider } = await import("../../modadd/widgets/front/decay.js");

test("a number is taken from Enter on, with a comma or a point, within its bounds", () => {
  const seen = [];
  const decay = field("decay", { value: 0.003, min: 0, max: 1, step: "any" }, (v) => seen.push(v));
  for (const typed of ["0,01", "0.5", "7", "", "nonsense"]) {
    decay.input.value = typed;
    decay.input.fire("keydown", { key: "Enter" });
  }
  assert.deepEqual(seen, [0.01, 0.5, 1]);
  assert.equal(decay.input.value, "1"); // what was not understood changes nothing
});

test("a field of whole numbers gives whole numbers", () => {
  const seen = [];
  const N = field("N", { value: 17, min: 3, max: 31, step: 1 }, (v) => seen.push(v));
  N.input.value = "12.6";
  N.input.fire("change");
  assert.deepEqual([seen, N.value()], [[13], 13]);
});

test("a choice gives back what was put in, not its text", () => {
  const seen = [];
  const options = [
    [2, "two"],
    [15, "fifteen"],
  ];
  const speed = choice("speed", 15, options, (v) => seen.push(v));
  assert.equal(speed.value(), 15);
  const select = speed.root.children[1];
  select.value = "2";
  select.fire("change");
  assert.deepEqual(seen, [2]);
});

test("readings show a bar where there is a share", () => {
  const { root, set } = readings(["accuracy", "step"]);
  set([share(0.5), ["12"]]);
  const [accuracy, step] = root.children[0].children.map((cell) => cell.children[1]);
  assert.equal(accuracy.textContent, "50 %");
  assert.equal(accuracy.style.values["--share"], "0.5");
  assert.ok(step.classList.contains("bare") && !accuracy.classList.contains("bare"));
});

test("a reading says what it means when its name is pressed, one at a time", () => {
  const { root } = readings(["loss", "closure"]);
  const [list, meaning] = root.children;
  const [loss, closure] = list.children.map((cell) => cell.children[0].children[0]);
  assert.ok(meaning.hidden && closure.title === MEANINGS.closure.text);
  loss.fire("click");
  closure.fire("click");
  assert.deepEqual(
    [loss, closure].map((term) => term.attributes["aria-expanded"]),
    ["false", "true"],
  );
  assert.ok(!meaning.hidden && meaning.children.includes(` ${MEANINGS.closure.text} `));
  closure.fire("click");
  assert.ok(meaning.hidden);
});

test("where motion is reduced, playing begins slowly", (t) => {
  t.mock.method(globalThis, "matchMedia", () => ({ matches: true }));
  const stage = { atEnd: () => {} };
  const { root } = new Player(stage, { count: () => 1, label: String, onchange: () => {} });
  assert.equal(root.children.at(-1).children[1].value, "5");
});

test("the player plays to the end, stays longer where more moves, and stops when stepped", () => {
  const ends = [];
  const player = new Player(
    { atEnd: (end) => ends.push(end) },
    { count: () => 4, label: (i) => `step ${i}`, onchange: () => {} },
  );
  player.pace([1, 3, 1]);
  player.set(0);
  player.toggle();
  const start = performance.now();
  const reached = [];
  for (let i = 1; i <= 8; i++) {
    frames.run(start + (1000 * i) / 15);
    reached.push(player.index);
  }
  assert.ok(player.index === 3 && !player.clock.running);
  assert.ok(reached.filter((i) => i === 1).length >= 2);
  player.toggle(); // from the beginning again
  assert.ok(player.index === 0 && player.clock.running);
  player.go(2);
  assert.ok(player.index === 2 && !player.clock.running);
  for (const end of ends) end();
});

test("the slider of the decay reaches 0, and comes back from where it went", () => {
  assert.equal(fromSlider(0), 0);
  assert.equal(toSlider(0), 0);
  for (const decay of [1e-4, 0.003, 0.01, 0.1]) {
    const back = fromSlider(toSlider(decay));
    assert.ok(Math.abs(Math.log10(back / decay)) < 0.03, `${decay}: ${back}`);
  }
});
