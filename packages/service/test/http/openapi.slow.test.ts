import { expect, it } from 'vitest';
import { fuzzService } from './requests.ts';

it('20,000 requests made from the OpenAPI document get answers that it has, and cost no memory for good', async () => {
  const failures: string[] = [];
  const { growthMiB } = await fuzzService(20_000, Math.floor(Math.random() * 2 ** 30), (text) => failures.push(text));
  expect(failures).toEqual([]);
  expect(growthMiB).toBeLessThan(100);
});
