import { mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gib, type OnProgress, UsageError } from '@cipherformer/base';
import { type ModelInput, PolynomialEvaluator, type PolynomialModel, prepareInput } from '@cipherformer/model';
import { loadPolynomialModel, savePolynomialModel } from '@cipherformer/model/files';
import { demoFolder, demoPaths } from '../demo/folder.ts';
import { pixelsOf, testImages } from '../demo/samples.ts';
import { currentCommit, describeMachine, type MachineDescription } from '../measure/machine.ts';
import { machineLine } from '../measure/report.ts';
import { calibratedModel, randomPicture, randomQuestion } from '../shapes/random-model.ts';
import { modelShapes, type ShapeName, shapeNames } from '../shapes/shapes.ts';
import { renderTable } from '../terminal/table.ts';
import { Build } from './build.ts';
import { ModelUnderTest, type Question, type WholeRun } from './whole-run.ts';

/** What models are asked, and by which builds. */
export interface ModelBenchOptions {
  /** Of each model, each a cold run; times are medians. */
  readonly questions: number;
  /** Of random weights and inputs. */
  readonly seed: number;
  /** An older checkout, installed and built, which is asked the same in turns. */
  readonly against?: string;
  readonly progress?: OnProgress;
  /** Ends the step that runs. */
  readonly signal: AbortSignal;
}

/** The models of this repository, by their names here. */
const shipped = {
  mnist: { folder: 'models/mnist-vit-polynomial', inputs: 'samples' },
  cifar: { folder: 'models/cifar10-vit-polynomial', inputs: 'random' },
  'lm-4': { folder: 'models/books-lm-4-polynomial', inputs: 'random' },
} as const;
/** Models of trained weights. */
export const trainedModels: readonly string[] = Object.keys(shipped);
/** Models that can be asked: those that are trained, and shapes with random weights. */
export const benchedModels: readonly string[] = [...new Set([...trainedModels, ...shapeNames])];

/** What a model took, and where two builds were asked what the other took and the quotients: below 1, this build takes less. */
export interface ModelReport extends WholeRun {
  readonly against?: WholeRun;
  readonly ratio?: Readonly<Record<(typeof compared)[number], number | null>>;
}

const compared = ['coldSeconds', 'warmSeconds', 'cpuSeconds', 'coldCpuSeconds', 'peakRssBytes', 'wireBytes', 'requestBytes'] as const; // biome-ignore format: a list

/** What models took, with the machine it was measured on. */
export interface ModelsReport {
  readonly machine: MachineDescription;
  readonly commit: string | null;
  readonly results: readonly ModelReport[];
}

/**
 * Asks whole models encrypted, from key generation to the answer, each step in a process of its own: time, memory, bytes,
 * answers. Cost: minutes a model, gigabytes of the temporary folder while it is asked.
 * @throws UsageError for another model, or no checkout; CheckFailedError where a step fails; the signal's reason
 */
export async function benchModels(models: readonly string[], options: ModelBenchOptions): Promise<ModelsReport> {
  const wrong = models.find((name) => !benchedModels.includes(name));
  if (wrong !== undefined) throw new UsageError(`"${wrong}" is none of ${benchedModels.join(', ')}.`);
  // Before the work: afterwards the load is our own.
  const [machine, commit] = [describeMachine(), currentCommit() ?? null];
  const builds = [Build.at(), ...(options.against === undefined ? [] : [Build.at(options.against)])];
  const steps = 1 + options.questions;
  const total = models.length * steps;
  const results: ModelReport[] = [];
  for (const [i, name] of models.entries()) {
    const note = (done: number, text: string) =>
      options.progress?.({ what: 'bench models', done: i * steps + done, total, detail: `${name}: ${text}` });
    results.push(await benchModel(name, options, builds, note));
  }
  options.progress?.({ what: 'bench models', done: total, total });
  return { machine, commit, results };
}

