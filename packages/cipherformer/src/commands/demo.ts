import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gib, isCipherformerError, UsageError } from '@cipherformer/base';
import { loadPolynomialModel } from '@cipherformer/model/files';
import {
  convert,
  datasets,
  evaluateModel,
  evaluatePolynomialModel,
  type ImageSet,
  loadModel,
  recipeData,
} from '@cipherformer/nn';
import { type ProgramManifest, parametersOf } from '@cipherformer/runtime/client';
import type { Command } from 'commander';
import pc from 'picocolors';
import { askEncrypted, makeKeys } from '../demo/encrypted.ts';
import { demoPaths } from '../demo/folder.ts';
import { demoPage } from '../demo/page.ts';
import { compareAnswers, type DemoImage, type DemoResult } from '../demo/result.ts';
import { demoRecipe, originalLogits, polynomialLogits, testImages } from '../demo/samples.ts';
import { runVerb } from '../demo/verbs.ts';
import { describeMachine } from '../measure/machine.ts';
import { best } from '../measure/statistics.ts';
import { percent } from '../page/format.ts';
import { positiveInteger } from '../terminal/numbers.ts';
import { print } from '../terminal/output.ts';
import { type Bar, formatSeconds, startBar } from '../terminal/progress.ts';
import { renderTable } from '../terminal/table.ts';

interface DemoOptions {
  readonly images: number;
  readonly out: string;
  readonly keep?: boolean;
  readonly json?: boolean;
}

/** `cipherformer demo`: the main job end to end, on real images, at full security. */
export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('Ask a vision transformer about encrypted digits: convert, compile, make keys, encrypt, run, decrypt')
    .option('--images <n>', 'test images to ask about', positiveInteger, 3)
    .option('--out <folder>', 'where the program, the keys, the ciphertexts and the report go', 'demo')
    .option('--keep', 'keep keys and ciphertexts (gigabytes); default: only the report stays')
    .option('--json', 'the result as JSON on stdout')
    .action(demo);
}

async function demo(options: DemoOptions): Promise<void> {
  const started = performance.now();
  const images = testImages();
  if (options.images > images.count)
    throw new UsageError(`--images ${options.images}: the sample holds ${images.count} images.`);
  if (existsSync(join(options.out, 'program')))
    throw new UsageError(`${options.out} holds the files of an earlier demo: delete it, or choose another --out.`);
  mkdirSync(options.out, { recursive: true });
  // Keys and ciphertexts are gigabytes: they go however this ends.
  const clear = () => {
    for (const part of ['conversion', ...(options.keep ? [] : ['program', 'keys', 'data'])])
      rmSync(join(options.out, part), { recursive: true, force: true });
  };
  // Whatever ends the process, an interruption too.
  process.once('exit', clear);
  try {
    finish(await steps(options, images, started), options);
  } finally {
    process.removeListener('exit', clear);
    clear();
  }
}

async function steps(options: DemoOptions, images: ImageSet, started: number): Promise<DemoResult> {
  say(
    pc.bold(`A vision transformer of 6 layers answers ${options.images} questions that it cannot read.`),
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
  const conversion = missing === undefined ? await liveConversion(options.out) : undefined;
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

/** Writes the report and shows the result. */
function finish(result: DemoResult, { out, json }: DemoOptions): void {
  const report = join(out, 'report.html');
  writeFileSync(report, demoPage(result));
  const wrong = result.images.filter(({ agrees }) => !agrees).length;
  print(json, {
    value: result,
    text: () => `${logitTables(result)}\n${summary(result)}\nreport: ${report}`,
    next: `cipherformer serve ${demoPaths().polynomial} (draw a digit in a browser)`,
    shortfall:
      wrong > 0
        ? `${wrong} of ${result.images.length} encrypted answers are not those of the model in clear.`
        : undefined,
  });
  if (result.missing !== undefined)
    say(`Also the original model, and the live piece of the conversion: ${result.missing}`);
}

async function liveConversion(out: string): Promise<NonNullable<DemoResult['conversion']>> {
  const started = performance.now();
  const paths = demoPaths();
  const recipe = demoRecipe(paths);
  let bar: Bar | undefined;
  try {
    const { measured } = await convert(loadModel(paths.original), recipe, {
      dataRoot: paths.samples,
      out: join(out, 'conversion'),
      modelName: 'mnist-vit',
      endsOnly: true,
      progress({ done, total, loss, secondsLeft }) {
        if (loss === undefined) return;
        bar ??= startBar('convert', total);
        bar.update(done, `loss ${loss.toFixed(3)}`, secondsLeft);
      },
    });
    const stages = measured.stages.map(({ name, validation }) => ({ name, accuracy: validation.accuracy ?? 0 }));
    return { seconds: (performance.now() - started) / 1000, stages };
  } finally {
    bar?.stop();
  }
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

function logitTables({ images }: DemoResult): string {
  return images
    .map(({ index, label, original, polynomial, encrypted }) => {
      const row = (name: string, logits: readonly number[]) => [
        name,
        ...logits.map((x, k) => (k === best(logits) ? pc.bold(x.toFixed(3)) : x.toFixed(3))),
      ];
      const rows = [row('polynomial', polynomial), row('encrypted', encrypted.logits)];
      if (original) rows.unshift(row('original', original));
      return renderTable([`image ${index}, a ${label}`, ...polynomial.map((_, k) => `${k}`)], rows);
    })
    .join('\n');
}

function summary({ images, seconds, evaluationBytes }: DemoResult): string {
  const agree = images.filter(({ agrees }) => agrees).length;
  const of = (pick: (image: DemoImage) => number) => Math.max(...images.map(pick));
  return renderTable(
    ['', ''],
    [
      ['encrypted answers as in clear', `${agree} of ${images.length}`],
      ['largest difference of a logit, at unit spread', of((i) => i.difference).toExponential(1)],
      ['slowest answer, cold', `${of((i) => i.encrypted.coldSeconds).toFixed(1)} s`],
      ['of that the run itself, warm', `${of((i) => i.encrypted.warmSeconds).toFixed(1)} s`],
      ['processor time', `${of((i) => i.encrypted.cpuSeconds).toFixed(1)} s`],
      ['peak memory of the server', gib(of((i) => i.encrypted.peakRssBytes))],
      ['evaluation keys', gib(evaluationBytes)],
      ['an encrypted image', `${(of((i) => i.encrypted.inputBytes) / 2 ** 20).toFixed(1)} MiB`],
      ['the whole demo', formatSeconds(seconds)],
    ],
  );
}

function machineLine(): string {
  const { cpu, cores, node } = describeMachine();
  return `${cpu}, ${cores} cores, Node ${node}`;
}

function accuracyOf(result: object): number {
  return (result as { accuracy: number }).accuracy;
}

const say = (...lines: readonly string[]) => process.stderr.write(`${lines.join('\n')}\n`);
const step = (number: number, what: string) => process.stderr.write(`\n${pc.bold(`${number}. ${what}`)}\n`);
const note = (text: string) => process.stderr.write(`   ${text}\n`);
