// A person with a browser at a service of this machine, at 128-bit security: how long the keys take, what the tab takes of memory,
// whether the page stays responsive, what a second visit costs beside the run. Needs 10 GiB of memory and an idle machine.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSource } from '../source.mjs';

export const description =
  'the page in Chromium at 128-bit security: keys made and sent, memory of the tab, tasks that block it, a second visit';

export const targets = {
  /** Made, sent and acknowledged, with the service on the same machine. */
  keysSeconds: { atMost: 45 },
  keysTabMiB: { atMost: 600 },
  /** Until a drawing is taken, with an empty cache. */
  firstReadySeconds: { atMost: 1 },
  secondReadySeconds: { atMost: 1 },
  /** Of the page's main thread while keys are made and sent. */
  longestTaskMs: { atMost: 100 },
  /** What a second visit takes beside the run: until the page is ready, and from the click to the answer. */
  secondBesideRunSeconds: { atMost: 1 },
  /** Both answers are those of the polynomial model in clear. */
  agree: { equals: true },
};

/** A model of random weights on an insecure ring, with a page that takes it. */
async function serveSmall() {
  const [{ smallModel, smallProgram, startService }, { buildPage }] = await loadSource(
    'apps/web/test/small.ts',
    'apps/web/test/build.ts',
  );
  const folder = mkdtempSync(join(tmpdir(), 'check-browser-'));
  await buildPage(join(folder, 'page'), { insecure: true });
  const folders = [await smallProgram(folder, 'digits', smallModel())];
  const { url, kill } = await startService({ folders, data: join(folder, 'data'), page: join(folder, 'page') });
  const close = async () => {
    await kill();
    rmSync(folder, { recursive: true, force: true });
  };
  return { url: `${url}/`, close };
}

const rounded = (value) => Number(value.toFixed(2));

export async function check({ quick, log }) {
  const [{ MeasuredVisits }, { serveDigits, clearDigit }] = await loadSource(
    'apps/web/test/measured-visit.ts',
    'apps/web/test/served-digits.ts',
  );
  const service = await (quick ? serveSmall() : serveDigits());
  let visits;
  try {
    visits = await MeasuredVisits.open(service.url);
    const first = await visits.ask('3');
    log(`keys ${first.steps.keys.toFixed(1)} s, first answer ${first.seconds.toFixed(1)} s`);
    await visits.again();
    const second = await visits.ask('7');
    log(`second answer ${second.seconds.toFixed(1)} s, of which the run ${second.steps.run.toFixed(1)} s`);
    const { tab, browser } = await visits.peakMiB();
    return {
      keysSeconds: rounded(first.steps.keys),
      keysTabMiB: first.keysTabMiB,
      tabMiB: tab,
      browserMiB: browser,
      firstReadySeconds: rounded(first.readySeconds),
      secondReadySeconds: rounded(second.readySeconds),
      longestTaskMs: first.longestTaskMs,
      firstAnswerSeconds: rounded(first.seconds),
      secondAnswerSeconds: rounded(second.seconds),
      secondRunSeconds: rounded(second.steps.run),
      secondBesideRunSeconds: rounded(second.readySeconds + second.seconds - second.steps.run),
      // The small model is another one.
      ...(quick ? {} : { agree: [first, second].every(({ label, pixels }) => label === clearDigit(pixels)) }),
    };
  } finally {
    await visits?.close();
    await service.close();
  }
}
