// Row 9: whatever bytes a stranger sends, a reader gives an object or one of our errors. npm run check fuzz runs millions.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { heldSlabs } from './insecure.ts';
import { readers } from './readers.ts';
import { runBatch } from './run.ts';

const cases = 20_000;
const seed = Number(process.env.FUZZ_SEED ?? 1);
const shares = readers.reduce((sum, { share = 1 }) => sum + share, 0);

let slabs = 0;
beforeAll(() => {
  slabs = heldSlabs();
});
// Fewer is no leak: what others made before is let go when it is collected.
afterAll(() => expect(heldSlabs()).toBeLessThanOrEqual(slabs));

describe(`row 9: changed objects (seed ${seed})`, () => {
  it.each(readers)('$name', async (reader) => {
    for (const bytes of reader.seeds) {
      const result = await reader.read(bytes.slice());
      (result as Partial<Disposable> | undefined)?.[Symbol.dispose]?.();
    }
    const count = Math.max(20, Math.round((cases * (reader.share ?? 1)) / shares));
    const { failures, accepted, refused } = await runBatch(reader, seed, 0, count);
    const shown = failures.map(
      ({ number, what, bytes }) =>
        `${number}: ${what} for ${JSON.stringify(Buffer.from(bytes).toString('latin1').slice(0, 300))}`,
    );
    expect(shown).toEqual([]);
    // Cases that are all accepted, or all refused at the first byte, would test nothing.
    expect(refused).toBeGreaterThan(0);
    expect(accepted + refused).toBe(count);
  });
});
