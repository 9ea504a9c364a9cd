// The one form of answers: what is plain becomes JSON, what tells of the key does not.
import { inspect } from 'node:util';
import { PrivateAnswer } from '@cipherformer/runtime/client';
import { describe, expect, it } from 'vitest';
import { Answer, Answers } from '../../src/door/answer.ts';

const classes = ['a', 'b', 'c'];
const logits = Float64Array.of(0.25, 2, -1);
const inside = () => new Answer(new PrivateAnswer({ logits, classes, error: 1e-3 }), { classes });
const outside = () => new Answer(new PrivateAnswer({ logits, classes, reason: 'too far' }), { classes });

describe('an answer', () => {
  it('prints and serialises its label alone', () => {
    const answers = new Answers([inside(), outside()]);
    expect(JSON.parse(JSON.stringify(answers))).toEqual({
      results: [
        { inRange: true, labels: [{ label: 'b' }] },
        { inRange: false, labels: [], reason: 'too far' },
      ],
    });
    for (const text of [
      inspect(answers, { depth: 9, showHidden: true }),
      `${JSON.stringify(structuredClone(answers))}`,
    ])
      expect(text).not.toMatch(/0\.25|score/);
    expect([...answers].map(({ label }) => label)).toEqual(['b', undefined]);
  });

  it('reveals scores and logits in the same form', () => {
    const { results } = new Answers([inside(), outside()]).reveal({ top: 2 });
    const powers = [...logits].map(Math.exp);
    const sum = powers[0]! + powers[1]! + powers[2]!;
    expect(results[0]).toEqual({
      inRange: true,
      labels: [
        { label: 'b', score: expect.closeTo(powers[1]! / sum, 12) },
        { label: 'a', score: expect.closeTo(powers[0]! / sum, 12) },
      ],
      logits: [0.25, 2, -1],
    });
    expect(results[1]).toMatchObject({ inRange: false, reason: 'too far', logits: [0.25, 2, -1] });
    expect(inside().reveal().labels!.length).toBe(3);
  });

  it('numbers outputs that have no names', () => {
    const answer = new Answer(new PrivateAnswer({ logits }), {});
    expect([answer.label, answer.reveal().labels!.map(({ label }) => label)]).toEqual(['1', ['1', '0', '2']]);
  });

  it('shares a label only where it tells nothing of the key', () => {
    expect(inside().share()).toEqual({ label: 'b' });
    expect(() => outside().share()).toThrow(expect.objectContaining({ code: 'not-shareable' }));
  });
});
