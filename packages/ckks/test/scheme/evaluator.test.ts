// What the operations mean, on random values: ring laws, rotations, exact levels and scales, operands untouched.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Ciphertext, type Slots, sameScale } from '../../src/scheme/index.ts';
import {
  conjugated,
  fixRandomness,
  Laboratory,
  minus,
  plus,
  randomSlots,
  realSlots,
  times,
  turned,
  wordsOf,
  worst,
} from './support.ts';

// Fresh noise in the slots is about 2^-33 here (N = 2^11, scale 2^40, key switch about 2^8 in a coefficient).
const close = 2 ** -26;

let lab: Laboratory;
let slots: number;
let top: number;

beforeAll(async () => {
  fixRandomness('evaluator');
  lab = (await Laboratory.create()).withKeys([1, 2, 3, -1]);
  lab.keys.addGalois(lab.generator.conjugation());
  slots = lab.parameters.maxSlots;
  top = lab.parameters.maxLevel;
});
afterAll(() => {
  lab[Symbol.dispose]();
  vi.restoreAllMocks();
});

function expectClose(ciphertext: Ciphertext, exact: Slots, tolerance = close): void {
  expect(worst(lab.open(ciphertext), exact)).toBeLessThan(tolerance);
}

describe('arithmetic on random values', () => {
  const values = [1, 2, 3].map((seed) => randomSlots(2 ** 10, seed));
  const [a, b, c] = values as [Slots, Slots, Slots];
  let [x, y, z]: Ciphertext[] = [];
  beforeAll(() => {
    [x, y, z] = values.map((v) => lab.encrypt(v));
  });
  afterAll(() => {
    for (const ct of [x!, y!, z!]) ct[Symbol.dispose]();
  });

  it('adds, subtracts, negates', () => {
    const ev = lab.evaluator;
    expectClose(ev.add(x!, y!), plus(a, b));
    expectClose(ev.subtract(x!, y!), minus(a, b));
    expectClose(ev.negate(x!), minus({ real: new Float64Array(slots), imag: new Float64Array(slots) }, a));
    using sum = x!.copy();
    ev.addTo(sum, y!);
    ev.addTo(sum, sum);
    expect(worst(lab.decrypt(sum), plus(plus(a, b), plus(a, b)))).toBeLessThan(close);
  });

  it('adds and multiplies plaintexts', () => {
    const ev = lab.evaluator;
    using p = lab.encoder.encode(b.real, b.imag);
    expectClose(ev.add(x!, p), plus(a, b));
    expectClose(ev.subtract(x!, p), minus(a, b));
    expectClose(ev.multiplyPlain(x!, p), times(a, b));
  });

  it('adds and multiplies constants', () => {
    const ev = lab.evaluator;
    const constant = realSlots(slots, () => -0.375);
    expectClose(ev.addConstant(x!, -0.375), plus(a, constant));
    const product = ev.multiplyConstant(x!, -0.375, 2 ** 20);
    expect(product.scale).toBe(x!.scale * 2 ** 20);
    expectClose(product, times(a, constant));
    const tripled = ev.multiplyInteger(x!, -3n);
    expect(tripled.scale).toBe(x!.scale);
    expectClose(
      tripled,
      times(
        a,
        realSlots(slots, () => -3),
      ),
    );
  });

  it('multiplies, and the product distributes over the sum', () => {
    const ev = lab.evaluator;
    expectClose(ev.multiply(x!, y!), times(a, b));
    using sum = ev.add(y!, z!);
    using left = ev.multiply(x!, sum);
    using xy = ev.multiply(x!, y!);
    using xz = ev.multiply(x!, z!);
    using right = ev.add(xy, xz);
    expect(worst(lab.decrypt(left), lab.decrypt(right))).toBeLessThan(close);
    expectClose(left.copy(), times(a, plus(b, c)));
  });

  it('sums products before relinearising with the same result: lazy = eager', () => {
    const ev = lab.evaluator;
    using lazy = ev.multiplyRaw(x!, y!);
    ev.multiplyRawTo(lazy, y!, z!);
    ev.multiplyRawTo(lazy, z!, x!);
    using once = ev.relineariseRescale(lazy);
    const products = [ev.multiply(x!, y!), ev.multiply(y!, z!), ev.multiply(z!, x!)];
    for (const product of products.slice(1)) ev.addTo(products[0]!, product);
    const exact = plus(plus(times(a, b), times(b, c)), times(c, a));
    expectClose(once.copy(), exact);
    expect(worst(lab.decrypt(once), lab.decrypt(products[0]!))).toBeLessThan(close);
    for (const product of products) product[Symbol.dispose]();
  });

  it('relinearises and rescales in one division as in two, up to one rounding', () => {
    const ev = lab.evaluator;
    using raw = ev.multiplyRaw(x!, y!);
    using two = ev.relinearise(raw);
    using together = ev.relineariseRescale(raw);
    using apart = ev.rescale(two);
    expect([together.level, together.scale]).toEqual([apart.level, apart.scale]);
    expect(worst(lab.decrypt(together), lab.decrypt(apart))).toBeLessThan(close);
  });

  it('works through the whole chain: x^32 in five squarings', () => {
    const ev = lab.evaluator;
    // Within the unit circle, or it grows past the modulus.
    let exact = randomSlots(slots, 4, 0.7);
    let power = lab.encrypt(exact);
    for (let i = 0; i < 5; i++) {
      using before = power;
      power = ev.multiply(before, before);
      exact = times(exact, exact);
    }
    expect(power.level).toBe(0);
    expectClose(power, exact, 2 ** -18);
  });
});

