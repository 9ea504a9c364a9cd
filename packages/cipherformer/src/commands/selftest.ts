import { type BuildName, listBuilds, loadKernels, type SelfTestResult, selfTest } from '@cipherformer/ckks';
import type { Command } from 'commander';
import pc from 'picocolors';
import { commandLine } from '../terminal/command-line.ts';
import { print } from '../terminal/output.ts';
import { enableRelaxedSimd } from '../terminal/relaxed-simd.ts';

interface BuildOutcome {
  readonly build: BuildName;
  readonly ran: boolean;
  /** Why it did not run. */
  readonly reason?: string;
  readonly results: readonly SelfTestResult[];
}

async function testEveryBuild(): Promise<BuildOutcome[]> {
  const outcomes: BuildOutcome[] = [];
  for (const { name, usable, reason } of await listBuilds()) {
    if (!usable) {
      outcomes.push({ build: name, ran: false, ...(reason !== undefined && { reason }), results: [] });
      continue;
    }
    process.stderr.write(`testing ${name}\n`);
    outcomes.push({ build: name, ran: true, results: selfTest(await loadKernels({ build: name })) });
  }
  return outcomes;
}

function describe(outcomes: readonly BuildOutcome[]): string {
  const lines = outcomes.flatMap(({ build, ran, reason, results }) => {
    if (!ran) return [`${pc.yellow('skipped')} ${build}: ${reason}`];
    const failed = results.filter(({ passed }) => !passed);
    const verdict = failed.length === 0 ? pc.green('passed ') : pc.red('FAILED ');
    return [
      `${verdict} ${build}: ${results.length - failed.length} of ${results.length} known answers`,
      ...failed.map(({ name, detail }) => `          ${name}: ${detail}`),
    ];
  });
  return lines.join('\n');
}

/** `cipherformer selftest`: known-answer tests of every build of the kernels that this machine can load. */
export function registerSelftest(program: Command): void {
  program
    .command('selftest')
    .description('Test every kernel build that this machine can load against known answers (exit code 3 if one fails)')
    .option('--json', 'JSON on stdout')
    .action(async (options: { json?: boolean }) => {
      enableRelaxedSimd();
      const builds = await testEveryBuild();
      const passed = builds.some(({ ran }) => ran) && builds.every(({ results }) => results.every((r) => r.passed));
      print(options.json, {
        value: { passed, builds },
        text: () => describe(builds),
        next: commandLine`cipherformer demo`,
        shortfall: passed ? undefined : 'a kernel build does not compute what the reference computes: do not use it',
      });
    });
}
