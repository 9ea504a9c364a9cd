// Where numbers lie in slots: every number once in a period, packed and read back, in whichever layout.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { productTerms } from '../../../runtime/src/program/packed-product.ts';
import { LayoutError } from '../../src/errors.ts';
import { attendTerms, type PairedTerms, scoreTerms } from '../../src/packing/attention.ts';
import { doublingSteps, type Geometry, geometryOf } from '../../src/packing/geometry.ts';
import { headLayout, headRows, ordinaryLayout, type RowLayout } from '../../src/packing/layout.ts';
import { keyRange, valueRange } from '../../src/packing/skew.ts';
import { babyGiantSteps } from '../../src/packing/steps.ts';
import { ColumnMask, FeatureVector, MapVector } from '../../src/packing/vectors.ts';
import { slotsOf } from '../passes/running.ts';

const geometries = fc
  .record({
    tokens: fc.integer({ min: 1, max: 20 }),
    batch: fc.constantFrom(1, 2, 4),
    spread: fc.constantFrom(1, 2),
    windows: fc.constantFrom(1, 1, 2),
    slots: fc.constantFrom(2 ** 9, 2 ** 10),
  })
  .map(({ slots, tokens, batch, spread, windows }) => geometryOf(slots, tokens, batch, spread, windows));
const heads = fc.record({ count: fc.integer({ min: 1, max: 9 }), width: fc.integer({ min: 1, max: 9 }) });

/** The layout of heads, where one fits. */
function headsIn(geometry: Geometry, { count, width }: { count: number; width: number }) {
  const fits = Math.max(geometry.paddedTokens, 2 ** Math.ceil(Math.log2(width))) <= geometry.rows;
  if (fits) return headLayout(count, width, geometry);
  expect(() => headLayout(count, width, geometry)).toThrow(LayoutError);
  return fc.pre(false) as never;
}

/** Numbers packed by a vector for each ciphertext and read back by the places of a matrix. */
function roundTrip(rows: RowLayout, features: number, geometry: Geometry): void {
  const { batch } = geometry;
  const extent = { windows: geometry.windows, tokens: geometry.tokens };
  const tokens = extent.windows * extent.tokens;
  const number = (feature: number, token: number) => 1 + feature * tokens + token;
  const packed = rows.blocks.map((block) => new FeatureVector(geometry, block, extent, number));
  const held = packed.map((vector) => vector.values());
  const places = slotsOf({ kind: 'matrix', rows, uniform: false, extent }, geometry);
  const expected = Array.from({ length: tokens * features }, (_, i) => number(i % features, Math.floor(i / features)));
  const all = Array.from({ length: batch }, () => expected).flat();
  expect(places.map(({ ciphertext, slot }) => held[ciphertext]![slot])).toEqual(all);
  for (const [k, values] of held.entries())
    expect(values.every((value, slot) => value === values[slot % packed[k]!.period])).toBe(true);
  // Nothing but the numbers: all periods hold as many.
  const filled = held.reduce((sum, values) => sum + values.filter((value) => value !== 0).length, 0);
  const copies = geometry.rows / rows.period;
  expect(filled).toBe(copies * places.length);
}

describe('rows', () => {
  it('of a matrix, in order or by heads: packed and read back, and nothing elsewhere', () => {
    fc.assert(
      fc.property(geometries, fc.integer({ min: 1, max: 100 }), heads, (geometry, features, shape) => {
        roundTrip(ordinaryLayout(features, geometry), features, geometry);
        roundTrip(headRows(headsIn(geometry, shape)), shape.count * shape.width, geometry);
      }),
      { numRuns: 150, seed: 1 },
    );
  });

  it('are as few ciphertexts as hold the features, all but the last equally full, with a period that divides them', () => {
    fc.assert(
      fc.property(geometries, fc.integer({ min: 1, max: 300 }), (geometry, features) => {
        const { blocks, period } = ordinaryLayout(features, geometry);
        expect(blocks.length).toBe(Math.ceil(features / geometry.rows));
        expect(geometry.rows % period).toBe(0);
        const counts = blocks.map((block) => block.filter((feature) => feature >= 0).length);
        expect(counts.every((count, k) => (k + 1 < counts.length ? count === counts[0] : count <= counts[0]!))).toBe(
          true,
        );
      }),
      { numRuns: 200, seed: 2 },
    );
  });

  it('that do not fit are refused', () => {
    expect(() => geometryOf(2 ** 6, 33, 2)).toThrow(LayoutError);
    expect(() => geometryOf(100, 4)).toThrow(/powers of two/);
    expect(() => geometryOf(2 ** 6, 4, 3)).toThrow(/powers of two/);
  });
});