describe('rotations', () => {
  const v = randomSlots(2 ** 10, 7);

  it('turn slots to the left, compose, and undo each other', () => {
    const ev = lab.evaluator;
    using x = lab.encrypt(v);
    using one = ev.rotate(x, 1);
    expectClose(ev.rotate(one, 2), turned(v, 3));
    expectClose(ev.rotate(x, 3), turned(v, 3));
    expectClose(ev.rotate(one, -1), v);
    expectClose(ev.rotate(x, slots + 3), turned(v, 3));
    expectClose(ev.rotate(x, 0), v);
  });

  it('conjugate; twice is nothing; commute with rotations and products', () => {
    const ev = lab.evaluator;
    using x = lab.encrypt(v);
    using bar = ev.conjugate(x);
    expectClose(bar.copy(), conjugated(v));
    expectClose(ev.conjugate(bar), v);
    using turnedBar = ev.rotate(bar, 1);
    expectClose(turnedBar.copy(), conjugated(turned(v, 1)));
    expectClose(ev.multiply(x, bar), times(v, conjugated(v)));
  });

  it('hoisted give what plain ones give, at every level', () => {
    const ev = lab.evaluator;
    for (let level = 0; level <= top; level++) {
      using x = lab.encrypt(v, { level });
      const results = ev.rotateHoisted(x, [0, 1, 2, 3]);
      for (const [steps, result] of results.entries()) {
        expect([result.level, result.scale, result.slots]).toEqual([level, x.scale, x.slots]);
        expectClose(result, turned(v, steps));
      }
    }
  });

  it('hoisted serve keys of different levels, and so of different special primes, in one call', async () => {
    using other = await Laboratory.create();
    other.keys.addGalois(other.generator.rotation(1, 1)).addGalois(other.generator.rotation(2, top));
    const [low, high] = [1, 2].map((steps) => other.keys.galois(5 ** steps, 1, `${steps}`).gadget.special);
    expect(low).not.toBe(high);
    using x = other.encrypt(v, { level: 1 });
    const results = other.evaluator.rotateHoisted(x, [1, 2, 1]);
    // Digits as long as the one special prime: key noise has a deviation of 2^-29 here, and a product's long tail.
    for (const [i, steps] of [1, 2, 1].entries())
      expect(worst(other.open(results[i]!), turned(v, steps))).toBeLessThan(2 * close);
  });

  it.each([1, 4, 64])('turn %i sparse slots among themselves', (few) => {
    const w = randomSlots(few, 9);
    using x = lab.encrypt(w, { slots: few });
    expectClose(lab.evaluator.rotate(x, 1), turned(w, 1));
    // The key for -1 is one for few - 1 on sparse slots.
    expectClose(lab.evaluator.rotate(x, -1), turned(w, -1));
  });
});

