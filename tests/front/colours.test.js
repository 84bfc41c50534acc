import assert from "node:assert/strict";
import test from "node:test";
import { rgb, textOn, tokenColors } from "../../modadd/widgets/front/colours.js";
import { compares, reference } from "./reference.js";

test("tokens have the colours of Python", compares, () => {
  for (const [N, colors] of Object.entries(reference.colors)) {
    assert.deepEqual(tokenColors(Number(N)), colors.map(rgb));
  }
});

test("text on a colour is what Python chooses", compares, () => {
  for (const [color, text] of Object.entries(reference.text_on)) {
    assert.equal(textOn(rgb(color)), text);
  }
});
