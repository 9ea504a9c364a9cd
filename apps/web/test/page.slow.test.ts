// Once at full size: the repository's MNIST model served by the executable at 128 bits, a digit drawn with a mouse, the answer
// read from the page. Prints the seconds of each stage and the peak memory of the tab; targets are `npm run check browser`'s.
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type MeasuredQuestion, MeasuredVisits } from './measured-visit.ts';
import { clearDigit, type ServedDigits, serveDigits } from './served-digits.ts';

let service: ServedDigits;
let visits: MeasuredVisits;

beforeAll(async () => {
  service = await serveDigits();
  visits = await MeasuredVisits.open(service.url);
});
afterAll(async () => {
  await visits?.close();
  await service?.close();
});

const rounded = ({ steps }: MeasuredQuestion) =>
  Object.entries(steps).map(([step, seconds]) => `  ${seconds.toFixed(1).padStart(6)} s  ${step}`).join('\n'); // biome-ignore format: short

it('a drawn digit is answered at 128-bit security, and the next one without sending keys again', async () => {
  const first = await visits.ask('3');
  await visits.again();
  const second = await visits.ask('7');
  const { tab, browser } = await visits.peakMiB();
  process.stdout.write(
    `first question:\n${rounded(first)}\nsecond question:\n${rounded(second)}\n` +
      `peak memory: tab ${first.keysTabMiB} MiB while keys are made, ${tab} MiB in all; browser process ${browser} MiB\n${first.verdict}\n`,
  );
  const picture = process.env.CIPHERFORMER_SCREENSHOT;
  if (picture !== undefined) writeFileSync(picture, await visits.screenshot());
  for (const { label, verdict, pixels } of [first, second]) {
    expect(label).toBe(clearDigit(pixels));
    expect(verdict).toMatch(/in the model’s range/);
  }
  expect([first.label, second.label]).toEqual(['3', '7']);
  // Aimed at are 400 and 600 MiB, of which a garbage collector on a busy machine makes up to half more.
  expect(first.keysTabMiB).toBeLessThan(600);
  expect(tab).toBeLessThan(900);
});
