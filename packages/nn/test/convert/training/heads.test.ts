// What a head without one right class learns by, against the same computed here from the logits.
import { describe, expect, it } from 'vitest';
import { conversionLosses } from '../../../src/convert/training/losses.ts';
import { teacherFeeds } from '../../../src/convert/training/teacher.ts';
import { InferenceModel } from '../../../src/evaluate/inference.ts';
import { Program } from '../../../src/onnx/program.ts';
import { Session } from '../../../src/onnx/session.ts';
import { Builder } from '../../../src/transformer/builder.ts';
import { parseModelConfig } from '../../../src/transformer/config.ts';
import { declareInputs } from '../../../src/transformer/inputs.ts';
import { bertConfig } from '../../../src/transformer/presets.ts';
import { buildModel } from '../../../src/transformer/transformer.ts';
import { initialWeights } from '../../../src/transformer/weights.ts';

const [batch, tokens, outputs, temperature] = [3, 4, 2, 2];
const lengths = [4, 2, 3];
const base = bertConfig({ vocabulary: 20, maxTokens: tokens, width: 8, layers: 1, heads: 2, mlpWidth: 16, classes: outputs, pool: 'mean' }); // biome-ignore format: one model

/** The loss, and the logits of both, of a head. */
async function learned(task: string, pool: string, problem?: string) {
  const config = parseModelConfig({ ...base, task, pool, head: { outputs, ...(problem ? { problem } : {}) } });
  const program = new Program();
  const builder = new Builder({ program, mode: 'train', batch });
  const inputs = declareInputs(builder, config, tokens);
  const graph = buildModel(builder, config, inputs);
  const context = { program, builder, graph, inputs, sites: builder.sites };
  const terms = conversionLosses(config, { teacher: { config, temperature }, features: false, range: { form: 'square', limits: [] }, variance: [], labelSmoothing: 0 })(context);
  expect(terms.map(({ name }) => name)).toEqual(['distillation']);
  const session = await Session.compile(program, { loss: terms[0]!.tensor, student: graph.logits });
  const [pupil, original] = [1, 2].map((seed) => {
    const weights = initialWeights(config, seed);
    const { shape, data } = weights.get('head.weight')!;
    return weights.set('head.weight', { shape, data: data.map((value) => 40 * value) });
  });
  const ids = BigInt64Array.from({ length: batch * tokens }, (_, i) => BigInt((7 * i) % 20));
  const mask = Float32Array.from({ length: batch * tokens }, (_, i) => (i % tokens < lengths[Math.floor(i / tokens)]! ? 1 : 0));
  const named = Object.fromEntries([...pupil!].map(([name, { data }]) => [name, data]));
  const made = await session.evaluate({ ids, mask, ...named, ...teacherFeeds(original!) });
  await session.close();
  const alone = await InferenceModel.create(config, original!, { batch, tokens });
  const { logits: teacher } = await alone.run({ ids, mask });
  await alone.close();
  const [student, taught] = [made.student!, teacher!].map((values) => Array.from(values, Number));
  return { loss: Number(made.loss![0]), student: student!, teacher: taught! };
} // biome-ignore format: lines

const softmax = (row: readonly number[]) => {
  const powers = row.map((value) => Math.exp(value / temperature));
  return powers.map((power) => power / powers.reduce((a, b) => a + b));
};
/** T^2 KL(teacher || student). */
const divergence = (teacher: readonly number[], student: readonly number[]) => {
  const [p, q] = [softmax(teacher), softmax(student)];
  return temperature ** 2 * p.reduce((sum, value, k) => sum + value * Math.log(value / q[k]!), 0);
};
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value / values.length, 0);

describe('a head without one right class learns from the original', () => {
  it('every token its class, those of padding left out', async () => {
    const { loss, student, teacher } = await learned('token-classification', 'none');
    const row = (values: readonly number[], i: number) => values.slice(i * outputs, (i + 1) * outputs);
    const real = Array.from({ length: batch * tokens }, (_, i) => i).filter((i) => i % tokens < lengths[Math.floor(i / tokens)]!); // biome-ignore format: one line
    const wanted = mean(real.map((i) => divergence(row(teacher, i), row(student, i))));
    expect(wanted).toBeGreaterThan(1e-3);
    expect(loss).toBeCloseTo(wanted, 5);
  });

  it('every label as a choice of two', async () => {
    const { loss, student, teacher } = await learned('text-classification', 'mean', 'multi-label');
    const wanted = outputs * mean(teacher.map((value, i) => divergence([value, 0], [student[i]!, 0])));
    expect(wanted).toBeGreaterThan(1e-3);
    expect(loss).toBeCloseTo(wanted, 5);
  });

  it('numbers by their squared error, over what they vary by', async () => {
    const { loss, student, teacher } = await learned('text-classification', 'mean', 'regression');
    const centre = (k: number) => mean(teacher.filter((_, i) => i % outputs === k));
    const sum = (values: readonly number[]) => values.reduce((all, value) => all + value ** 2, 0);
    const wanted = sum(teacher.map((value, i) => value - student[i]!)) / sum(teacher.map((value, i) => value - centre(i % outputs))); // biome-ignore format: one line
    expect(loss / wanted).toBeCloseTo(1, 4);
  });
});
