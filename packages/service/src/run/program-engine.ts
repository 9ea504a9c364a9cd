import { type OnProgress, startPace } from '@cipherformer/base';
import {
  BootstrapMatrices,
  BootstrapPlan,
  Context,
  type KeySpec,
  type Parameters,
  type SecurityOptions,
  verifyKeySet,
} from '@cipherformer/ckks';
import { readWireFile, writeWireFile } from '@cipherformer/ckks/files';
import { apiPrefix } from '@cipherformer/client/protocol';
import { type OpenProgram, openProgram, type RunWork, runRequest } from '@cipherformer/compiler';
import {
  availableMemoryBytes,
  checkMemory,
  FileError,
  KeptCaches,
  type KeyList,
  type KeySource,
  keyFiles,
  keySpecsOf,
  type LoadedKeys,
  loadKeys,
  MismatchError,
  missingSpecs,
  type ProgramManifest,
  parametersOf,
  parseKeyList,
  readInputs,
  readManifest,
  specsNotIn,
  totalMemoryBytes,
} from '@cipherformer/runtime/server';
import type { Engine, EngineProgress, JobFiles, KeysetFiles, UnverifiedKeyset, Verdict } from '../worker/engine.ts';

type Report = OnProgress<EngineProgress>;

/** Of the machine's memory, left free where keys stay loaded. */
const spareShare = 0.05;

/** Keys in memory, of the program for which they were loaded and those that need no others. */
interface Resident {
  readonly keys: LoadedKeys;
  readonly specs: readonly KeySpec[];
}

/**
 * The work of a service, on programs as `compile` writes them. Keys stay in memory until others need the room, those used longest
 * ago go first; what programs of the same parameters share stays until others come.
 * Nothing it imports of ours may read a secret key (test/architecture.test.ts).
 */
export class ProgramEngine implements Engine, Disposable {
  readonly #security: SecurityOptions;
  readonly #memoryBytes: number;
  readonly #programs = new Map<string, OpenProgram>();
  readonly #caches = new KeptCaches();
  #common: Common | undefined;
  /** By key set, the one used last at the end. */
  readonly #residents = new Map<string, Resident>();

  /**
   * @param security for tests; the worker of the executable passes none
   * @param memoryBytes what the process may take. Default: what the machine has
   */
  constructor(security: SecurityOptions = {}, memoryBytes: number = totalMemoryBytes()) {
    this.#security = security;
    this.#memoryBytes = memoryBytes;
  }

  get loaded(): string[] {
    return [...this.#residents.keys()];
  }

  /** Releases a key set that is deleted, and what was kept of generations under it. */
  forget(keyset: string): void {
    this.#release(keyset);
    this.#caches.forget(keyset);
  }

  /** Releases the keys alone: they are read again when they are needed. */
  #release(keyset: string): void {
    this.#residents.get(keyset)?.keys[Symbol.dispose]();
    this.#residents.delete(keyset);
  }

