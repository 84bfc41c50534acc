// The pairs of tokens: modadd.task. Points of the plane are flat arrays: x0, y0, x1, y1, ...

/** @typedef {ArrayLike<number>} Points */
/**
 * @typedef {{ N: number, count: number, first: number[], second: number[], label: number[],
 *   weight: number[] }} PairTable
 */

/** @type {Map<number, PairTable>} */
const tables = new Map();

/**
 * Unordered pairs of Z_N in row-major order, their labels and multiplicities.
 * @param {number} N
 */
export function pairTable(N) {
  let table = tables.get(N);
  if (!table) {
    table = { N, count: (N * (N + 1)) / 2, first: [], second: [], label: [], weight: [] };
    for (let a = 0; a < N; a++) {
      for (let b = a; b < N; b++) {
        table.first.push(a);
        table.second.push(b);
        table.label.push((a + b) % N);
        table.weight.push(a === b ? 1 : 2);
      }
    }
    tables.set(N, table);
  }
  return table;
}

/**
 * Pair sums E_a + E_b in the order of the table.
 * @param {Points} E
 */
export function pairSums(E) {
  const { count, first, second } = pairTable(E.length / 2);
  const x = new Float64Array(2 * count);
  for (let p = 0; p < count; p++) {
    x[2 * p] = E[2 * first[p]] + E[2 * second[p]];
    x[2 * p + 1] = E[2 * first[p] + 1] + E[2 * second[p] + 1];
  }
  return x;
}
