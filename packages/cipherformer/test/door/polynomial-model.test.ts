import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PolynomialModel } from 'cipherformer';
import { expect, it } from 'vitest';

const folder = join(import.meta.dirname, '../../../../models/ag-news-bert-tiny-polynomial');

/** What is left on the heap when all that nobody holds is gone. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

it('releases what the first question prepared when it is closed, and is asked again all the same', async () => {
  await using model = await PolynomialModel.load(folder);
  const ask = () => model.predict({ text: 'Shares fell after the bank cut its profit forecast' });
  const answer = await ask();
  expect(answer.results[0]!.labels![0]!.label).toBe('Business');
  const before = heldBytes();
  await model.close();
  expect(before - heldBytes()).toBeGreaterThan(2 ** 19);
  await model.close();
  expect(await ask()).toEqual(answer);
});
