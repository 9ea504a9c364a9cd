import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { apart, gib, joinBytes, toHex } from '@cipherformer/base';
import {
  BootstrapPlan,
  bootstrapLiteral,
  defaultBootstrapChain,
  longBootstrapChain,
  Parameters,
  preciseBootstrapChain,
  type SecurityOptions,
  sha256,
} from '@cipherformer/ckks';
import { partialSuffix, syncDirectory, writeBytesDurably } from '@cipherformer/ckks/durable';
import { documentsFile, MissingFileError, serialiseDocuments, serialisePreparation } from '@cipherformer/model';
import { isPolynomialModel, loadPolynomialModel, savePolynomialModel } from '@cipherformer/model/files';
import {
  type EncryptedProgram,
  FileError,
  makeManifest,
  manifestFile,
  type PlannedProgram,
  type ProgramManifest,
  parametersOf,
  parseManifest,
  planProgram,
  planTogether,
  programDigest,
  ResourceError,
} from '@cipherformer/runtime';
import { clientFolder, readManifest, serverFolder } from '@cipherformer/runtime/server';
import { defaultCosts } from './cost/default-costs.ts';
import { predict } from './cost/predict.ts';
import { highestGoodError, predictError } from './cost/predict-error.ts';
import { LayoutError, PlacementError } from './errors.ts';
import { type Compiled, compile, compileForThroughput } from './passes/compile.ts';
import { type CompiledGeneration, compileGeneration } from './passes/compile-generation.ts';
import { machineOf } from './plan/machine.ts';

// Node only. A program's folder is client/, all that a client needs, and server/, the polynomial model it was compiled from:
// compiling is quick and gives the same program again, whose weights as slot vectors would fill gigabytes.

/** What a program is compiled with, as the manifest keeps it. */
export interface ProgramOptions {
  /** Examples computed at once; 'throughput': as many as make the predicted time of one the least. Default 1. */
  readonly batch?: number | 'throughput';
  /** Most memory that a run may take, in bytes: 'throughput' keeps to it, a program that takes more is refused. Default: any. */
  readonly memoryBytes?: number;
  /** A language model that goes on token by token: a prompt, then steps that use what was kept. Default: it answers once. */
  readonly generation?: boolean;
  /** How much noise is taken, where no parameters are given. Default 'chosen': what the predicted error asks for. */
  readonly precision?: Precision;
  /** Looked at between the steps of a compilation. */
  readonly signal?: AbortSignal;
}

/**
 * usual: the first parameters whose levels suffice. high: 45 bits in place of 40, for half as much time again and twice the bytes
 * of keys. chosen: the usual ones, unless the predicted error at unit spread is above 1e-2 and less with the high ones.
 */
export const precisions = ['chosen', 'usual', 'high'] as const;
export type Precision = (typeof precisions)[number];

export interface OpenProgram extends PlannedProgram {
  readonly manifest: ProgramManifest;
  readonly parameters: Parameters;
  readonly compiled: Compiled;
  /** Of a program that generates: what stands above is of its longest prompt. */
  readonly generation?: CompiledGeneration;
}

/**
 * The parameters that programs are compiled for: the first ones whose levels suffice. A short list, the same for all, since
 * only programs of equal parameters can share keys.
 */
export function programParameters(precision: Precision = 'chosen'): Parameters[] {
  const usual = [defaultBootstrapChain, longBootstrapChain];
  const high = [preciseBootstrapChain];
  const chains = { chosen: [...usual, ...high], usual, high }[precision];
  return chains.map((chain) => Parameters.from(bootstrapLiteral(chain)));
}

/**
 * Compiles a polynomial model into a new folder, which appears complete or not at all; on the disk when this resolves.
 * @param given parameters to compile for. Default: the first of `programParameters` that the model fits
 * @throws MissingFileError where there is no such model, FileError for a folder that exists or is no model, and for a program that clients would refuse; ResourceError for one
 * that takes more memory than it may; errors as `compile`; the signal's reason
 */
