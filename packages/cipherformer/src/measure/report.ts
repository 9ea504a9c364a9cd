import { gib } from '@cipherformer/base';
import { currentCommit, describeMachine, type MachineDescription } from './machine.ts';
import type { Timing } from './measure.ts';

/** One measured line. Names are stable: other tools compare them between commits. */
export interface BenchResult extends Timing {
  readonly name: string;
  readonly build: string;
  readonly threads: number;
  /** Ring dimension. */
  readonly n: number;
}

/** What every `bench` command prints with --json. */
export interface BenchReport<R extends BenchResult> {
  readonly machine: MachineDescription;
  /** The commit that was measured ("+": with changes), null outside a checkout. */
  readonly commit: string | null;
  readonly results: readonly R[];
}

/** Describe the machine before measuring: afterwards its load is our own. */
export function startReport<R extends BenchResult>(): (results: readonly R[]) => BenchReport<R> {
  const machine = describeMachine();
  const commit = currentCommit() ?? null;
  return (results) => ({ machine, commit, results: results.map(rounded) });
}

/** Four significant digits: the noise is larger. */
function rounded<R extends BenchResult>(result: R): R {
  return Object.fromEntries(
    Object.entries(result).map(([key, value]) => [
      key,
      typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value,
    ]),
  ) as R;
}

/** "AMD EPYC, 2 cores, 23.4 GiB, linux x64, Node 20.20.2, huge pages madvise, load 0.3" */
export function machineLine(machine: MachineDescription): string {
  return (
    `${machine.cpu}, ${machine.cores} cores, ${gib(machine.memoryBytes, 1)}, ${machine.platform}, Node ${machine.node}, ` +
    `huge pages ${machine.transparentHugePages}, load ${machine.loadAverage.toFixed(1)}`
  );
}
