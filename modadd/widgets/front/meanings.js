// What the readings of the views mean; docs/glossary.md has more about most of them.

/** @typedef {{ text: string, word?: string }} Meaning `word`: its entry in the glossary */

/** @type {Record<string, Meaning>} */
export const MEANINGS = {
  loss: {
    text: "Mean cross-entropy over the training pairs, in nats: 0 where every answer is certain and right, ln N for a guess.",
    word: "loss",
  },
  accuracy: { text: "Share of the training pairs whose most likely answer is the right one." },
  validation: {
    text: "Share of the pairs held out of training whose most likely answer is the right one.",
    word: "training pairs",
  },
  potential: {
    text: "What the two forces descend: the lower, the more alike are the pair sums of a label.",
    word: "alignment force a",
  },
  circle: {
    text: "Share of the embeddings' Fourier power in one frequency k, and that frequency: 1 for a circle.",
    word: "Fourier power",
  },
  grid: {
    text: "Share of the tokens in the largest patch of one lattice: 1 for a complete grid or stripe.",
    word: "grid",
  },
  closure: {
    text: "Share of couples of pairs with one label whose pair sums coincide.",
    word: "closure",
  },
  "rms force": {
    text: "Root mean square over the tokens of the force on their embeddings, minus the gradient of the loss.",
    word: "force",
  },
  "reads as": {
    text: "The kind of structure: circle, grid, stripe (a grid of at most three long rows) or other.",
    word: "kind",
  },
  "nearest alike": {
    text: "Share of pair sums whose nearest other pair sum has the same label.",
    word: "nearest alike",
  },
  step: { text: "How many times the particles have been moved.", word: "step" },
};

/** Of a cell of the phase diagram: how many of its runs end as each kind.
 * @type {Record<string, Meaning>} */
export const IN_A_CELL = {
  circle: { text: "Runs whose tokens end on a circle.", word: "circle" },
  grid: { text: "Runs whose tokens end on a patch of a lattice.", word: "grid" },
  stripe: { text: "Runs that end as a grid of at most three long rows.", word: "stripe" },
  other: { text: "Runs that end as none of these.", word: "kind" },
};
