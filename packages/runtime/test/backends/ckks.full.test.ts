// A transformer from its polynomial graph to encrypted logits at 128-bit security: N = 2^16, bootstraps included, against
// the clear back end, the simulated one, and the predictions of the plan.
import { readFileSync } from 'node:fs';
import {
  type BootstrapKeys,
  BootstrapMatrices,
  BootstrapPlan,
  Bootstrapper,
  bootstrapLiteral,
  type Ciphertext,
  Context,
  decryptToPlaintext,
  Encoder,
  encryptSymmetric,
  KeyPartMaker,
  Parameters,
  randomSeed,
  readKeySet,
  SecretKey,
} from '@cipherformer/ckks';
import { expect, it } from 'vitest';
import { predict } from '../../../compiler/src/cost/predict.ts';
import { compile } from '../../../compiler/src/passes/compile.ts';
import { tolerance } from '../../../compiler/src/passes/sentinel.ts';
import { furthest } from '../../../compiler/test/passes/furthest.ts';
import { randomInputs, type TransformerShape, transformer } from '../../../compiler/test/passes/graphs.ts';
import { runCkks } from '../../src/backends/ckks.ts';
import { runClear } from '../../src/backends/clear.ts';
import { runSimulated } from '../../src/backends/simulate.ts';
import { planProgram } from '../../src/keys/planned-program.ts';
import { CanonicalScales } from '../../src/program/scales.ts';
import { distrust } from '../../src/program/trust.ts';
import { packInputs, unpackOutput } from '../../src/program/values.ts';

const shape: TransformerShape = {
  ...{ tokens: 16, features: 16, width: 16, heads: 2, headWidth: 8, hidden: 32, layers: 2, outputs: 10 },
  pooling: 'mean',
};

it('a transformer at 128-bit security: the logits of the clear program, within the predicted noise and memory; no more where the input is out of range', async () => {
  const parameters = Parameters.from(bootstrapLiteral());
  expect(parameters.insecure).toBe(false);
  const given = randomInputs(shape, 7);
  const graph = transformer(shape, 4).calibrated([given, randomInputs(shape, 8)]);
  const { program } = compile(graph, { slots: parameters.maxSlots });
  const plan = new BootstrapPlan(parameters);
  const planned = planProgram(program, plan);
  const { specs } = planned.keyPlan;
  const predicted = predict(planned);
  const inputs = packInputs(program, given);
  const clear = runClear(program, inputs).outputs[0]!;
  const simulated = runSimulated(planned, inputs).outputs[0]!;

  using context = await Context.create(parameters);
  using secret = SecretKey.fromMaster(context, randomSeed());
  using maker = new KeyPartMaker(secret, specs);
  using keys = await readKeySet(context, specs, async (part) => maker.make(part));
  using matrices = new BootstrapMatrices(context, plan);
  const bootstrapper = new Bootstrapper(matrices, keys as BootstrapKeys);
  const scales = new CanonicalScales(parameters, plan.outputLevel);
  const encoder = new Encoder(context);
  const encrypted = (slots: readonly Float64Array[]) =>
    program.inputs.map(({ level }, i) => {
      using plaintext = encoder.encode(slots[i]!, undefined, { level, scale: scales.at(level) });
      return encryptSymmetric(secret, plaintext).ciphertext;
    });
  const sentinelOf = (ciphertext: Ciphertext) => {
    using plaintext = decryptToPlaintext(secret, ciphertext);
    return distrust(program.outputs[1]!, encoder.decode(plaintext).real);
  };
  const machine = { context, plan, keys: keys.evaluation, bootstrapper };
  const ciphertexts = encrypted(inputs);
  using result = await runCkks(machine, planned, ciphertexts);
  using opened = decryptToPlaintext(secret, result.outputs[0]!);
  const logits = unpackOutput(program.outputs[0]!, encoder.decode(opened).real);
  for (const ciphertext of ciphertexts) ciphertext[Symbol.dispose]();

  const largest = (a: Float64Array) => a.reduce((most, value, k) => Math.max(most, Math.abs(value - clear[k]!)), 0);
  const spread = Math.max(...clear) - Math.min(...clear);
  expect(largest(logits)).toBeLessThan(1e-2 * spread);
  expect(Math.abs(Math.log2(largest(logits) / largest(simulated)))).toBeLessThan(3);

  const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
  expect(peak).toBeLessThan(1.15 * predicted.peakBytes);
  const cpuSeconds = result.timings.reduce((sum, timing) => sum + timing.cpuSeconds, 0);
  // A busy machine has slower cores: no more is asked than that the prediction is not off by a factor of three.
  expect(Math.abs(Math.log2(cpuSeconds / predicted.cpuSeconds))).toBeLessThan(1.6);

  expect(furthest(graph, given)).toBeLessThan(1);
  expect(sentinelOf(result.outputs[1]!)).toBeUndefined();
  const twice = { input: given.input!.map((value) => 2 * value) };
  expect(furthest(graph, twice)).toBeGreaterThan(tolerance);
  const outOfRange = encrypted(packInputs(program, twice));
  using flagged = await runCkks(machine, planned, outOfRange);
  for (const ciphertext of outOfRange) ciphertext[Symbol.dispose]();
  expect(sentinelOf(flagged.outputs[1]!)).toMatch(/the sum over the arguments/);
});
