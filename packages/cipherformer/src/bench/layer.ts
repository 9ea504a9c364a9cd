import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gib, type OnProgress } from '@cipherformer/base';
import { followRun, writeProgram } from '@cipherformer/compiler';
import { evaluate } from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import { packInputs, runClear } from '@cipherformer/runtime';
import { availableMemoryBytes, checkMemory } from '@cipherformer/runtime/server';
import { EncryptedSession } from '../evaluate/session.ts';
import { currentCommit, describeMachine } from '../measure/machine.ts';
import { machineLine } from '../measure/report.ts';
import { spreadDifference } from '../measure/statistics.ts';
import { calibratedModel, randomInput } from '../shapes/random-model.ts';
import { modelShapes, type ShapeName } from '../shapes/shapes.ts';
import { renderTable } from '../terminal/table.ts';

/** Which layers of which model are run. */
export interface LayerBenchOptions {
  readonly shape: ShapeName;
  /** How many layers, and the head. */
  readonly layers: number;
  /** Of weights and input. */
  readonly seed: number;
  readonly progress?: OnProgress;
  /** Looked at between the instructions. */
  readonly signal?: AbortSignal;
}

/** An encrypted answer of the polynomial model's, at unit spread, has to be this near. */
const largestDifference = 1e-2;

/** How far the encrypted program is from the clear one. */
interface Differences {
  /** Logits from those of the float64 polynomial evaluator, at unit spread. */
  readonly logits: number;
  /** Every slot of the last layer's result, all tokens and features, from the clear back end, at unit spread. */
  readonly layer: number;
  /** Logits of the program's clear back end from those of the evaluator: the packing's own rounding. */
  readonly clearLogits: number;
}

/** What the layers took, and how near the answer is. */
export type LayerReport = Awaited<ReturnType<typeof benchLayer>>;

/**
 * Runs layers of a large model's shape (random weights) encrypted, at full security, and compares them with the clear ones.
 * Cost: as a run of the model, by its layers. @throws errors of compiling and of runs; the signal's reason
 */
export async function benchLayer(options: LayerBenchOptions) {
  // Before the work: afterwards the load is our own.
  const [machine, commit] = [describeMachine(), currentCommit() ?? null];
  const folder = await mkdtemp(join(tmpdir(), 'cipherformer-layer-'));
  try {
    return { machine, commit, ...(await run(options, folder)) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What is not as it should be: an answer that is far from the clear one, or flagged; undefined where all is well. */
export function layerShortfall({ differences, trusted }: LayerReport): string | undefined {
  const worst = Math.max(differences.logits, differences.layer);
  // Written so that a NaN counts.
  if (worst <= largestDifference && trusted) return undefined;
  return (
    `the encrypted layer is ${worst.toExponential(1)} from the clear one, ${largestDifference} at most is allowed; ` +
    `${trusted ? 'no value' : 'a value'} left its range.`
  );
}

async function run({ shape, layers, seed, progress, signal }: LayerBenchOptions, folder: string) {
  const whole = modelShapes[shape];
  const model = calibratedModel({ ...whole, config: { ...whole.config, layers } }, seed, (random) =>
    [seed, seed + 1].map((one) => randomInput(random, one)),
  );
  const values = randomInput(model, seed);
  savePolynomialModel(join(folder, 'model'), model);
  const opened = await writeProgram(join(folder, 'model'), join(folder, 'program'));
  const { program, parameters, manifest } = opened;
  const { keys, predicted } = manifest;
  checkMemory(opened, availableMemoryBytes());

  const expected = evaluate(model.graph, values);
  const last = program.instructions.findLastIndex(({ source }) => source === `layers.${layers - 1}.mlp.residual`);
  // A layer's result is spread over several additions of the same part.
  const source = program.instructions[last]!.source;
  const results = new Set([...program.instructions.keys()].filter((i) => program.instructions[i]!.source === source));
  const clearSlots: number[] = [];
  const clear = runClear(program, packInputs(program, values), {
    observe: (index, _, slots) => {
      if (results.has(index)) for (const one of slots) clearSlots.push(...one);
    },
  });
  const clearLogits = program.outputs.flatMap(({ name }, i) => (name === 'logits' ? [...clear.outputs[i]!] : []));

  const watched = { ...(progress ? { progress } : {}), ...(signal ? { signal } : {}) };
  const started = performance.now();
  using session = await EncryptedSession.open(opened, undefined, watched);
  const keySeconds = (performance.now() - started) / 1000;
  const encryptedSlots: number[] = [];
  const follow = followRun(opened);
  const answers = await session.ask([values], {
    ...(signal ? { signal } : {}),
    onInstruction: (timing) =>
      progress?.({ what: 'run', ...follow(timing), detail: program.instructions[timing.index]!.source }),
    observe: (index, open) => {
      if (results.has(index)) for (const one of open()) encryptedSlots.push(...one);
    },
  });
  const answer = answers[0]!;
  const differences: Differences = {
    logits: spreadDifference(expected, answer.logits),
    layer: spreadDifference(clearSlots, encryptedSlots),
    clearLogits: spreadDifference(expected, clearLogits),
  };
  return {
    ...{ shape, layers, seed, values: clearSlots.length },
    parameters: `N = 2^${parameters.logN}, log2(QP) = ${parameters.logQP.toFixed(0)}, ${parameters.security}`,
    ...{ bootstraps: predicted.bootstraps, instructions: predicted.instructions, keyBytes: keys.keyBytes, keySeconds },
    ...{ differences, trusted: answer.trusted, wallSeconds: answer.wallSeconds, cpuSeconds: answer.cpuSeconds },
    predictedCpuSeconds: predicted.cpuSeconds,
    predictedCpuSecondsHere: answer.predictedCpuSeconds,
    ...{ peakRssBytes: answer.peakRssBytes, predictedPeakBytes: predicted.peakBytes },
  };
}

/** The report for a person. */
export function layerTable(result: LayerReport): string {
  const { differences } = result;
  const s = (seconds: number) => `${seconds.toFixed(1)} s`;
  const table = renderTable(
    [result.shape, `${result.layers} of its layers and the head, random weights, seed ${result.seed}`],
    [
      ['parameters', result.parameters],
      ['instructions', `${result.instructions}, bootstrapped ciphertexts ${result.bootstraps}`],
      ['evaluation keys', `${gib(result.keyBytes)}, made in ${s(result.keySeconds)}`],
      ['largest difference of a logit, at unit spread', differences.logits.toExponential(1)],
      [`of the ${result.values} values that the layer gives`, differences.layer.toExponential(1)],
      ['of the packed program in clear', differences.clearLogits.toExponential(1)],
      ['every value in range, as the client sees it', result.trusted ? 'yes' : 'no'],
      ['wall time, warm', s(result.wallSeconds)],
      [
        'processor time',
        `${s(result.cpuSeconds)}, predicted ${s(result.predictedCpuSecondsHere)} at this machine's speed`,
      ],
      ['peak memory', `${gib(result.peakRssBytes)}, predicted ${gib(result.predictedPeakBytes)}`],
    ],
  );
  return `${machineLine(result.machine)}\n${table}`;
}
