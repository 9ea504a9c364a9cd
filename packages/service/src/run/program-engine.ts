import { readFile } from 'node:fs/promises';
import { startPace } from '@cipherformer/base';
import { Context, type Parameters, type SecurityOptions, verifyKeySet } from '@cipherformer/ckks';
import { readWireFile, writeWireFile } from '@cipherformer/ckks/files';
import { apiPrefix } from '@cipherformer/client/protocol';
import { followRun, type OpenProgram, openProgram } from '@cipherformer/compiler';
import {
  availableMemoryBytes,
  checkMemory,
  type KeySource,
  keyFiles,
  type LoadedKeys,
  loadKeys,
  MismatchError,
  outputsFile,
  type ProgramManifest,
  parametersOf,
  parseKeyList,
  readInputs,
  readManifest,
  runCkks,
} from '@cipherformer/runtime/server';
import type { Engine, EngineProgress, JobFiles, KeysetFiles, Verdict } from '../worker/engine.ts';

type Report = (progress: EngineProgress) => void;

/** Keys in memory, ready for every program of their plan. */
interface Resident extends Disposable {
  readonly keyset: string;
  readonly context: Context;
  readonly keys: LoadedKeys;
}

/**
 * The work of a service, on programs as `compile` writes them. The keys of one key set stay in memory until another comes.
 * Nothing it imports of ours may read a secret key (test/architecture.test.ts).
 */
export class ProgramEngine implements Engine, Disposable {
  readonly #security: SecurityOptions;
  readonly #programs = new Map<string, OpenProgram>();
  #resident: Resident | undefined;

  /** @param security for tests; the worker of the executable passes none */
  constructor(security: SecurityOptions = {}) {
    this.#security = security;
  }

  /** @throws FileError for a list or a part that is not what the plan asks for, WireError for one with wrong contents */
  async verify(keyset: KeysetFiles, progress: Report, signal: AbortSignal): Promise<Verdict> {
    const [folder] = keyset.programs;
    if (folder === undefined) return { ok: false, reason: 'no program that is served has its key plan any more' };
    const manifest = await readManifest(folder, this.#security);
    const parameters = parametersOf(manifest, this.#security);
    const source = await openKeyset(keyset, manifest, parameters, 'send the keys again');
    using context = await Context.create(parameters, this.#security);
    await verifyKeySet(context, source.specs, (part) => source.part(part), {
      progress: paced('verifying', progress),
      signal,
    });
    return { ok: true };
  }

  /** @throws ResourceError where the memory does not suffice, FileError, WireError and InputError for a request that does not fit */
  async run(job: JobFiles, progress: Report, signal: AbortSignal): Promise<void> {
    const opened = await this.#open(job.program);
    const { manifest } = opened;
    const { context, keys } = await this.#load(job.keyset, opened, progress, signal);
    const { inputs, request } = await readInputs(context, manifest, keys.key, readWireFile(job.request), 'the request');
    try {
      const follow = followRun(opened);
      using result = await runCkks(keys.machine, opened, inputs, {
        signal,
        progress: (timing) => progress({ stage: 'running', ...follow(timing) }),
      });
      await writeWireFile(job.result, await outputsFile(manifest, keys.key, request, result.outputs));
    } finally {
      for (const input of inputs) input[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    this.#resident?.[Symbol.dispose]();
    this.#resident = undefined;
  }

  async #open(folder: string): Promise<OpenProgram> {
    const opened = this.#programs.get(folder) ?? (await openProgram(folder, this.#security));
    this.#programs.set(folder, opened);
    return opened;
  }

  async #load(keyset: KeysetFiles, opened: OpenProgram, progress: Report, signal: AbortSignal): Promise<Resident> {
    const { manifest, parameters } = opened;
    // The disk may have changed since the set was verified, also under keys that are in memory.
    const remedy = `delete the key set (DELETE ${apiPrefix}/keysets/${keyset.id}) and send the keys again`;
    const source = await openKeyset(keyset, manifest, parameters, remedy);
    if (this.#resident?.keyset !== keyset.id) this[Symbol.dispose]();
    // What is in memory already need not be free.
    checkMemory(opened, availableMemoryBytes() + (this.#resident?.keys.keyBytes ?? 0));
    this.#resident ??= await load(keyset.id, source, opened, this.#security, { progress, signal });
    return this.#resident;
  }
}

async function load(
  keyset: string,
  source: KeySource,
  { manifest, parameters }: OpenProgram,
  security: SecurityOptions,
  { progress, signal }: { readonly progress: Report; readonly signal: AbortSignal },
): Promise<Resident> {
  const context = await Context.create(parameters, security);
  try {
    const stages = new Map<string, ReturnType<typeof paced>>();
    const keys = await loadKeys(context, manifest, source, {
      signal,
      progress: (stage, done, total) => {
        const report = stages.get(stage) ?? paced('loading', progress);
        stages.set(stage, report);
        report(done, total);
      },
    });
    return {
      keyset,
      context,
      keys,
      [Symbol.dispose]() {
        keys[Symbol.dispose]();
        context[Symbol.dispose]();
      },
    };
  } catch (error) {
    context[Symbol.dispose]();
    throw error;
  }
}

/** The keys of a committed set. @throws FileError for a damaged list, MismatchError for one of another plan or key */
async function openKeyset(
  { plan, key, list: listPath, parts }: KeysetFiles,
  manifest: ProgramManifest,
  parameters: Parameters,
  remedy: string,
): Promise<KeySource> {
  const list = parseKeyList(await readFile(listPath), 'the list', parameters);
  if (list.plan !== manifest.keys.plan || list.plan !== plan || list.key !== key)
    throw new MismatchError(
      `the list is of plan ${list.plan.slice(0, 12)} and key ${list.key.slice(0, 12)}, the program has plan ${manifest.keys.plan.slice(0, 12)} ` +
        `and the key set ${plan.slice(0, 12)} and ${key.slice(0, 12)}: ${remedy}`,
    );
  const paths = new Map(parts.map(({ sha256, path }) => [sha256, path]));
  return keyFiles(list, parameters, {
    pathOf: (sha256) => paths.get(sha256)!,
    // Owners get the reasons, and the paths of this machine are none of theirs.
    nameOf: (sha256) => sha256.slice(0, 12),
    remedy,
  });
}

/** Reports a stage with the time that it has left at its speed so far. */
function paced(stage: EngineProgress['stage'], progress: Report): (done: number, total: number) => void {
  const pace = startPace();
  return (done, total) => progress({ stage, done, total, secondsLeft: pace(done, total) });
}
