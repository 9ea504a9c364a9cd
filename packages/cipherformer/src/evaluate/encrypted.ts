import { createHash } from 'node:crypto';
import { type OnProgress, startPace, UsageError } from '@cipherformer/base';
import type { SecurityOptions } from '@cipherformer/ckks';
import { type OpenProgram, predictSeconds } from '@cipherformer/compiler';
import type { PolynomialModel } from '@cipherformer/model';
import type { DataConfig, Model, SplitName } from '@cipherformer/nn';
import { availableMemoryBytes, checkMemory } from '@cipherformer/runtime/server';
import { currentCommit, describeMachine } from '../measure/machine.ts';
import { ClearModels, logitsOf } from './clear.ts';
import { loadDataForPolynomial } from './data.ts';
import { type Examples, examplesOf } from './examples.ts';
import { openOrCompile, type ProgramSource, readOriginal, readPolynomialModel } from './models.ts';
import type { EvaluationFacts, ExampleResult } from './result.ts';
import { type EncryptedEvaluation, evaluationOf, readEarlierResults, writeResults } from './results-file.ts';
import { type Selection, selectExamples } from './selection.ts';
import { EncryptedSession } from './session.ts';

export interface EncryptedEvaluationOptions extends ProgramSource {
  /** Folder of the model that the polynomial one was made from. */
  readonly original: string;
  readonly data: DataConfig;
  /** The folder that paths of data and weights start from. */
  readonly root: string;
  readonly split: SplitName;
  /** How many examples. */
  readonly count: number;
  readonly selection: Selection;
  /** What keygen wrote. Default: keys made in memory. */
  readonly keys?: string;
  /** Results as they come; an earlier run's are kept. */
  readonly out?: string;
  /** Of the original model. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly progress?: EvaluationProgress;
}

/** What a long evaluation tells while it runs. */
export interface EvaluationProgress {
  note(text: string): void;
  readonly setUp: OnProgress;
  /** Predicted seconds done of those of all examples; `detail` is what was computed last. */
  readonly running: OnProgress;
  answered(example: ExampleResult, classes: readonly string[] | undefined): void;
}

/**
 * Asks four forms of one model about the same examples: the original in float32, the polynomial model in float64, the
 * encrypted program simulated, and encrypted in this process with keys loaded once.
 * @throws UsageError for models, data, program or results that do not belong together; errors of compile, keys and runs
 * Cost: keys once (tens of seconds, gigabytes), then an encrypted run an example, or a batch where the program computes several.
 */
export async function evaluateEncrypted(
  options: EncryptedEvaluationOptions,
  security: SecurityOptions = {},
): Promise<EncryptedEvaluation> {
  const { split, count, selection, progress, out } = options;
  // Before the work: afterwards the load is our own.
  const measuredWith = { machine: describeMachine(), commit: currentCommit() ?? null };
  const model = readPolynomialModel(options.model);
  const original = readOriginal(options.original, options.root, model);
  const examples = examplesOf(model, await loadDataForPolynomial(model, options.data, options.root), split);
  const asked = chooseExamples(examples, count, selection);
  if (options.program === undefined) progress?.note('compiling the program');
  await using program = await openOrCompile(options, model, security);
  const { opened } = program;
  const identity = identityOf(opened, original, options);
  const earlier = out === undefined ? undefined : readEarlierResults(out, identity, asked);
  const results = new Map<number, ExampleResult>(earlier?.examples.map((example) => [example.index, example]));
  const missing = asked.filter((index) => !results.has(index));
  const evaluation = (measuredKeyBytes: number) => {
    const facts = factsOf(opened, examples, model, identity, options, measuredKeyBytes);
    return evaluationOf(facts, measuredWith, asked.flatMap((index) => results.get(index) ?? [])); // biome-ignore format: one call
  };
  if (earlier && missing.length === 0) return evaluation(earlier.keyBytes.measured);
  if (earlier) progress?.note(`${results.size} of ${count} examples are in ${out} already`);
  checkMemory(opened, availableMemoryBytes());
  using session = await EncryptedSession.open(opened, options.keys, {
    ...security,
    ...(progress ? { progress: progress.setUp } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const clear = await ClearModels.create(original, model, examples, opened, options.threads ?? 1);
  try {
    const { batch } = opened.manifest;
    const track = tracker(opened, Math.ceil(missing.length / batch), progress);
    for (let from = 0; from < missing.length; from += batch) {
      options.signal?.throwIfAborted();
      const together = missing.slice(from, from + batch);
      const inClear = await clear.answer(together);
      const encrypted = await session.ask(inClear.map(({ inputs }) => inputs), {
        onInstruction: track(together),
        ...(options.signal ? { signal: options.signal } : {}),
      }); // biome-ignore format: one call
      for (const [k, index] of together.entries()) {
        const { inputs: _, ...answers } = inClear[k]!;
        results.set(index, { index, label: examples.label(index), ...answers, encrypted: encrypted[k]! });
      }
      if (out !== undefined) writeResults(out, evaluation(session.keyBytes));
      for (const index of together) progress?.answered(results.get(index)!, model.classes ?? examples.names);
    }
  } finally {
    await clear.close();
  }
  return evaluation(session.keyBytes);
}

function chooseExamples(examples: Examples, count: number, selection: Selection): number[] {
  const { offset } = selection;
  if (offset + count > examples.count)
    throw new UsageError(
      `${count} examples from ${offset} on are asked, the split has ${examples.count}: lower --encrypted or --offset.`,
    );
  const labels = Array.from({ length: examples.count }, (_, i) =>
    examples.kind === 'classification' ? examples.label(i) : undefined,
  );
  return selectExamples(labels, count, selection);
}

/** A hash of all that the results depend on, noise and time apart. */
function identityOf({ manifest }: OpenProgram, original: Model, options: EncryptedEvaluationOptions): string {
  const { data, split, selection } = options;
  const hash = createHash('sha256');
  hash.update(JSON.stringify([manifest.digest, data, split, selection, original.config, original.preprocess]));
  for (const [name, { data: values }] of original.weights) {
    hash.update(name);
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}

function factsOf(
  { manifest, parameters, program }: OpenProgram,
  { names }: Examples,
  { card, classes = names }: PolynomialModel,
  identity: string,
  { split, selection: { order, seed, offset } }: EncryptedEvaluationOptions,
  measuredKeyBytes: number,
): EvaluationFacts {
  const shuffled = names ? `windows shuffled with seed ${seed}` : `shuffled with seed ${seed}, classes in turn`;
  const how = order === 'file' ? 'as they lie in the file' : shuffled;
  return {
    identity,
    model: card.name,
    ...(classes ? { classes } : {}),
    split,
    choice: `${how}, from number ${offset} on`,
    program: manifest.digest,
    parameters: `N = 2^${parameters.logN}, log2(QP) = ${parameters.logQP.toFixed(0)}, ${parameters.security}`,
    bootstraps: manifest.predicted.bootstraps,
    keyBytes: { predicted: manifest.keys.keyBytes, measured: measuredKeyBytes },
    predictedPeakBytes: manifest.predicted.peakBytes,
    batch: manifest.batch,
    outputSizes: logitsOf(program, manifest.batch).map(({ size }) => size),
  };
}

/** Passes on how far the runs are, in predicted seconds over all examples. */
function tracker({ program, parameters }: OpenProgram, runs: number, progress: EvaluationProgress | undefined) {
  const seconds = predictSeconds(program, parameters);
  const total = runs * seconds.reduce((sum, s) => sum + s, 0);
  const pace = startPace();
  let done = 0;
  return ([first, ...more]: readonly number[]) => {
    const asked = more.length === 0 ? `example ${first}` : `example ${first} and ${more.length} more`;
    return ({ index }: { readonly index: number }) => {
      done += seconds[index]!;
      const detail = `${asked}, ${program.instructions[index]!.source}`;
      progress?.running({ what: 'run', done, total, secondsLeft: pace(done, total), detail });
    };
  };
}
