import { describe, expect, it } from 'vitest';
import { elementCount, type Shape } from '../../../model/src/files/stored-tensor.ts';
import { gradients } from '../../src/onnx/autodiff.ts';
import { Program, type Tensor } from '../../src/onnx/program.ts';
import { Session } from '../../src/onnx/session.ts';
import * as ops from '../../src/ops/index.ts';
import { Random } from '../../src/random.ts';

// Central differences: loss = sum(weights * f(x...)) with random weights, every element of every input moved by +-h.
// float32 arithmetic limits the agreement: the numerator loses about |loss| * 6e-8 / h, the truncation is O(h^2).
const h = 1e-2;

interface Case {
  readonly name: string;
  readonly shapes: readonly Shape[];
  readonly build: (inputs: readonly Tensor[], program: Program) => Tensor;
  /** Maps standard normal draws to the operator's domain. */
  readonly draw?: (normal: number) => number;
  readonly tolerance?: number;
}

const away = (x: number) => x + Math.sign(x) * 0.1;
const positive = (x: number) => Math.abs(x) + 0.5;

const cases: Case[] = [
  { name: 'add broadcast', shapes: [[3, 4], [4]], build: ([a, b]) => ops.add(a!, b!) },
  {
    name: 'add inner broadcast',
    shapes: [
      [2, 3, 4],
      [2, 1, 4],
    ],
    build: ([a, b]) => ops.add(a!, b!),
  },
  {
    name: 'sub',
    shapes: [
      [3, 4],
      [1, 4],
    ],
    build: ([a, b]) => ops.sub(a!, b!),
  },
  {
    name: 'mul broadcast',
    shapes: [
      [2, 3, 4],
      [3, 1],
    ],
    build: ([a, b]) => ops.mul(a!, b!),
  },
  { name: 'div', shapes: [[3, 4], [4]], build: ([a, b]) => ops.div(a!, b!), draw: positive },
  { name: 'a tensor used twice', shapes: [[5]], build: ([a]) => ops.mul(a!, ops.add(a!, a!)) },
  { name: 'scale and shift', shapes: [[5]], build: ([a]) => ops.shift(ops.scale(a!, -3), 2) },
  { name: 'square', shapes: [[5]], build: ([a]) => ops.square(a!) },
  { name: 'exp', shapes: [[5]], build: ([a]) => ops.exp(a!) },
  { name: 'log', shapes: [[5]], build: ([a]) => ops.log(a!), draw: positive },
  { name: 'sqrt', shapes: [[5]], build: ([a]) => ops.sqrt(a!), draw: positive },
  { name: 'reciprocal', shapes: [[5]], build: ([a]) => ops.reciprocal(a!), draw: positive },
  { name: 'tanh', shapes: [[7]], build: ([a]) => ops.tanh(a!) },
  { name: 'sigmoid', shapes: [[7]], build: ([a]) => ops.sigmoid(a!) },
  { name: 'abs', shapes: [[7]], build: ([a]) => ops.abs(a!), draw: away },
  { name: 'relu', shapes: [[9]], build: ([a]) => ops.relu(a!), draw: away },
  { name: 'clip', shapes: [[9]], build: ([a]) => ops.clip(a!, -50, 0.05), draw: away },
  { name: 'gelu', shapes: [[9]], build: ([a]) => ops.gelu(a!) },
  { name: 'geluTanh', shapes: [[9]], build: ([a]) => ops.geluTanh(a!) },
  { name: 'silu', shapes: [[9]], build: ([a]) => ops.silu(a!) },
  { name: 'quickGelu', shapes: [[9]], build: ([a]) => ops.quickGelu(a!) },
  { name: 'sum', shapes: [[2, 3, 4]], build: ([a]) => ops.sum(a!, [1]) },
  { name: 'mean keep', shapes: [[2, 3, 4]], build: ([a]) => ops.mean(a!, [0, 2], true) },
  { name: 'max', shapes: [[3, 5]], build: ([a]) => ops.max(a!, [1]) },
  { name: 'reshape', shapes: [[2, 6]], build: ([a]) => ops.reshape(a!, [3, -1]) },
  { name: 'transpose', shapes: [[2, 3, 4]], build: ([a]) => ops.transpose(a!, [2, 0, 1]) },
  {
    name: 'concat',
    shapes: [
      [2, 3],
      [2, 2],
    ],
    build: ([a, b]) => ops.concat([a!, b!], 1),
  },
  {
    name: 'split with an unused part',
    shapes: [[2, 5]],
    build: ([a]) => ops.square(ops.split(a!, 1, [2, 3])[1]!),
  },
  { name: 'slice', shapes: [[2, 5, 2]], build: ([a]) => ops.slice(a!, 1, 1, 3) },
  { name: 'expand', shapes: [[2, 1, 3]], build: ([a]) => ops.expand(a!, [4, 2, 5, 3]) },
  {
    name: 'embedding with a repeated id',
    shapes: [[4, 3]],
    build: ([table], program) => ops.embedding(table!, program.constant(BigInt64Array.of(1n, 3n, 1n, 0n), [2, 2])),
  },
  {
    name: 'matmul',
    shapes: [
      [2, 3, 4],
      [2, 4, 5],
    ],
    build: ([a, b]) => ops.matmul(a!, b!),
  },
  {
    name: 'matmul transB alpha',
    shapes: [
      [2, 3, 4],
      [2, 5, 4],
    ],
    build: ([a, b]) => ops.matmul(a!, b!, { transB: true, alpha: 0.5 }),
  },
  {
    name: 'matmul transA',
    shapes: [
      [2, 4, 3],
      [2, 4, 5],
    ],
    build: ([a, b]) => ops.matmul(a!, b!, { transA: true }),
  },
  {
    name: 'matmul transA transB',
    shapes: [
      [4, 3],
      [5, 4],
    ],
    build: ([a, b]) => ops.matmul(a!, b!, { transA: true, transB: true, alpha: 2 }),
  },
  { name: 'linear', shapes: [[2, 3, 4], [5, 4], [5]], build: ([x, w, b]) => ops.linear(x!, w!, b!) },
  {
    name: 'linear without bias',
    shapes: [
      [3, 4],
      [5, 4],
    ],
    build: ([x, w]) => ops.linear(x!, w!),
  },
  {
    name: 'splitHeads, mergeHeads',
    shapes: [[2, 3, 8]],
    build: ([a]) => ops.square(ops.mergeHeads(ops.square(ops.splitHeads(a!, 2)))),
  },
  { name: 'layerNorm', shapes: [[3, 2, 6], [6], [6]], build: ([x, g, b]) => ops.layerNorm(x!, g!, b!, 1e-5) },
  { name: 'rmsNorm', shapes: [[3, 6], [6]], build: ([x, g]) => ops.rmsNorm(x!, g!, 1e-5) },
  {
    name: 'batchNorm',
    shapes: [[3, 2, 4], [4], [4]],
    build: ([x, g, b]) => ops.batchNorm(x!, g!, b!, { channelAxis: 2, epsilon: 1e-3 }).y,
  },
  {
    name: 'batchNorm over attention maps',
    shapes: [[2, 3, 2, 2], [3], [3]],
    build: ([x, g, b]) => ops.batchNorm(x!, g!, b!, { channelAxis: 1, epsilon: 1e-3 }).y,
  },
  {
    name: 'batchNorm without padding',
    shapes: [[3, 2, 4], [4], [4]],
    build: ([x, g, b], program) => {
      const include = program.constant(Float32Array.of(1, 1, 1, 0, 1, 0), [3, 2, 1]);
      return ops.batchNorm(x!, g!, b!, { channelAxis: 2, epsilon: 1e-3, include }).y;
    },
  },
  { name: 'softmax', shapes: [[3, 5]], build: ([x]) => ops.softmax(x!) },
  { name: 'logSoftmax', shapes: [[3, 5]], build: ([x]) => ops.logSoftmax(x!) },
  {
    name: 'crossEntropy, weighted and smoothed',
    shapes: [[3, 5]],
    build: ([x], program) => {
      const targets = ops.oneHot(program.constant(BigInt64Array.of(1n, 4n, 0n), [3]), 5, 0.1);
      return ops.crossEntropy(x!, targets, program.constant(Float32Array.of(1, 0, 2), [3]));
    },
  },
  {
    name: 'distillation',
    shapes: [[2, 4]],
    build: ([x], program) =>
      ops.distillation(x!, program.constant(Float32Array.of(1, -1, 0.3, 2, 0, 0.5, -2, 1), [2, 4]), 2),
  },
  ...[1, 2, 3, 4, 7, 8, 15, 16, 31].map(
    (degree): Case => ({
      name: `polynomial of degree ${degree}, trainable`,
      shapes: [[3, 5], [degree + 1]],
      build: ([x, c]) => ops.polynomial(x!, c!, { low: -5, high: 4 }),
      // The derivative grows with the square of the degree, so does the error of a difference quotient.
      tolerance: 0.01 * (1 + degree),
    }),
  ),
];

