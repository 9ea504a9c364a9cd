import { existsSync } from 'node:fs';
import { UsageError } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import { MissingFileError } from '@cipherformer/model';
import { type ProgramManifest, readManifest } from '@cipherformer/runtime/server';
import { ProgramThread } from '../thread/program-thread.ts';

/** What security is accepted of a program that is read. */
export interface ProgramOptions extends SecurityOptions {
  /** Looked at before the folder is read. */
  readonly signal?: AbortSignal;
}

/** The threads in which programs were compiled, for the first server of each: it need not compile again. */
const threads = new WeakMap<Program, ProgramThread>();
const closed = new WeakSet<Program>();

/** An encrypted program in a folder. What it holds is public but for the model in its folder "server". */
export class Program implements Disposable {
  /** The folder that `compile` wrote. */
  readonly folder: string;
  /** What everybody may know of it: parameters, keys, inputs, outputs, predicted time and memory. */
  readonly manifest: ProgramManifest;

  /** `Program.load` and `compile` make them: folder and manifest belong together. */
  constructor(folder: string, manifest: ProgramManifest) {
    this.folder = folder;
    this.manifest = manifest;
  }

  /**
   * Reads the manifest of a program's folder; the instructions are made when a server needs them.
   * @throws MissingFileError where there is no such folder, FileError for one of something else, a damaged one, or parameters
   * below 128-bit security unless `insecure` accepts them; the signal's reason
   */
  static async load(folder: string, { insecure, signal }: ProgramOptions = {}): Promise<Program> {
    signal?.throwIfAborted();
    if (!existsSync(folder))
      throw new MissingFileError(`there is no ${folder}: give the folder of a program, which compile makes`);
    return new Program(folder, await readManifest(folder, { insecure }));
  }

  /** Lets go of what was compiled; the folder stays. Servers that were loaded from it go on. */
  close(): void {
    closed.add(this);
    void threads.get(this)?.close();
    threads.delete(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Gives a program the thread in which it was compiled. */
export function keepThread(program: Program, thread: ProgramThread): Program {
  threads.set(program, thread);
  return program;
}

/** A thread for a server of the program, its own from now on. @throws UsageError for a program that is closed */
export function takeThread(program: Program): ProgramThread {
  if (closed.has(program)) throw new UsageError(`the program ${program.folder} is closed: load it again`);
  const thread = threads.get(program) ?? new ProgramThread();
  threads.delete(program);
  return thread;
}
