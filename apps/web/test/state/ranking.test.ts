import { expect, it } from 'vitest';
import { agreementOf, found } from '../../src/state/ranking.ts';

const scores = (values: readonly number[]) => values.map((score, k) => ({ label: `text ${k}`, score }));
const twelve = [3, 9, 1, 7, 5, 11, 2, 10, 6, 8, 4, 12];

it('gives the ten with the highest scores, and of equal ones the first', () => {
  expect(found(scores(twelve)).map(({ document }) => document)).toEqual([11, 5, 7, 1, 9, 3, 8, 4, 10, 0]);
  expect(found(scores([1, 2, 2]))).toEqual([
    { document: 1, text: 'text 1', score: 2 },
    { document: 2, text: 'text 2', score: 2 },
    { document: 0, text: 'text 0', score: 1 },
  ]);
});

it('says where the model in clear puts them', () => {
  const near = twelve.map((value) => value + 1e-4);
  const same = found(scores(twelve), scores(near));
  expect(same.map(({ place }) => place)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(same[0]!.clearScore).toBe(12.0001);
  expect(agreementOf(same)).toEqual({ same: 10, inOrder: true });
});

it('tells another order from other documents', () => {
  const swapped = [...twelve];
  [swapped[11], swapped[5]] = [11, 12];
  expect(agreementOf(found(scores(twelve), scores(swapped)))).toEqual({ same: 10, inOrder: false });
  const other = [...twelve];
  other[2] = 20;
  expect(agreementOf(found(scores(twelve), scores(other)))).toEqual({ same: 9, inOrder: false });
  expect(agreementOf(found(scores(twelve)))).toEqual({ same: 0, inOrder: false });
});
