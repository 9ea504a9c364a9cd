/**
 * Seeded random numbers: xoshiro128** (Blackman and Vigna, 2018) seeded through SplitMix32. Every stream of a run
 * (shuffling, augmentation, dropout, initialisation) is its own generator derived from the run's seed and a label,
 * so that a run resumed at step k draws what an uninterrupted run draws at step k.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;
  #spare: number | undefined;

  constructor(seed: number) {
    let state = seed >>> 0;
    const next = () => {
      state = (state + 0x9e3779b9) | 0;
      let z = state ^ (state >>> 16);
      z = Math.imul(z, 0x21f0aaad);
      z ^= z >>> 15;
      z = Math.imul(z, 0x735a2d97);
      return z ^ (z >>> 15);
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1;
  }

  /** A generator for one labelled purpose: the label and the indices are hashed into the seed (FNV-1a). */
  static derive(seed: number, label: string, ...indices: readonly number[]): Random {
    let hash = 0x811c9dc5;
    const mix = (byte: number) => {
      hash = Math.imul(hash ^ byte, 0x01000193);
    };
    for (const char of label) mix(char.codePointAt(0)! & 0xff);
    for (const value of [seed, ...indices]) for (let shift = 0; shift < 32; shift += 8) mix((value >>> shift) & 0xff);
    return new Random(hash >>> 0);
  }

  /** An integer in [0, 2^32). */
  uint32(): number {
    const product = Math.imul(this.#b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  /** A number in [0, 1). */
  uniform(): number {
    return this.uint32() / 4294967296;
  }

  /** An integer in [0, bound). */
  integer(bound: number): number {
    return Math.floor(this.uniform() * bound);
  }

  /** A standard normal number (polar method). */
  normal(): number {
    if (this.#spare !== undefined) {
      const value = this.#spare;
      this.#spare = undefined;
      return value;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) {
        const factor = Math.sqrt((-2 * Math.log(s)) / s);
        this.#spare = v * factor;
        return u * factor;
      }
    }
  }

  /** A random permutation of 0..count-1 (Fisher-Yates). */
  permutation(count: number): Uint32Array {
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const held = order[i]!;
      order[i] = order[j]!;
      order[j] = held;
    }
    return order;
  }

  /**
   * Fills `mask` with 0 (probability `rate`, rounded to 1/256) and 1/(1 - rate): an inverted dropout mask. Four
   * elements come from one draw, which makes a mask about as cheap as copying it.
   */
  fillDropoutMask(mask: Float32Array, rate: number): void {
    const threshold = Math.round(rate * 256);
    const keep = 256 / (256 - threshold);
    const whole = mask.length & ~3;
    for (let i = 0; i < whole; i += 4) {
      const bits = this.uint32();
      mask[i] = (bits & 255) < threshold ? 0 : keep;
      mask[i + 1] = ((bits >>> 8) & 255) < threshold ? 0 : keep;
      mask[i + 2] = ((bits >>> 16) & 255) < threshold ? 0 : keep;
      mask[i + 3] = bits >>> 24 < threshold ? 0 : keep;
    }
    for (let i = whole; i < mask.length; i++) mask[i] = (this.uint32() & 255) < threshold ? 0 : keep;
  }
}
