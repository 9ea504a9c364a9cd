// The service, killed by -9 again and again while it takes keys and jobs (packages/service/test/kills.ts).
import { loadSource } from '../source.mjs';

export const description = '500 times kill -9 of the service while it writes: what it had acknowledged is there, whole';

export const targets = {
  kills: { atLeast: 500 },
  failures: { equals: 0 },
  /** Kills that hit while something was being written. */
  halfWritten: { atLeast: 100 },
  parts: { atLeast: 500 },
  keysets: { atLeast: 100 },
  jobs: { atLeast: 100 },
};

/** A folder's life: the service starts in it as often as it is killed. */
const killsOfFolder = 25;
const folders = 20;

export async function check({ seed, quick, log, resume }) {
  const [{ killRepeatedly }, { Random }] = await loadSource(
    'packages/service/test/kills.ts',
    'packages/nn/src/random.ts',
  );
  const state = resume.state ?? { folders: 0, kills: 0, failures: 0, halfWritten: 0, parts: 0, keysets: 0, jobs: 0 };
  for (; state.folders < (quick ? 1 : folders); state.folders++) {
    const random = Random.derive(seed, 'kills', state.folders);
    try {
      const report = await killRepeatedly(quick ? 5 : killsOfFolder, () => random.uniform());
      for (const [name, count] of Object.entries(report)) state[name] += count;
    } catch (error) {
      state.failures += 1;
      log(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    resume.save({ ...state, folders: state.folders + 1 });
    log(`${state.kills} kills, ${state.failures} failures, ${state.halfWritten} hit while something was being written`);
  }
  const { folders: _, ...figures } = state;
  return figures;
}
