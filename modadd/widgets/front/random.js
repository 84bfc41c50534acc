// The random numbers of numpy.random.default_rng: so a seed here is the seed of `modadd`.
//
// SeedSequence and PCG64 (O'Neill 2014) in whole numbers; normal numbers by the ziggurat method
// (Marsaglia & Tsang 2000), whose layers are computed here and not copied: in float32, in which
// networks begin, they give the same bits.

const MASK32 = 0xffffffffn;
const MASK64 = (1n << 64n) - 1n;
const MASK128 = (1n << 128n) - 1n;
const MULTIPLIER = (2549297995355413924n << 64n) + 4865540595714422341n;

/** Whole numbers as 32-bit words, each at least one. @param {number[]} entropy */
function words(entropy) {
  const found = [];
  for (const value of entropy) {
    let rest = BigInt(value);
    do {
      found.push(Number(rest & MASK32));
      rest >>= 32n;
    } while (rest);
  }
  return found;
}

/** SeedSequence(entropy).generate_state(8). @param {number[]} entropy */
function seedState(entropy) {
  let hash = 0x43b0d7e5;
  const mix = (/** @type {number} */ value) => {
    value = (value ^ hash) >>> 0;
    hash = Math.imul(hash, 0x931e8875) >>> 0;
    value = Math.imul(value, hash) >>> 0;
    return (value ^ (value >>> 16)) >>> 0;
  };
  const join = (/** @type {number} */ x, /** @type {number} */ y) => {
    const found = (Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y)) >>> 0;
    return (found ^ (found >>> 16)) >>> 0;
  };
  const given = words(entropy);
  const pool = [0, 1, 2, 3].map((i) => mix(given[i] ?? 0));
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) if (from !== to) pool[to] = join(pool[to], mix(pool[from]));
  }
  for (const value of given.slice(4)) {
    for (let to = 0; to < 4; to++) pool[to] = join(pool[to], mix(value));
  }
  hash = 0x8b51f9dd;
  return Array.from({ length: 8 }, (_, i) => {
    let value = (pool[i % 4] ^ hash) >>> 0;
    hash = Math.imul(hash, 0x58f38ded) >>> 0;
    value = Math.imul(value, hash) >>> 0;
    return (value ^ (value >>> 16)) >>> 0;
  });
}

/** The layers of the ziggurat under exp(−x²/2): their widths, over 2⁵² of them, and heights. */
const LAYERS = (() => {
  const [r, area] = [3.654152885361009, 0.00492867323397465];
  const x = new Float64Array(257);
  const height = (/** @type {number} */ v) => Math.exp(-0.5 * v * v);
  x[256] = area / height(r);
  x[255] = r;
  for (let i = 254; i > 0; i--) x[i] = Math.sqrt(-2 * Math.log(area / x[i + 1] + height(x[i + 1])));
  const width = x.slice(0, 256).map((v) => v / 2 ** 52);
  const within = x.slice(0, 256).map((v, i) => (i < 2 ? 0 : Math.floor((x[i - 1] / v) * 2 ** 52)));
  const heights = x.slice(0, 256).map(height);
  width[0] = x[256] / 2 ** 52;
  within[0] = Math.floor((r / x[256]) * 2 ** 52);
  return { r, width, within, heights };
})();

/** numpy.random.default_rng(entropy): what of it `modadd` uses. */
export class Generator {
  #state = 0n;
  #step;
  /** @type {number | null} */
  #half = null;

  /** @param {number[]} entropy whole numbers >= 0 */
  constructor(entropy) {
    const s = seedState(entropy).map(BigInt);
    const long = (/** @type {number} */ i) => (s[2 * i + 1] << 32n) | s[2 * i];
    this.#step = ((((long(2) << 64n) | long(3)) << 1n) | 1n) & MASK128;
    this.#state = (this.#step + ((long(0) << 64n) | long(1))) & MASK128;
    this.#advance();
  }

  #advance() {
    this.#state = (this.#state * MULTIPLIER + this.#step) & MASK128;
  }

  /** 64 random bits. */
  bits() {
    this.#advance();
    const mixed = (this.#state >> 64n) ^ (this.#state & MASK64);
    const turn = this.#state >> 122n;
    return ((mixed >> turn) | (mixed << (64n - turn))) & MASK64;
  }

  /** 32 random bits: one half of 64, then the other. */
  #bits32() {
    if (this.#half !== null) {
      const found = this.#half;
      this.#half = null;
      return found;
    }
    const all = this.bits();
    this.#half = Number(all >> 32n);
    return Number(all & MASK32);
  }

  /** In [0, 1[. */
  double() {
    return Number(this.bits() >> 11n) / 2 ** 53;
  }

  /** @param {number} low @param {number} high @param {number} count */
  uniform(low, high, count) {
    return Float64Array.from({ length: count }, () => low + (high - low) * this.double());
  }

  /** @param {number} count */
  standardNormal(count) {
    return Float64Array.from({ length: count }, () => this.#normal());
  }

  #normal() {
    const { r, width, within, heights } = LAYERS;
    for (;;) {
      const all = this.bits();
      const layer = Number(all & 255n);
      const sign = all & 256n ? -1 : 1;
      const part = Number((all >> 9n) & 0xfffffffffffffn);
      const x = sign * part * width[layer];
      if (part < within[layer]) return x;
      if (layer === 0) {
        for (;;) {
          const beyond = -Math.log1p(-this.double()) / r;
          const fall = -Math.log1p(-this.double());
          if (fall + fall > beyond * beyond) return (all >> 17n) & 1n ? -r - beyond : r + beyond;
        }
      }
      const [top, bottom] = [heights[layer - 1], heights[layer]];
      if ((top - bottom) * this.double() + bottom < Math.exp(-0.5 * x * x)) return x;
    }
  }

  /** A whole number from 0 to `high`, below 2³²: the first of 32 bits, masked, that fits. @param {number} high */
  #upTo(high) {
    const mask = 2 ** (32 - Math.clz32(high)) - 1;
    for (;;) {
      const value = (this.#bits32() & mask) >>> 0;
      if (value <= high) return value;
    }
  }

  /** 0 to count − 1 in random order. @param {number} count */
  permutation(count) {
    const order = Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = this.#upTo(i);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }
}
