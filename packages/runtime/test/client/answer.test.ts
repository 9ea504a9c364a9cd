// What a decrypted answer shows without being asked, and what of it may be shared.
import { formatWithOptions, inspect } from 'node:util';
import { serialize } from 'node:v8';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CipherformerError } from '../../../base/src/errors.ts';
import { PrivateAnswer } from '../../src/client/answer.ts';
import { ShareError } from '../../src/errors.ts';

const logits = Float64Array.of(1.123456789, 7.987654321, -3.5);
const answer = new PrivateAnswer({ logits, classes: ['cat', 'dog', 'bird'], error: 0.01 });

describe('row 5: an answer keeps its logits private by type', () => {
  it('label, range and reason are plain', () => {
    expect([answer.label, answer.inRange, answer.reason]).toEqual(['dog', true, undefined]);
    expect(new PrivateAnswer({ logits }).label).toBe('1');
    const out = new PrivateAnswer({ logits, reason: 'too far', classes: ['cat', 'dog', 'bird'] });
    expect([out.label, out.inRange, out.reason]).toEqual([undefined, false, 'too far']);
  });

  it('of a head that chooses no single class: the labels that hold, a class a row, no number', () => {
    const form = { classes: ['cat', 'dog', 'bird'], error: 0.01 };
    const labels = new PrivateAnswer({ logits, kind: 'labels', ...form });
    expect([labels.label, labels.labels]).toEqual([undefined, ['cat', 'dog']]);
    expect(labels.reveal().scores[0]).toBeCloseTo(1 / (1 + Math.exp(-logits[0]!)), 12);
    const rows = new PrivateAnswer({ logits: Float64Array.of(...logits, 0, 0, 1), kind: 'token-classes', rows: 2, ...form });
    expect([rows.label, rows.labels]).toEqual([undefined, ['dog', 'bird']]);
    const { scores } = rows.reveal();
    for (const from of [0, 3]) expect(scores.slice(from, from + 3).reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 12);
    const numbers = new PrivateAnswer({ logits, kind: 'numbers', ...form });
    expect([numbers.label, numbers.labels, [...numbers.reveal().scores]]).toEqual([undefined, [], [...logits]]);
    for (const one of [labels, rows, numbers]) expect(() => one.share()).toThrow(/only the label of a model that chooses one class/);
    const out = new PrivateAnswer({ logits, kind: 'labels', reason: 'too far', ...form });
    expect([out.labels, out.inRange]).toEqual([[], false]);
  }); // biome-ignore format: lines

  it('reveal takes a vocabulary', () => {
    const { scores } = new PrivateAnswer({ logits: new Float64Array(300_000).fill(5) }).reveal();
    expect(scores[299_999]).toBeCloseTo(1 / 300_000, 12);
  });

  it('reveal gives logits, and scores that are their softmax however large they are', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1e4, max: 1e4, noNaN: true }), { minLength: 1, maxLength: 20 }), (values) => {
        const { logits: shown, scores } = new PrivateAnswer({ logits: Float64Array.from(values) }).reveal();
        expect([...shown]).toEqual(values);
        expect(scores.reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 12);
        for (const [i, a] of values.entries())
          for (const [k, b] of values.entries()) {
            if (scores[i]! > 1e-200 && scores[k]! > 1e-200)
              expect(Math.log(scores[i]! / scores[k]!)).toBeCloseTo(a - b, 6);
            else if (a > b) expect(scores[i]).toBeGreaterThanOrEqual(scores[k]!);
          }
      }),
    ); // biome-ignore format: one property
    answer.reveal().logits.fill(0);
    expect([...answer.reveal().logits]).toEqual([...logits]);
  });

  it('JSON refuses it, and nothing that prints or copies it has a logit', () => {
    expect(() => JSON.stringify({ results: [answer] })).toThrow(CipherformerError);
    const printed = [
      ...[`${answer}`, inspect(answer), inspect([answer], { showHidden: true, depth: 9 })],
      ...[inspect(answer, { customInspect: false, showHidden: true, depth: 9 }), formatWithOptions({}, '%o %s', answer, answer)],
      ...[serialize(answer).toString('latin1'), JSON.stringify(structuredClone(answer)), JSON.stringify({ ...answer })],
    ]; // biome-ignore format: one way a word
    const bytes = Buffer.from(logits.buffer).subarray(0, 8).toString('latin1');
    for (const text of printed) {
      expect(text).not.toMatch(/1\.12|7\.98|3\.5/);
      expect(text).not.toContain(bytes);
    }
    expect(inspect(answer)).toContain('private answer');
  });
});

describe('row 5: what may be shared is the label', () => {
  it('and only where the noise cannot have chosen it', () => {
    const error = fc.double({ min: 1e-6, max: 10, noNaN: true });
    const value = fc.double({ min: -50, max: 50, noNaN: true });
    fc.assert(
      fc.property(error, fc.array(fc.tuple(value, fc.double({ min: -1, max: 1, noNaN: true })), { minLength: 1, maxLength: 8 }), (bound, pairs) => {
        const exact = pairs.map(([x]) => x);
        const noisy = Float64Array.from(pairs, ([x, e]) => x + e * bound);
        let shared: string;
        try {
          shared = new PrivateAnswer({ logits: noisy, error: bound }).share().label;
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(ShareError);
          const [first, second] = [...noisy].sort((a, b) => b - a);
          expect(first! - second!).toBeLessThanOrEqual(2 * bound);
          return;
        }
        // The program without noise gives the same label.
        expect(exact[Number(shared)]).toBeGreaterThan(Math.max(...exact) - 1e-12);
      }),
    ); // biome-ignore format: one property
  });

  it('not that of an input out of range, of unknown error, or of no numbers', () => {
    expect(answer.share()).toEqual({ label: 'dog' });
    expect(() => new PrivateAnswer({ logits, reason: 'too far', error: 0.01 }).share()).toThrow('too far');
    expect(() => new PrivateAnswer({ logits }).share()).toThrow('compile it again');
    expect(() => new PrivateAnswer({ logits, error: 5 }).share()).toThrow('within twice the error bound');
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => new PrivateAnswer({ logits: Float64Array.of(bad, bad), error: 0.01 }).share()).toThrow(ShareError);
  });
});