async function check({ shapes, build, draw = (x) => x, tolerance = 0.01 }: Case): Promise<number> {
  const program = new Program();
  const inputs = shapes.map((shape, i) => program.input(`x${i}`, shape, 'float32', true));
  const y = build(inputs, program);
  const random = new Random(7);
  const weights = Float32Array.from({ length: elementCount(y.shape) }, () => random.normal());
  const loss = ops.sum(ops.mul(y, program.constant(weights, y.shape)));
  const slopes = gradients(loss, inputs);
  const outputs = Object.fromEntries(slopes.map((slope, i) => [`d${i}`, slope]));
  const session = await Session.compile(program, { loss, ...outputs });
  const feeds = Object.fromEntries(
    shapes.map((shape, i) => [
      `x${i}`,
      Float32Array.from({ length: elementCount(shape) }, () => draw(random.normal())),
    ]),
  );
  const analytic = await session.evaluate(feeds);
  const lossAt = async () => Number((await session.evaluate(feeds)).loss![0]);
  let worst = 0;
  for (let i = 0; i < shapes.length; i++) {
    const values = feeds[`x${i}`]!;
    for (let j = 0; j < values.length; j++) {
      const centre = values[j]!;
      values[j] = centre + h;
      const up = await lossAt();
      values[j] = centre - h;
      const down = await lossAt();
      values[j] = centre;
      const expected = (up - down) / (2 * h);
      const actual = Number(analytic[`d${i}`]![j]);
      worst = Math.max(worst, Math.abs(actual - expected) / (1 + Math.abs(expected)) / tolerance);
    }
  }
  await session.close();
  return worst;
}

describe('gradients agree with central differences', () => {
  for (const entry of cases) {
    it(entry.name, async () => {
      expect(await check(entry)).toBeLessThan(1);
    });
  }

  it('the check itself notices a wrong gradient', async () => {
    const wrong = (x: Tensor) => {
      const [y] = x.program.record([x], [ops.exp(x)], ([g]) => [g!]);
      return y!;
    };
    expect(await check({ name: 'wrong', shapes: [[5]], build: ([x]) => wrong(x!) })).toBeGreaterThan(1);
  });
});
