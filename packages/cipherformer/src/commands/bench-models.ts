import { mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gib, UsageError } from '@cipherformer/base';
import { type ModelInput, PolynomialEvaluator, type PolynomialModel, prepareInput } from '@cipherformer/model';
import { loadPolynomialModel, savePolynomialModel } from '@cipherformer/model/files';
import type { Command } from 'commander';
import { Build } from '../bench/build.ts';
import { ModelUnderTest, type Question, type WholeRun } from '../bench/whole-run.ts';
import { demoFolder, demoPaths } from '../demo/folder.ts';
import { pixelsOf, testImages } from '../demo/samples.ts';
import { currentCommit, describeMachine } from '../measure/machine.ts';
import { machineLine } from '../measure/report.ts';
import { calibratedModel, randomPicture, randomQuestion } from '../shapes/random-model.ts';
import { modelShapes, type ShapeName, shapeNames } from '../shapes/shapes.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { positiveInteger, seedNumber } from '../terminal/numbers.ts';
import { startBar } from '../terminal/progress.ts';
import { renderTable } from '../terminal/table.ts';

interface BenchModelsOptions {
  readonly questions: number;
  readonly seed: number;
  readonly against?: string;
  readonly json?: boolean;
}

/** The models of this repository, by the name that this command takes. */
const shipped = {
  mnist: { folder: 'models/mnist-vit-polynomial', pictures: 'samples' },
  cifar: { folder: 'models/cifar10-vit-polynomial', pictures: 'random' },
} as const;
const names = [...Object.keys(shipped), ...shapeNames];

/** What a model took, and where two builds were asked what the other took and the quotients: below 1, this build takes less. */
interface ModelReport extends WholeRun {
  readonly against?: WholeRun;
  readonly ratio?: Readonly<Record<(typeof compared)[number], number | null>>;
}

const compared = ['coldSeconds', 'warmSeconds', 'cpuSeconds', 'coldCpuSeconds', 'peakRssBytes', 'wireBytes', 'requestBytes'] as const; // biome-ignore format: a list

/** `cipherformer bench models`: whole models, encrypted, each step in a process of its own; against another build too. */
export function registerBenchModels(bench: Command): void {
  bench
    .command('models')
    .description('Ask whole models encrypted, from key generation to the answer: time, memory, bytes, answers')
    .argument('[models...]', `of ${names.join(', ')}; the first two are trained, the others have random weights`, [
      'mnist',
    ])
    .option('--questions <n>', 'of each model, each a cold run; times are medians', positiveInteger, 1)
    .option('--seed <n>', 'of random weights and inputs', seedNumber, 1)
    .option('--against <checkout>', 'an older checkout, installed and built: ask it the same in turns, and give ratios')
    .option('--json', 'JSON on stdout')
    .action(benchModels);
}

async function benchModels(models: readonly string[], options: BenchModelsOptions): Promise<void> {
  const wrong = models.find((name) => !names.includes(name));
  if (wrong !== undefined) throw new UsageError(`"${wrong}" is none of ${names.join(', ')}.`);
  // Before the work: afterwards the load is our own.
  const [machine, commit] = [describeMachine(), currentCommit() ?? null];
  const own = Build.at();
  const other = options.against === undefined ? undefined : Build.at(options.against);
  const bar = startBar('bench models', models.length * (1 + options.questions));
  const results: ModelReport[] = [];
  await interruptible('stopping; nothing is kept', async (signal) => {
    for (const name of models) {
      const note = (done: number, text: string) =>
        bar.update(results.length * (1 + options.questions) + done, `${name}: ${text}`);
      results.push(await benchModel(name, options, own, other, note, signal));
    }
  }).finally(() => bar.stop());
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ machine, commit, results })}\n`
      : `${machineLine(machine)}, commit ${commit}\n${table(results)}\n`,
  );
}

async function benchModel(
  name: string,
  { questions: count, seed }: BenchModelsOptions,
  own: Build,
  other: Build | undefined,
  note: (done: number, text: string) => void,
  signal: AbortSignal,
): Promise<ModelReport> {
  const folder = await mkdtemp(join(tmpdir(), 'cipherformer-models-'));
  try {
    const { model, questions } = modelAndQuestions(name, count, seed, join(folder, 'model'));
    const sides = [own, ...(other ? [other] : [])].map((build, i) => {
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
    const { folder: path, pictures } = shipped[name as keyof typeof shipped];
    const model = join(demoFolder(), path);
    const loaded = loadPolynomialModel(model);
    const images = pictures === 'samples' ? testImages(demoPaths()) : undefined;
    const inputs = each((i) => ({ pixels: images ? pixelsOf(images, i) : randomPicture(loaded, seed + i) }));
    return { model, questions: asked(loaded, inputs) };
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

function table(results: readonly ModelReport[]): string {
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
  return renderTable(head, rows);
}