async function benchModel(
  name: string,
  { questions: count, seed, signal }: ModelBenchOptions,
  builds: readonly Build[],
  note: (done: number, text: string) => void,
): Promise<ModelReport> {
  const folder = await mkdtemp(join(tmpdir(), 'cipherformer-models-'));
  try {
    const { model, questions } = modelAndQuestions(name, count, seed, join(folder, 'model'));
    const sides = builds.map((build, i) => {
      const place = join(folder, `${i}`);
      mkdirSync(place);
      return new ModelUnderTest(build, place, signal);
    });
    note(0, 'program and keys');
    for (const side of sides) await side.prepare(model);
    for (const [k, question] of questions.entries()) {
      note(1 + k, `question ${k + 1} of ${count}`);
      for (const side of sides) await side.ask(question);
    }
    const [mine, theirs] = sides.map((side) => side.measured(name));
    return { ...mine!, ...(theirs ? { against: theirs, ratio: ratioOf(mine!, theirs) } : {}) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The folder of a model, written to `folder` where its weights are random, and what it is asked. */
function modelAndQuestions(
  name: string,
  count: number,
  seed: number,
  folder: string,
): { readonly model: string; readonly questions: readonly Question[] } {
  const asked = (model: PolynomialModel, inputs: readonly ModelInput[]) => {
    const evaluator = new PolynomialEvaluator(model.graph);
    return inputs.map((input) => ({ input, expected: evaluator.run(prepareInput(model, input)).slice() }));
  };
  const each = <One>(make: (i: number) => One) => Array.from({ length: count }, (_, i) => make(i));
  if (Object.hasOwn(shipped, name)) {
    const { folder: path, inputs } = shipped[name as keyof typeof shipped];
    const model = join(demoFolder(), path);
    const loaded = loadPolynomialModel(model);
    const images = inputs === 'samples' ? testImages(demoPaths()) : undefined;
    const input = (i: number): ModelInput => {
      if (images) return { pixels: pixelsOf(images, i) };
      return loaded.preprocess.kind === 'image' ? { pixels: randomPicture(loaded, seed + i) } : randomQuestion(loaded, seed + i);
    }; // biome-ignore format: one line
    return { model, questions: asked(loaded, each(input)) };
  }
  // Bounds from one input alone would be tighter than a model's are.
  const inputsOf = (random: PolynomialModel, more: number) => Array.from({ length: count + more }, (_, i) => randomQuestion(random, seed + i)); // biome-ignore format: a line
  const model = calibratedModel(modelShapes[name as ShapeName], seed, (random) =>
    inputsOf(random, 1).map((input) => prepareInput(random, input)),
  );
  const inputs = inputsOf(model, 0);
  savePolynomialModel(folder, model);
  return { model: folder, questions: asked(model, inputs) };
}

function ratioOf(mine: WholeRun, theirs: WholeRun): NonNullable<ModelReport['ratio']> {
  const quotient = (a: number | null, b: number | null) => (a === null || b === null ? null : a / b);
  return Object.fromEntries(compared.map((key) => [key, quotient(mine[key], theirs[key])])) as unknown as NonNullable<
    ModelReport['ratio']
  >;
}

/** The report for a person. */
export function modelsTable({ machine, commit, results }: ModelsReport): string {
  const row = (name: string, run: WholeRun) => [
    name,
    run.coldSeconds.toFixed(1),
    run.warmSeconds.toFixed(1),
    run.cpuSeconds.toFixed(1),
    run.coldCpuSeconds?.toFixed(1) ?? '',
    gib(run.peakRssBytes),
    gib(run.wireBytes),
    gib(run.requestBytes),
    run.bootstraps,
    `${run.agree} of ${run.of}`,
    run.worstDifference.toExponential(1),
  ];
  const rows = results.flatMap((result) => {
    const { name, against, ratio } = result;
    if (!against || !ratio) return [row(name, result)];
    const quotients = compared.map((key) => ratio[key]?.toFixed(2) ?? '');
    return [row(name, result), row(`${name}, the other build`, against), ['ratio', ...quotients, '', '', '']];
  });
  const head = ['model', 'cold s', 'warm s', 'processor s', 'with its process', 'memory', 'keys', 'request', 'bootstraps', 'answers', 'worst difference']; // biome-ignore format: a row
  return `${machineLine(machine)}, commit ${commit}\n${renderTable(head, rows)}`;
}
