import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '@cipherformer/base';
import type { Parameters, SecurityOptions } from '@cipherformer/ckks';
import { type OpenProgram, openProgram, writeProgram } from '@cipherformer/compiler';
import { answerKindOf, type PolynomialModel, serialisePolynomialModel, valueShapes } from '@cipherformer/model';
import { isPolynomialModel, loadPolynomialModel } from '@cipherformer/model/files';
import { loadModel, type Model } from '@cipherformer/nn';
import { serverFolder } from '@cipherformer/runtime/server';

/** @throws UsageError for a folder of another kind, or a model whose answers are not right or wrong */
export function readPolynomialModel(folder: string): PolynomialModel {
  if (!isPolynomialModel(folder))
    throw new UsageError(`${folder} is not a polynomial model, and only these run encrypted: convert it first.`);
  const model = loadPolynomialModel(folder);
  const kind = answerKindOf(model.task, model.problem);
  if (kind !== 'class' && kind !== 'next-token')
    throw new UsageError(
      `${folder} answers with ${kind}: evaluated are models that choose a class or the next token; its conversion.json has how near it is to its original.`,
    );
  return model;
}

/** The trained model. @throws UsageError where it does something else than the polynomial one */
export function readOriginal(folder: string, root: string, model: PolynomialModel): Model {
  if (isPolynomialModel(folder))
    throw new UsageError(`--original ${folder} is a polynomial model: give the trained model it was made from.`);
  const original = loadModel(folder, root);
  const { config, preprocess } = original;
  const outputs = valueShapes(model.graph)[model.graph.output]!.columns;
  const named = preprocess.classes && model.classes && preprocess.classes.join() !== model.classes.join();
  if (config.task !== model.task || config.head.outputs !== outputs || named)
    throw new UsageError(
      `--original ${folder} does ${config.task} with ${config.head.outputs} outputs (${preprocess.classes ?? 'no names'}), ` +
        `the polynomial model ${model.task} with ${outputs} (${model.classes ?? 'no names'}): give the model it was made from.`,
    );
  return original;
}

export interface ProgramSource {
  /** Folder of the polynomial model. */
  readonly model: string;
  /** A compiled program of it. Default: compiled now. */
  readonly program?: string;
  /** What to compile for where no program is given. Default: those of `compile`. */
  readonly parameters?: Parameters;
}

/** The program given, which has to be one of this model, or one compiled into a folder that goes with it. @throws UsageError for one of another model */
export async function openOrCompile(
  { model: folder, program, parameters }: ProgramSource,
  model: PolynomialModel,
  security: SecurityOptions,
): Promise<AsyncDisposable & { readonly opened: OpenProgram }> {
  if (program !== undefined) {
    const opened = await openProgram(program, security);
    if (!sameModel(model, loadPolynomialModel(join(program, serverFolder))))
      throw new UsageError(`${program} is the program of another model than ${folder}: compile this one.`);
    return { opened, async [Symbol.asyncDispose]() {} };
  }
  const temporary = await mkdtemp(join(tmpdir(), 'cipherformer-eval-'));
  const remove = () => rm(temporary, { recursive: true, force: true });
  try {
    const opened = await writeProgram(folder, join(temporary, 'program'), { batch: 1 }, parameters);
    return { opened, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

function sameModel(a: PolynomialModel, b: PolynomialModel): boolean {
  const [mine, theirs] = [serialisePolynomialModel(a), serialisePolynomialModel(b)];
  return mine.size === theirs.size && [...mine].every(([name, bytes]) => bytesEqual(bytes, theirs.get(name)));
}

function bytesEqual(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(b);
}
