import { type ChildProcess, execFile, fork } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { totalMemoryBytes } from '@cipherformer/runtime/server';

/** Of the machine's memory, what a worker may take where nothing else is said. */
const defaultShare = 0.9;
/** The kernel ends what has the most of these first, where memory runs out. */
const firstToGo = '1000';

export const defaultWorkerBytes = (): number => Math.floor(defaultShare * totalMemoryBytes());

/** Starts the process that computes, held to its memory. The compiled file, also when this one runs as source. Its stdout is not data. */
export function forkWorker(memoryBytes: number): ChildProcess {
  const file = fileURLToPath(new URL('../../dist/run/worker.js', import.meta.url));
  const child = fork(file, [`${memoryBytes}`], { stdio: ['ignore', process.stderr, process.stderr, 'ipc'] });
  limitWorker(child, memoryBytes);
  return child;
}

/**
 * Holds a process to its memory, where the system can (Linux): beyond, its allocations fail, which ends a task and not the
 * service; where the machine runs out before, it goes first. Nothing of it is written as a core.
 */
export function limitWorker({ pid }: ChildProcess, memoryBytes: number): void {
  if (pid === undefined) return;
  // -d: data, -c: core.
  execFile('prlimit', ['-p', `${pid}`, `-d${memoryBytes}`, '-c0'], () => {});
  writeFile(`/proc/${pid}/oom_score_adj`, firstToGo).catch(() => {});
}
