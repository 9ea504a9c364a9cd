// The running service, by requests made from its own OpenAPI document (packages/service/test/http/requests.ts).
import { loadSource } from '../source.mjs';

export const description =
  '1,000,000 requests made from the OpenAPI document of a service, and 50,000 of one on Redis and S3: every answer is one that the document has';

export const targets = {
  requests: { atLeast: 1_000_000 },
  requestsOnRedis: { atLeast: 50_000 },
  failures: { equals: 0 },
  /** Of one service's resident memory, from its first tenth to its last request. */
  growthMiB: { atMost: 100 },
};

/** A service takes so many. */
const requestsOfService = { requests: 100_000, requestsOnRedis: 25_000 };

export async function check({ seed, quick, log, resume }) {
  const [{ fuzzService, fuzzedProgram }, { folderStage }, { startSharedMachines }, { bundle }] = await loadSource(
    'packages/service/test/http/requests.ts',
    'packages/service/test/stage.ts',
    'packages/service/test/shared/stage.ts',
    'packages/service/test/support.ts',
  );
  const files = await bundle(['worker', 'server', 'shared-worker']);
  const state = resume.state ?? { requests: 0, requestsOnRedis: 0, failures: 0, growthMiB: 0 };
  /** @param count name of the figure that counts the requests of such stages */
  const fuzz = async (count, open) => {
    const total = quick ? targets[count].atLeast / 500 : targets[count].atLeast;
    while (state[count] < total) {
      const stage = await open();
      const requests = Math.min(requestsOfService[count], total - state[count]);
      const report = await fuzzService(stage, requests, seed + state[count], log);
      await stage.dispose();
      state[count] += report.requests;
      state.failures += report.failures;
      state.growthMiB = Math.max(state.growthMiB, report.growthMiB);
      resume.save(state);
      log(`${state[count]} ${count}, ${state.failures} failures, ${state.growthMiB} MiB more`);
    }
  };
  try {
    await fuzz('requests', async () => folderStage(files, fuzzedProgram));
    const machines = await startSharedMachines();
    await fuzz('requestsOnRedis', () => machines.stage(files, fuzzedProgram)).finally(() => machines.stop());
    return state;
  } finally {
    files.dispose();
  }
}
