// The running service, by requests made from its own OpenAPI document (packages/service/test/http/requests.ts).
import { loadSource } from '../source.mjs';

export const description =
  '1,000,000 requests made from the OpenAPI document of a service: every answer is one that the document has';

export const targets = {
  requests: { atLeast: 1_000_000 },
  failures: { equals: 0 },
  /** Of one service's resident memory, from its first tenth to its last request. */
  growthMiB: { atMost: 100 },
};

/** A service takes so many. */
const requestsOfService = 100_000;

export async function check({ seed, quick, log, resume }) {
  const [{ fuzzService }] = await loadSource('packages/service/test/http/requests.ts');
  const total = quick ? 2_000 : targets.requests.atLeast;
  const state = resume.state ?? { requests: 0, failures: 0, growthMiB: 0 };
  while (state.requests < total) {
    const count = Math.min(requestsOfService, total - state.requests);
    const report = await fuzzService(count, seed + state.requests, log);
    state.requests += report.requests;
    state.failures += report.failures;
    state.growthMiB = Math.max(state.growthMiB, report.growthMiB);
    resume.save(state);
    log(`${state.requests} requests, ${state.failures} failures, ${state.growthMiB} MiB more`);
  }
  return state;
}