describe('attention in slots', () => {
  it('maps hold each pair of tokens of each head once in a period, and nothing at padding', () => {
    fc.assert(
      fc.property(geometries, heads, (geometry, shape) => {
        const layout = headsIn(geometry, shape);
        const { tokens, windows, batch } = geometry;
        const number = (head: number, query: number, key: number) =>
          1 + (head * windows * tokens + query) * tokens + key;
        const held = Array.from({ length: layout.blocks }, (_, block) => new MapVector(geometry, layout, block, windows, number).values()); // biome-ignore format: one list
        const places = slotsOf({ kind: 'maps', heads: layout, extent: { windows, tokens } }, geometry);
        const expected = Array.from({ length: shape.count * windows * tokens ** 2 }, (_, i) => 1 + i);
        const all = Array.from({ length: batch }, () => expected).flat();
        expect(places.map(({ ciphertext, slot }) => held[ciphertext]![slot])).toEqual(all);
        const filled = held.reduce((sum, values) => sum + values.filter((value) => value !== 0).length, 0);
        expect(filled).toBe((layout.columns / geometry.paddedTokens) * places.length);
      }),
      { numRuns: 100, seed: 3 },
    );
  });

  it('needs no mask where padding has room for the head, and the fewest terms otherwise', () => {
    fc.assert(
      fc.property(geometries, heads, (geometry, shape) => {
        const layout = headsIn(geometry, shape);
        const { tokens, paddedTokens } = geometry;
        const { paddedWidth } = layout;
        const made: number[] = [];
        const number = (_: string, make: () => { values(): Float64Array }) => made.push(make().values().length) - 1;
        const scores = scoreTerms(geometry, layout, number);
        const room = paddedTokens - tokens;
        // By s tokens for each of the head's features: those that leave the padding are two terms with masks.
        const turns = Array.from({ length: paddedWidth }, (_, s) => s % paddedTokens);
        expect(scores.plain.terms.length).toBe(turns.filter((turn) => turn <= room).length);
        expect(scores.masked.terms.length).toBe(2 * turns.filter((turn) => turn > room).length);
        const computed = ({ terms, packing }: PairedTerms) => {
          const { terms: products, alone } = productTerms(
            { terms, ...(packing && { packing }), source: 'test' },
            geometry.slots,
          );
          return products.length + (alone ? 1 : 0);
        };
        const halved = (terms: PairedTerms) => Math.ceil(terms.terms.length / 2);
        expect(computed(scores.masked)).toBe(halved(scores.masked));
        // Heads wider than there are tokens begin anew with every turn of the tokens.
        const isOneProgression = paddedWidth <= paddedTokens || room === paddedTokens - 1;
        if (isOneProgression) expect(computed(scores.plain)).toBe(halved(scores.plain));
        const attended = attendTerms(geometry, layout, false, number);
        const reached = Math.min(paddedWidth, paddedTokens);
        expect(attended.plain.terms.length + attended.masked.terms.length).toBe(reached);
        expect(attended.plain.terms.length).toBe(Math.min(reached, room + 1));
        const causal = attendTerms(geometry, layout, true, number);
        expect(causal.plain.terms).toEqual([]);
        for (const terms of [attended.plain, attended.masked, causal.masked])
          expect(computed(terms)).toBe(halved(terms));
        // What is read of keys and values is what they are skewed to hold.
        const { from, to } = keyRange(geometry, layout);
        expect([from, to]).toEqual([-Math.min(room, paddedWidth - 1), tokens]);
        expect(valueRange(geometry, layout)).toEqual({ from: 0, to: Math.min(paddedTokens, tokens + paddedWidth - 1) });
      }),
      { numRuns: 100, seed: 4 },
    );
  });

  it('column masks repeat with their period and count tokens of every example alike', () => {
    fc.assert(
      fc.property(geometries, heads, (geometry, shape) => {
        const layout = headsIn(geometry, shape);
        const { paddedTokens, rowLength } = geometry;
        const mask = new ColumnMask(geometry, layout, paddedTokens, (column, token) => (column + token) % 3 === 0);
        const visible = (slot: number) => {
          const column = Math.floor(slot / (rowLength * layout.headsPerBlock)) % paddedTokens;
          return (column + (slot % paddedTokens)) % 3 === 0;
        };
        expect(mask.values().every((value, slot) => value === (visible(slot) ? 1 : 0))).toBe(true);
      }),
      { numRuns: 30, seed: 5 },
    );
  });
});

describe('steps', () => {
  it('that double add up every copy, and baby and giant steps reach every turn of any set', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: 9 }), (log, first) => {
        const reached = [0];
        for (const step of doublingSteps(first, 2 ** log)) reached.push(...reached.map((turn) => turn + step));
        expect(reached).toEqual(Array.from({ length: 2 ** log }, (_, k) => k * first));
      }),
    );
    const turns = fc.uniqueArray(fc.integer({ min: -60, max: 60 }), { minLength: 1, maxLength: 40 });
    const counts = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(
        turns,
        fc.constantFrom(1, 4),
        counts,
        counts,
        fc.boolean(),
        (wanted, unit, inputs, outputs, dividesBabies) => {
          const slots = 2 ** 9;
          const shape = { inputs, outputs, diagonals: wanted.length, dividesBabies };
          const { babySteps, giantSteps } = babyGiantSteps(wanted, unit, slots, shape);
          const reached = new Set(giantSteps.flatMap((giant) => babySteps.map((baby) => (giant + baby) % slots)));
          for (const turn of wanted) expect(reached.has((((turn * unit) % slots) + slots) % slots)).toBe(true);
          for (const step of [...babySteps, ...giantSteps])
            expect(step >= 0 && step < slots && step % unit === 0).toBe(true);
        },
      ),
      { numRuns: 200, seed: 6 },
    );
  });
});
