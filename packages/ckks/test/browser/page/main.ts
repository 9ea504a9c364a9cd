// The page of the browser test: loads every build that the browser can run, as an application would, and reports.
import {
  type BuildStatus,
  listBuilds,
  loadKernels,
  type SelfTestResult,
  selfTest,
} from '../../../src/kernels/index.ts';
import { pinnedParts } from '../../wire/pinned-parts.ts';
import { fingerprint } from '../fingerprint.ts';

export interface PageReport {
  readonly builds: readonly BuildStatus[];
  /** The build that loadKernels chooses unasked. */
  readonly chosen: string;
  readonly results: readonly {
    readonly build: string;
    readonly tests: SelfTestResult[];
    readonly fingerprint: string;
    /** SHA-256 of parts of evaluation keys, by their names. */
    readonly parts: Readonly<Record<string, string>>;
  }[];
  /** The message of the error for a build that browsers never have. */
  readonly nativeError: string;
}

async function run(): Promise<PageReport> {
  const builds = await listBuilds();
  const results = [];
  for (const { name, usable } of builds) {
    if (!usable) continue;
    const kernels = await loadKernels({ build: name });
    const parts: Record<string, string> = {};
    for (const part of pinnedParts(kernels)) parts[part.name] = await sha256(part.bytes);
    results.push({ build: name, tests: selfTest(kernels), fingerprint: fingerprint(kernels), parts });
  }
  const chosen = (await loadKernels()).build;
  const nativeError = await loadKernels({ build: 'ifma' }).then(
    () => 'none',
    (error: Error) => `${error.name}: ${error.message}`,
  );
  return { builds, chosen, results, nativeError };
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const page = globalThis as unknown as { report?: PageReport; failure?: string };
run().then(
  (report) => {
    page.report = report;
  },
  (error: Error) => {
    page.failure = error.stack ?? error.message;
  },
);
