// Manifests of real programs on an insecure ring, and the same as plain JSON to change.
import { BootstrapPlan, Parameters } from '@cipherformer/ckks';
import type { PolynomialGraph } from '@cipherformer/model';
import { compile } from '../../../compiler/src/passes/compile.ts';
import {
  GraphWriter,
  Numbers,
  randomInputs,
  type TransformerShape,
  transformer,
} from '../../../compiler/test/passes/graphs.ts';
import { planProgram } from '../../src/keys/planned-program.ts';
import type { EncryptedProgram } from '../../src/program/instructions.ts';
import { makeManifest } from '../../src/protocol/make-manifest.ts';
import type { ProgramManifest } from '../../src/protocol/manifest.ts';
import { insecureLiteral, slots } from '../backends/support.ts';
import { testModel } from './protocol.ts';

export const accepted = { insecure: true };
export const parameters = Parameters.from(insecureLiteral, accepted);

export const shape: TransformerShape = {
  ...{ tokens: 4, features: 4, width: 8, heads: 2, headWidth: 4, hidden: 16, layers: 2, outputs: 3 },
  pooling: 'mean',
};

export function manifestOf(program: EncryptedProgram, batch = 1): ProgramManifest {
  return makeManifest({
    digest: 'ab'.repeat(32),
    planned: planProgram(program, new BootstrapPlan(parameters)),
    predicted: { cpuSeconds: 1, peakBytes: 1, bootstraps: 0, instructions: 1 },
    batch,
    model: { ...testModel, classes: ['a', 'b', 'c'] },
    files: {},
  });
}

/** Of a transformer with attention, bootstraps and a sentinel. */
export function transformerManifest(batch = 1): ProgramManifest {
  const graph = transformer(shape, 3).calibrated([randomInputs(shape, 7)]);
  return manifestOf(compile(graph, { slots, batch }).program, batch);
}

/** A linear classifier: nothing in it is multiplied, no value has an interval to leave. */
export function linearManifest(): ProgramManifest {
  const writer = new GraphWriter(1);
  const input = writer.add('input', { op: 'input', features: 8 });
  writer.add('head', { op: 'linear', input, weight: new Numbers(1).matrix(3, 8), bias: new Numbers(2).vector(3) });
  return manifestOf(compile(writer.calibrated([{ input: new Numbers(3).vector(8) }]), { slots }).program);
}

/** Two linear maps multiplied: products, but no polynomial. */
export function productGraph(): PolynomialGraph {
  const numbers = new Numbers(1);
  const writer = new GraphWriter(1);
  const input = writer.add('input', { op: 'input', features: 8 });
  const [left, right] = ['left', 'right'].map((name) =>
    writer.add(name, { op: 'linear', input, weight: numbers.matrix(3, 8), bias: numbers.vector(3) }),
  );
  writer.add('product', { op: 'multiply', left: left!, right: right! });
  return writer.calibrated([{ input: numbers.vector(8) }]);
}

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Every place in a value: the names and indices that lead there. */
export function places(value: Json, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => places(inner, [...path, Array.isArray(value) ? Number(key) : key]))]; // biome-ignore format: short
}

/** A copy with the value at a place replaced; undefined removes it. */
export function changed(value: Json, path: readonly (string | number)[], by: Json | undefined): Json {
  const copy = { root: structuredClone(value) } as Record<string, unknown>;
  let holder: Record<string | number, unknown> = copy;
  const whole = ['root', ...path];
  for (const key of whole.slice(0, -1)) holder = holder[key] as Record<string | number, unknown>;
  const last = whole.at(-1)!;
  if (by !== undefined) holder[last] = by;
  else if (Array.isArray(holder)) holder.splice(Number(last), 1);
  else delete holder[last];
  return (copy.root ?? null) as Json;
}