export async function writeProgram(
  model: string,
  out: string,
  options: ProgramOptions = {},
  given?: Parameters,
): Promise<OpenProgram> {
  if (!existsSync(model)) throw new MissingFileError(`there is no ${model}: give the folder of a polynomial model`);
  if (!isPolynomialModel(model))
    throw new FileError(`${model} is not the folder of a polynomial model: convert a model first`);
  if (existsSync(out)) throw new FileError(`${out} already exists: choose another folder, or remove it`);
  await sweep(out);
  const partial = `${out}.${hostname()}-${process.pid}.${randomUUID()}${partialSuffix}`;
  try {
    const client = join(partial, clientFolder);
    await mkdir(client, { recursive: true });
    // The model's own files alone: records and reports beside them are not the program's.
    savePolynomialModel(join(partial, serverFolder), loadPolynomialModel(model));
    await turn(options.signal);
    const { memoryBytes = Number.POSITIVE_INFINITY, signal } = options;
    const { compiled, planned, batch, digest, loaded, generation, error } = await compilePrecisely(
      partial,
      given,
      options,
    );
    const { parameters } = planned.bootstrapPlan;
    const predicted = predict(planned);
    checkAffordable(predicted.peakBytes, memoryBytes, batch);
    await turn(signal);
    const { classes, documents, problem, card } = loaded;
    const { structure, files } = serialisePreparation(loaded);
    if (documents) files.set(documentsFile, serialiseDocuments(documents));
    const digests: Record<string, string> = {};
    for (const [file, bytes] of files) {
      await writeBytesDurably(join(client, file), bytes);
      digests[file] = toHex(await sha256(new Uint8Array(bytes)));
    }
    const manifest = makeManifest({
      digest,
      planned,
      predicted: { ...predicted, ...error },
      batch,
      ...(generation ? { generation } : {}),
      model: {
        name: card.name,
        ...(classes ? { classes: [...classes] } : {}),
        ...(documents ? { documents: documents.length } : {}),
        ...(problem ? { problem } : {}),
        ...structure,
      },
      files: digests,
    });
    const text = `${JSON.stringify(manifest)}\n`;
    // No program is written that its readers would refuse. Who made insecure parameters has accepted them.
    const { insecure } = parameters;
    parseManifest(text, `the program of ${model}`, { insecure });
    await writeBytesDurably(join(client, manifestFile), new TextEncoder().encode(text));
    await syncDirectory(partial);
    await turn(signal);
    await rename(partial, out);
    await syncDirectory(dirname(out));
    return { manifest, parameters, compiled, ...planned, ...(generation ? { generation: generation.compiled } : {}) };
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

/** Removes what processes of this machine that were killed left of a program of that name. */
async function sweep(out: string): Promise<void> {
  const folder = dirname(out);
  if (!existsSync(folder)) return;
  const begin = `${basename(out)}.${hostname()}-`;
  for (const name of await readdir(folder)) {
    const [, process] = name.startsWith(begin)
      ? (/^(\d+)\.[0-9a-f-]{36}\.partial$/.exec(name.slice(begin.length)) ?? [])
      : [];
    if (process !== undefined && !isRunning(Number(process)))
      await rm(join(folder, name), { recursive: true, force: true });
  }
}

function isRunning(id: number): boolean {
  try {
    return process.kill(id, 0);
  } catch (error) {
    // Somebody else's process runs, too.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Lets the event loop turn, so that a signal can arrive. @throws the signal's reason */
async function turn(signal: AbortSignal | undefined): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  signal?.throwIfAborted();
}

/** @throws ResourceError for a program that takes more memory than it may */
function checkAffordable(peakBytes: number, memoryBytes: number, batch: number): void {
  if (peakBytes <= memoryBytes) return;
  const [needed, allowed] = apart(peakBytes, memoryBytes, gib, 2);
  const fewer = batch > 1 ? 'compute fewer inputs at once, or allow more' : 'allow more';
  throw new ResourceError(
    `the program takes up to ${needed} of memory, ${allowed} are allowed: ${fewer}; nothing was written`,
  );
}

/**
 * Compiles a program's model again.
 * @throws FileError where the result is not the manifest's program: the model's files have changed, or this release
 * compiles differently; errors as parseManifest
 */
export async function openProgram(folder: string, security: SecurityOptions = {}): Promise<OpenProgram> {
  const manifest = await readManifest(folder, security);
  const parameters = parametersOf(manifest, security);
  const { compiled, planned, digest, generation } = await compileFolder(folder, parameters, {
    batch: manifest.batch,
    ...(manifest.generation ? { generation: true, keptLevel: manifest.generation.keptLevel } : {}),
  });
  if (digest !== manifest.digest)
    throw new FileError(
      `${folder} gives program ${digest.slice(0, 12)}, its manifest says ${manifest.digest.slice(0, 12)}: its model was changed or this release compiles differently; compile it again and make new keys`,
    );
  return { manifest, parameters, compiled, ...planned, ...(generation ? { generation: generation.compiled } : {}) };
}

/** Compiles with as much precision as is asked for, and predicts the error. Errors as compileFolder. */
async function compilePrecisely(folder: string, given: Parameters | undefined, options: ProgramOptions) {
  const { precision = 'chosen' } = options;
  const compiledFor = async (choices: readonly Parameters[]) => {
    const compiled = await compileForFirst(folder, choices, options);
    return { ...compiled, error: predictError(compiled.planned, compiled.loaded.graph, compiled.batch) };
  };
  if (given) return compiledFor([given]);
  if (precision !== 'chosen') return compiledFor(programParameters(precision));
  const usual = await compiledFor(programParameters('usual'));
  const { errorAtUnitSpread = 0 } = usual.error ?? {};
  if (errorAtUnitSpread <= highestGoodError) return usual;
  await turn(options.signal);
  try {
    const high = await compiledFor(programParameters('high'));
    return (high.error?.errorAtUnitSpread ?? Number.POSITIVE_INFINITY) < errorAtUnitSpread ? high : usual;
  } catch (error) {
    // Fewer levels than some programs need.
    if (error instanceof PlacementError) return usual;
    throw error;
  }
}

/** For the first parameters whose levels suffice. Errors as compileFolder for the last ones. */
async function compileForFirst(folder: string, choices: readonly Parameters[], options: ProgramOptions) {
  const [first, ...others] = choices;
  try {
    return await compileFolder(folder, first!, options);
  } catch (error) {
    if (!(error instanceof PlacementError) || others.length === 0) throw error;
    return compileForFirst(folder, others, options);
  }
}

async function compileFolder(
  folder: string,
  parameters: Parameters,
  options: ProgramOptions & { readonly keptLevel?: number },
) {
  const { batch: asked = 1, memoryBytes = Number.POSITIVE_INFINITY, keptLevel } = options;
  const path = join(folder, serverFolder);
  if (!isPolynomialModel(path))
    throw new FileError(
      `${folder} has no model in "${serverFolder}": give the whole folder that compile wrote (the half "${clientFolder}" alone serves clients)`,
    );
  const loaded = loadPolynomialModel(path);
  const { graph } = loaded;
  const machine = machineOf(parameters, defaultCosts, 'default costs');
  const common = { slots: parameters.maxSlots, machine };
  const bootstrapPlan = new BootstrapPlan(parameters);
  if (options.generation) {
    if (asked !== 1)
      throw new LayoutError('a program that generates answers one prompt at a time: compile it for one input');
    const compiled = compileGeneration(graph, { ...common, ...(keptLevel === undefined ? {} : { keptLevel }) });
    const { tokens, stepSeconds: cpuSeconds } = compiled;
    const [planned, step] = planTogether([compiled.whole.program, compiled.step(tokens - 1)], bootstrapPlan) as [PlannedProgram, PlannedProgram]; // biome-ignore format: one list
    const model = await filesDigest(path);
    const both = [await programDigest(planned.program, model), await programDigest(step.program, model)];
    const digest = toHex(await sha256(new TextEncoder().encode(both.join(' '))));
    return {
      compiled: compiled.whole,
      planned,
      batch: 1,
      digest,
      loaded,
      generation: { compiled, tokens, step, cpuSeconds },
    };
  }
  // Of the programs that are tried for throughput, the one that is taken is planned already.
  const tried = new Map<EncryptedProgram, PlannedProgram>();
  const affordable = (program: EncryptedProgram) => {
    const planned = planProgram(program, bootstrapPlan);
    tried.set(program, planned);
    return predict(planned).peakBytes <= memoryBytes;
  };
  const compiled =
    asked === 'throughput'
      ? compileForThroughput(graph, { ...common, affordable })
      : compile(graph, { ...common, batch: asked });
  const planned = tried.get(compiled.program) ?? planProgram(compiled.program, bootstrapPlan);
  const digest = await programDigest(compiled.program, await filesDigest(path));
  return { compiled, planned, batch: compiled.batch, digest, loaded, generation: undefined };
}

/** SHA-256 over the names and contents of a folder's files. */
async function filesDigest(folder: string): Promise<Uint8Array> {
  const names = (await readdir(folder)).sort();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (const name of names) {
    parts.push(new TextEncoder().encode(`${name}\n`));
    parts.push(await sha256(new Uint8Array(await readFile(join(folder, name)))));
  }
  return sha256(joinBytes(parts));
}
