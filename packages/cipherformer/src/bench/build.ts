import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { UsageError } from '@cipherformer/base';
import { CheckFailedError } from '../terminal/errors.ts';

/** A verb of one build, run to its end in a process of its own: what it wrote on stdout. */
export type RunVerb = (argv: readonly string[], signal: AbortSignal) => Promise<string>;

/** What a verb wrote, and what its process took. */
export interface VerbResult {
  readonly stdout: string;
  /** Processor seconds of the whole process, from its start to its end; undefined where the system does not tell. */
  readonly cpuSeconds?: number;
}

/**
 * A build of this software as its command line shows it, this one's or that of an older checkout: what both can do is
 * measured the same way.
 */
export class Build {
  readonly #run: RunVerb;
  readonly #help = new Map<string, Promise<string>>();

  constructor(run: RunVerb) {
    this.#run = run;
  }

  /**
   * @param checkout the root of a checkout that was installed and built. Default: the build that is running
   * @throws UsageError where there is none
   */
  static at(checkout?: string): Build {
    const own = join(import.meta.dirname, '../../bin/cipherformer.js');
    const executable = checkout === undefined ? own : join(checkout, 'packages/cipherformer/bin/cipherformer.js');
    if (!existsSync(executable))
      throw new UsageError(`${checkout} is no checkout of cipherformer: there is no ${executable}.`);
    return new Build(async (argv, signal) => {
      const options = { signal, maxBuffer: 2 ** 28 };
      const { stdout } = await promisify(execFile)(process.execPath, [executable, ...argv], options).catch(
        (error: Error & { stderr?: string }) => {
          signal.throwIfAborted();
          const said = error.stderr?.trim().split('\n').slice(-3).join('; ') || error.message;
          throw new CheckFailedError(`${executable} ${argv[0]} failed: ${said}`, { cause: error });
        },
      );
      return stdout;
    });
  }

  async verb(argv: readonly string[], signal: AbortSignal): Promise<VerbResult> {
    const before = childSeconds();
    const stdout = await this.#run(argv, signal);
    const after = childSeconds();
    return { stdout, ...(before !== undefined && after !== undefined ? { cpuSeconds: after - before } : {}) };
  }

  /** Whether a verb has an option: older builds have fewer. */
  async takes(verb: string, option: string, signal: AbortSignal): Promise<boolean> {
    if (!this.#help.has(verb)) this.#help.set(verb, this.#run([verb, '--help'], signal));
    return (await this.#help.get(verb)!).includes(option);
  }
}

/** Processor seconds of all ended child processes (Linux). */
function childSeconds(): number | undefined {
  const ticksPerSecond = 100; // of this file, on every architecture
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    // Behind the name, which may hold anything: state is field 3, the children's user and system ticks 16 and 17.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
  } catch {
    return undefined;
  }
}
