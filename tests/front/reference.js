// What Python computed, for tests that compare: tests/test_front.py writes it and names the file.

import { readFileSync } from "node:fs";

const path = process.env.MODADD_REFERENCE;

export const reference = path ? JSON.parse(readFileSync(path, "utf-8")) : null;

/** Options of a test that compares. */
export const compares = {
  skip: reference ? false : "compares with Python: run tests/test_front.py",
};
