// What is promised at 128-bit security (*.full.test.ts): too long for CI, whose three runs at that size are journeys of users.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const description =
  'bootstrapping and a transformer at 128-bit security (N = 2^16): precision, noise, memory and time as promised and predicted';

export const targets = { failed: { equals: 0 }, passed: { atLeast: 16 } };

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export async function check({ quick, log }) {
  const work = mkdtempSync(join(tmpdir(), 'cipherformer-full-'));
  try {
    const report = join(work, 'report.json');
    const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', root, '--project', 'full'];
    // A quick one: the first of the bootstraps.
    if (quick) args.push('bootstrapping.full.test.ts', '--testNamePattern', 'the parameters are secure');
    const child = spawn(
      process.execPath,
      [...args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
      {
        stdio: ['ignore', 'inherit', 'inherit'],
      },
    );
    await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
    const { numPassedTests: passed, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
    // A file that failed before its first test counts too.
    const failed = Math.max(numFailedTests, testResults.filter(({ status }) => status !== 'passed').length);
    log(`${passed} passed, ${failed} failed`);
    return { passed, failed };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
