import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { gib, isCipherformerError, type OnProgress, UsageError } from '@cipherformer/base';
import { loadPolynomialModel } from '@cipherformer/model/files';
import { convert, datasets, evaluateModel, evaluatePolynomialModel, loadModel, recipeData } from '@cipherformer/nn';
import { type ProgramManifest, parametersOf } from '@cipherformer/runtime/client';
import pc from 'picocolors';
import { numbersOf } from '../evaluate/figures.ts';
import { describeMachine } from '../measure/machine.ts';
import { best } from '../measure/statistics.ts';
import { percent } from '../page/format.ts';
import { formatSeconds } from '../terminal/progress.ts';
import { askEncrypted, makeKeys } from './encrypted.ts';
import { demoPaths } from './folder.ts';
import { compareAnswers, type DemoImage, type DemoResult } from './result.ts';
import { demoRecipe, originalLogits, polynomialLogits, testImages } from './samples.ts';
import { runVerb } from './verbs.ts';

/** What is asked, where it goes, and who hears what happens. */
export interface DemoOptions {
  /** Test images to ask about. */
  readonly images: number;
  /** Folder of program, keys and ciphertexts. */
  readonly out: string;
  readonly tell: DemoVoice;
}

/** Says what happens, for those who watch. */
export interface DemoVoice {
  say(...lines: readonly string[]): void;
  step(number: number, what: string): void;
  note(text: string): void;
  readonly progress: OnProgress;
}

/**
 * Goes the whole way on real images, at full security: the models in clear, a live piece of the conversion, the program, its keys,
 * then each image encrypted, run and decrypted, each in a process of its own.
 * Cost: minutes, gigabytes of `out`. @throws UsageError for more images than there are; VerbError where a step fails
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const started = performance.now();
  const { say, step, note, progress } = options.tell;
  const images = testImages();
  if (options.images > images.count)
    throw new UsageError(`${options.images} images are asked for, the sample holds ${images.count}.`);
  mkdirSync(options.out, { recursive: true });
  say(
    pc.bold(
      `A vision transformer of 6 layers answers ${options.images === 1 ? 'a question' : `${options.images} questions`} that it cannot read.`,
    ),
    'The plan: the models in clear, a minute of live conversion, the encrypted program, its keys, then each image. A few minutes in all.',
  );

  step(1, 'The original and the polynomial model in clear');
  const paths = demoPaths();
  const recipe = demoRecipe(paths);
  const original = loadModel(paths.original);
  const polynomial = loadPolynomialModel(paths.polynomial);
  const { test } = await datasets.load(recipeData(recipe), { root: paths.samples });
  let missing: string | undefined;
  const softmax = await evaluateModel(original, test)
    .then(accuracyOf)
    .catch((error: unknown) => {
      if (!isCipherformerError(error) || error.code !== 'missing-package') throw error;
      missing = error.hint;
      return undefined;
    });
  const clear = accuracyOf((await evaluatePolynomialModel(polynomial, test)).result);
  const originalRight = softmax === undefined ? '' : `original ${percent(softmax, 1)}, `;
  note(`right on ${images.count} test images: ${originalRight}polynomial ${percent(clear, 1)}`);

  step(2, 'A live piece of the conversion: softmax attention becomes element-wise, learned from the original');
  const conversion = missing === undefined ? await liveConversion(options.out, progress) : undefined;
  if (conversion)
    note(conversion.stages.map(({ name, accuracy }) => `${name} ${percent(accuracy, 1)}`).join(', then '));
  else note('left out, as the original model above: ONNX Runtime is not installed');

  step(3, 'The encrypted program: packing, levels, bootstraps, keys');
  const folder = join(options.out, 'program');
  const compiled = await runVerb(['compile', paths.polynomial, '--out', folder]);
  const program = programFacts(compiled);
  note(
    `${program.bootstraps} bootstraps; predicted ${program.predictedCpuSeconds.toFixed(1)} s of processor time, ${gib(program.predictedPeakBytes)} of memory`,
  );

  step(4, 'Keys at 128-bit security: the secret one stays with the owner of the images');
  const keysFrom = performance.now();
  const keys = await makeKeys(folder, join(options.out, 'keys'));
  const keygenSeconds = (performance.now() - keysFrom) / 1000;
  note(`${gib(keys.evaluationBytes)} of evaluation keys for the server, made in ${formatSeconds(keygenSeconds)}`);

  step(5, 'Encrypt, run, decrypt: three processes, and only the first and the last hold the secret key');
  const plain = missing === undefined ? await originalLogits(original, images, options.images) : [];
  const expected = polynomialLogits(polynomial, images, options.images);
  const answers: DemoImage[] = [];
  for (let i = 0; i < options.images; i++) {
    const encrypted = await askEncrypted(folder, keys, images, i, join(options.out, 'data'));
    const answer = compareAnswers(i, images.labels[i]!, plain[i], expected[i]!, encrypted);
    answers.push(answer);
    note(
      `image ${i}, a ${answer.label}: encrypted answer ${encrypted.trusted ? best(encrypted.logits) : 'untrusted'} in ${encrypted.coldSeconds.toFixed(1)} s`,
    );
  }

  return {
    machine: machineLine(),
    seconds: (performance.now() - started) / 1000,
    missing,
    original: softmax === undefined ? undefined : { accuracy: softmax, images: images.count },
    polynomial: { accuracy: clear, images: images.count },
    conversion,
    program,
    keygenSeconds,
    evaluationBytes: keys.evaluationBytes,
    images: answers,
  };
}

async function liveConversion(out: string, progress: OnProgress): Promise<NonNullable<DemoResult['conversion']>> {
  const started = performance.now();
  const paths = demoPaths();
  const { measured } = await convert(loadModel(paths.original), demoRecipe(paths), {
    dataRoot: paths.samples,
    out: join(out, 'conversion'),
    modelName: 'mnist-vit',
    endsOnly: true,
    progress({ done, total, loss, secondsLeft }) {
      if (loss !== undefined)
        progress({ what: 'convert', done, total, secondsLeft, detail: `loss ${loss.toFixed(3)}` });
    },
  });
  const stages = measured.stages.map(({ name, validation }) => ({ name, accuracy: validation.accuracy ?? 0 }));
  return { seconds: (performance.now() - started) / 1000, stages };
}

function programFacts(compiled: Record<string, unknown>): DemoResult['program'] {
  const manifest = compiled as unknown as ProgramManifest;
  const { predicted } = manifest;
  const { logN, logQP } = parametersOf(manifest);
  return {
    ...{ logN, logQP },
    bootstraps: predicted.bootstraps,
    predictedCpuSeconds: predicted.cpuSeconds,
    predictedPeakBytes: predicted.peakBytes,
  };
}

function machineLine(): string {
  const { cpu, cores, node } = describeMachine();
  return `${cpu}, ${cores} cores, Node ${node}`;
}

const accuracyOf = (result: object): number => numbersOf(result).accuracy!;