  /** @throws FileError for a list or a part that is not what the plan asks for, WireError for one with wrong contents */
  async verify(keyset: UnverifiedKeyset, progress: Report, signal: AbortSignal): Promise<Verdict> {
    const [folder] = keyset.programs;
    if (folder === undefined) return { ok: false, reason: 'no program that is served has its key plan any more' };
    const manifest = await readManifest(folder, this.#security);
    const parameters = parametersOf(manifest, this.#security);
    const source = await openKeyset(keyset, parameters, 'send the keys again');
    const list = parseKeyList(keyset.list, 'the list', parameters);
    const specs = specsNotIn(
      parameters,
      list,
      keyset.verified.flatMap((text) => listOf(text, parameters)),
    );
    using context = await Context.create(parameters, this.#security);
    await verifyKeySet(context, specs, (part) => source.part(part), {
      progress: paced('verifying', progress),
      signal,
    });
    return { ok: true };
  }

  /** @throws ResourceError where the memory does not suffice, FileError, WireError and InputError for a request that does not fit */
  async run(job: JobFiles, progress: Report, signal: AbortSignal): Promise<void> {
    const opened = await this.#open(job.program);
    const { manifest } = opened;
    const keys = await this.#load(job.keyset, opened, progress, signal);
    const received = await readInputs(
      keys.machine.context,
      manifest,
      keys.key,
      readWireFile(job.request),
      'the request',
    );
    try {
      const options = {
        key: keys.key,
        kept: { caches: this.#caches, keys: job.keyset.id },
        signal,
        progress: (work: RunWork) => progress({ what: 'running', ...work }),
      };
      await runRequest(opened, keys.machine, received, options, (file) => writeWireFile(job.result, file));
    } finally {
      for (const input of received.inputs) input[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    for (const keyset of this.loaded) this.#release(keyset);
    this.#caches[Symbol.dispose]();
    this.#common?.[Symbol.dispose]();
    this.#common = undefined;
  }

  async #open(folder: string): Promise<OpenProgram> {
    const opened = this.#programs.get(folder) ?? (await openProgram(folder, this.#security));
    this.#programs.set(folder, opened);
    return opened;
  }

  async #load(keyset: KeysetFiles, opened: OpenProgram, progress: Report, signal: AbortSignal): Promise<LoadedKeys> {
    const { manifest, parameters } = opened;
    // The disk may have changed since the set was verified, also under keys that are in memory.
    const remedy = `delete the key set (DELETE ${apiPrefix}/keysets/${keyset.id}) and send the keys again`;
    const source = await openKeyset(keyset, parameters, remedy);
    const specs = keySpecsOf(manifest);
    const known = this.#residents.get(keyset.id);
    const resident = known !== undefined && missingSpecs(known.specs, specs).length === 0 ? known : undefined;
    if (resident === undefined) this.#release(keyset.id);
    // A program is predicted to take the memory of its own parameters' matrices, not of others too.
    if (this.#common?.context.parameters.digest !== parameters.digest) this[Symbol.dispose]();
    // What is in memory already need not be free.
    const held = (this.#common?.bytes ?? 0) + (resident?.keys.keyBytes ?? 0);
    this.#makeRoom(manifest.predicted.peakBytes, held, keyset.id);
    checkMemory(opened, availableMemoryBytes() + held);
    this.#common ??= new Common(await Context.create(parameters, this.#security));
    const keys = resident?.keys ?? (await load(this.#common, manifest, source, { progress, signal }));
    this.#residents.delete(keyset.id);
    this.#residents.set(keyset.id, resident ?? { keys, specs });
    return keys;
  }

  /**
   * Releases keys, but those of one key set, until a run has room.
   * @param peakBytes that it takes, of which `heldBytes` are there
   */
  #makeRoom(peakBytes: number, heldBytes: number, kept: string): void {
    const others = [...this.#residents].filter(([keyset]) => keyset !== kept);
    let bytes = others.reduce((sum, [, { keys }]) => sum + keys.keyBytes, 0);
    let free = availableMemoryBytes() - spareShare * totalMemoryBytes();
    for (const [keyset, { keys }] of others) {
      if (peakBytes - heldBytes <= free && bytes + peakBytes <= this.#memoryBytes) return;
      this.#release(keyset);
      free += keys.keyBytes;
      bytes -= keys.keyBytes;
    }
  }
}

/** What all programs of the same parameters share, whoever's keys they run with. */
class Common implements Disposable {
  readonly context: Context;
  #matrices: BootstrapMatrices | undefined;

  constructor(context: Context) {
    this.context = context;
  }

  /** Of the matrices, where they are encoded. */
  get bytes(): number {
    return this.#matrices?.bytes ?? 0;
  }

  /** Encoded for the first keys that bootstrap. */
  matrices(progress?: OnProgress): BootstrapMatrices {
    this.#matrices ??= new BootstrapMatrices(this.context, new BootstrapPlan(this.context.parameters), progress);
    return this.#matrices;
  }

  [Symbol.dispose](): void {
    this.#matrices?.[Symbol.dispose]();
    this.context[Symbol.dispose]();
  }
}

function load(
  common: Common,
  manifest: ProgramManifest,
  source: KeySource,
  { progress, signal }: { readonly progress: Report; readonly signal: AbortSignal },
): Promise<LoadedKeys> {
  const stages = new Map<string, OnProgress>();
  return loadKeys(common.context, manifest, source, {
    signal,
    matrices: (report) => common.matrices(report),
    progress: (now) => {
      const report = stages.get(now.what) ?? paced('loading', progress);
      stages.set(now.what, report);
      report(now);
    },
  });
}

/** A list of these parameters; nothing for one of others. */
function listOf(text: string, parameters: Parameters): KeyList[] {
  try {
    return [parseKeyList(text, 'the list', parameters)];
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return [];
  }
}

/** The keys of a committed set. @throws FileError for a damaged list, MismatchError for one of another plan or key */
async function openKeyset(
  { plan, key, list: text, parts }: KeysetFiles,
  parameters: Parameters,
  remedy: string,
): Promise<KeySource> {
  const list = parseKeyList(text, 'the list', parameters);
  if (list.plan !== plan || list.key !== key)
    throw new MismatchError(
      `the list is of plan ${list.plan.slice(0, 12)} and key ${list.key.slice(0, 12)}, the key set of ` +
        `${plan.slice(0, 12)} and ${key.slice(0, 12)}: ${remedy}`,
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
function paced(what: EngineProgress['what'], progress: Report): OnProgress {
  const pace = startPace();
  return ({ done, total }) => progress({ what, done, total, secondsLeft: pace(done, total) });
}