describe('levels and scales', () => {
  it('are exact through a circuit', () => {
    const ev = lab.evaluator;
    const primes = lab.parameters.primes;
    const scale = lab.parameters.scale;
    using x = lab.encrypt(realSlots(slots, () => 0.5));
    expect([x.level, x.scale, x.slots]).toEqual([top, scale, slots]);
    using square = ev.multiply(x, x);
    expect([square.level, square.scale]).toEqual([top - 1, (scale * scale) / primes[top]!]);
    using fourth = ev.multiply(square, square);
    expect([fourth.level, fourth.scale]).toEqual([top - 2, (square.scale * square.scale) / primes[top - 1]!]);
    using down = ev.rescale(fourth);
    expect([down.level, down.scale]).toEqual([top - 3, fourth.scale / primes[top - 2]!]);
    expect(sameScale(square.scale, scale)).toBe(false);
    expectClose(
      fourth.copy(),
      realSlots(slots, () => 0.0625),
    );
  });

  it('the lower level of two operands is the result’s, the value unharmed', () => {
    const ev = lab.evaluator;
    const [a, b] = [randomSlots(slots, 11), randomSlots(slots, 12)];
    using high = lab.encrypt(a);
    using low = lab.encrypt(b, { level: 2 });
    for (const [sum, exact] of [
      [ev.add(high, low), plus(a, b)],
      [ev.subtract(low, high), minus(b, a)],
      [ev.multiply(high, low), times(a, b)],
    ] as const) {
      expect(sum.level).toBeLessThanOrEqual(2);
      expectClose(sum, exact);
    }
    using p = lab.encoder.encode(b.real, b.imag, { level: 2 });
    const product = ev.multiplyPlain(high, p);
    expect(product.level).toBe(2);
    expectClose(product, times(a, b));
  });

  it('dropping levels keeps the value; copies are independent', () => {
    const a = randomSlots(slots, 13);
    using x = lab.encrypt(a);
    using copy = x.copy().dropTo(0);
    expect([copy.level, x.level]).toEqual([0, top]);
    expect(worst(lab.decrypt(copy), a)).toBeLessThan(close);
    copy.clear();
    expect(worst(lab.decrypt(x), a)).toBeLessThan(close);
  });
});

it('no operation changes its operands', () => {
  const ev = lab.evaluator;
  using x = lab.encrypt(randomSlots(slots, 14));
  using y = lab.encrypt(randomSlots(slots, 15));
  using p = lab.encoder.encode(randomSlots(slots, 16).real);
  using raw = ev.multiplyRaw(x, y);
  const before = [x, y, raw].map(wordsOf);
  const results = [
    ev.add(x, y), ev.add(x, x), ev.add(x, p), ev.subtract(x, y), ev.negate(x), ev.addConstant(x, 1), ev.multiply(x, y),
    ev.multiply(x, x), ev.multiplyPlain(x, p), ev.multiplyInteger(x, 3n), ev.multiplyConstant(x, 0.5, 2 ** 20),
    ev.relinearise(raw), ev.relineariseRescale(raw), ev.rescale(x), ev.rescale(raw), ev.rotate(x, 1), ev.rotate(x, 0),
    ev.conjugate(y), ...ev.rotateHoisted(x, [0, 1, 2]), x.copy(),
  ]; // biome-ignore format: one of each
  expect([x, y, raw].map(wordsOf)).toEqual(before);
  for (const result of results) result[Symbol.dispose]();
});

it('200 operations give all their memory back', () => {
  const ev = lab.evaluator;
  const { kernels } = lab.context;
  using x = lab.encrypt(randomSlots(slots, 17), { level: 3 });
  const before = kernels.memory();
  for (let i = 0; i < 20; i++) {
    using y = lab.encrypt(randomSlots(slots, i), { level: 3 });
    using sum = ev.add(x, y);
    using product = ev.multiply(sum, y);
    using moved = ev.rotate(product, 1);
    using bar = ev.conjugate(moved);
    using raw = ev.multiplyRaw(bar, bar);
    using relinearised = ev.relinearise(raw);
    using down = ev.rescale(relinearised);
    for (const result of ev.rotateHoisted(down, [1, 2])) result[Symbol.dispose]();
    lab.decrypt(down);
    expect(() => ev.rotate(x, 17)).toThrow(/missing key/);
    expect(() => ev.rotateHoisted(x, [1, 17])).toThrow(/missing key/);
  }
  const { bytes, slabs } = kernels.memory();
  expect({ bytes, slabs }).toEqual({ bytes: before.bytes, slabs: before.slabs });
});
