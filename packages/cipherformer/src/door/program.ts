import { existsSync } from 'node:fs';
import { UsageError } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import { type OpenProgram, openProgram } from '@cipherformer/compiler';
import { MissingFileError } from '@cipherformer/model';
import { type ProgramManifest, readManifest } from '@cipherformer/runtime/server';

export interface ProgramOptions extends SecurityOptions {
  /** Looked at before the folder is read. */
  readonly signal?: AbortSignal;
}

/** An encrypted program in a folder. What it holds is public but for the model in its folder "server". */
export class Program implements Disposable {
  /** The folder that `compile` wrote. */
  readonly folder: string;
  /** What everybody may know of it: parameters, keys, inputs, outputs, predicted time and memory. */
  readonly manifest: ProgramManifest;
  /** None when closed: it may hold what was just compiled. */
  #open: (() => Promise<OpenProgram>) | undefined;
  #opened: Promise<OpenProgram> | undefined;

  /** @param open compiles the folder again, or gives what was just compiled */
  constructor(folder: string, manifest: ProgramManifest, open: () => Promise<OpenProgram>) {
    this.folder = folder;
    this.manifest = manifest;
    this.#open = open;
  }

  /**
   * Reads the manifest of a program's folder; the instructions are made when a server first needs them.
   * @throws MissingFileError where there is no such folder, FileError for one of something else, a damaged one, or parameters
   * below 128-bit security unless `insecure` accepts them; the signal's reason
   */
  static async load(folder: string, { insecure, signal }: ProgramOptions = {}): Promise<Program> {
    signal?.throwIfAborted();
    if (!existsSync(folder))
      throw new MissingFileError(`there is no ${folder}: give the folder of a program, which compile makes`);
    const manifest = await readManifest(folder, { insecure });
    return new Program(folder, manifest, () => openProgram(folder, { insecure }));
  }

  /**
   * The instructions, for a server. Cost: at first some seconds for a model of six layers, in which the event loop stands.
   * @throws FileError where the model's files have changed, or only the client's half is there; UsageError when closed
   */
  async open(): Promise<OpenProgram> {
    if (!this.#open) throw new UsageError(`the program ${this.folder} is closed: load it again`);
    this.#opened ??= this.#open();
    return this.#opened;
  }

  /** Lets go of the instructions; the folder stays. Servers that were loaded from it go on. */
  close(): void {
    this.#open = undefined;
    this.#opened = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
