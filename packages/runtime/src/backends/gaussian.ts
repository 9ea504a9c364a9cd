/** Standard normal numbers from a seed, for simulations: nothing secret may depend on it. */
export class Gaussian {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2654435761) >>> 0;
  }

  /** values += normal noise of this deviation; returns them. */
  addTo(values: Float64Array, deviation: number): Float64Array {
    for (let s = 0; s < values.length; s += 2) {
      // Box and Muller: two at a time.
      const radius = deviation * Math.sqrt(-2 * Math.log(1 - this.#uniform()));
      const angle = 2 * Math.PI * this.#uniform();
      values[s]! += radius * Math.cos(angle);
      if (s + 1 < values.length) values[s + 1]! += radius * Math.sin(angle);
    }
    return values;
  }

  /** In [0, 1): mulberry32. */
  #uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  }
}
