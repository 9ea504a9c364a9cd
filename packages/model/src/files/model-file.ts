import { ApproxError, programFromJSON } from '@cipherformer/approx';
import { z } from 'zod';
import { ConfigError, FormatError } from '../errors.ts';
import type { GraphNode, Matrix, PolynomialGraph } from '../graph/graph.ts';
import { patchSchema } from '../inputs/patches.ts';
import { normalisationSchema } from '../inputs/pixels.ts';
import { shown, words } from '../untrusted/index.ts';
import { formatShape, type StoredTensor } from './stored-tensor.ts';

/** Version of polynomial.json; readers refuse others. */
export const polynomialModelFormat = 'cipherformer/polynomial-model@1';

const index = z.int().min(0);
const size = z
  .int()
  .positive()
  .max(2 ** 24);
const base = { name: words.min(1).max(200), bound: z.number().positive() };

/** Nodes as JSON: arrays are tensors of model.safetensors named "<node>.<field>", programs their own JSON form. */
const nodeSchema = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('input'), ...base, features: size }),
  z.strictObject({ op: z.literal('linear'), ...base, input: index, bias: z.boolean() }),
  z.strictObject({ op: z.literal('addTable'), ...base, input: index }),
  z.strictObject({ op: z.literal('add'), ...base, left: index, right: index }),
  z.strictObject({ op: z.literal('multiply'), ...base, left: index, right: index }),
  z.strictObject({ op: z.literal('meanFeatures'), ...base, input: index }),
  z.strictObject({ op: z.literal('maskTokens'), ...base, input: index, mask: index }),
  z.strictObject({ op: z.literal('scores'), ...base, query: index, key: index, heads: size, offset: z.boolean() }),
  z.strictObject({ op: z.literal('polynomial'), ...base, input: index, program: z.unknown() }),
  z.strictObject({
    op: z.literal('attend'),
    ...base,
    maps: index,
    value: index,
    causal: z.boolean(),
    weights: z.boolean().default(false),
  }),
  z.strictObject({ op: z.literal('pool'), ...base, input: index }),
]);
type NodeJson = z.infer<typeof nodeSchema>;

export const preprocessSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('image'),
    patches: patchSchema,
    normalise: normalisationSchema,
  }),
  z.strictObject({
    kind: z.literal('text'),
    padding: index,
    position: z.boolean(),
    norm: z.strictObject({ kind: z.enum(['layer', 'rms']), epsilon: z.number().positive() }).optional(),
    tokenizer: z.boolean(),
  }),
]);

export type PreprocessFile = z.infer<typeof preprocessSchema>;

export const taskSchema = z.enum(['image-classification', 'text-classification', 'language-model']);
export const tokensSchema = size;

export const cardSchema = z.strictObject({
  name: words,
  description: words.optional(),
  data: words.optional(),
  stages: z.array(z.strictObject({ stage: words, metric: words, value: z.number() })).optional(),
  sites: z.array(z.strictObject({ name: words, function: words, error: z.number().min(0).optional() })).optional(),
  margin: z.number().min(1).optional(),
});

export const modelFileSchema = z.strictObject({
  format: z.literal(polynomialModelFormat),
  task: taskSchema,
  tokens: tokensSchema,
  output: index,
  /** Of model.safetensors, in hexadecimal: the two files belong together. Absent in folders of earlier versions. */
  weightsSha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  preprocess: preprocessSchema,
  classes: z.array(words).optional(),
  card: cardSchema,
  nodes: z.array(nodeSchema).min(1).max(1_000_000),
});
export type ModelFile = z.infer<typeof modelFileSchema>;

/** Collects the tensors of a model by name. */
export class TensorWriter {
  readonly tensors = new Map<string, StoredTensor>();

  vector(name: string, data: Float32Array): void {
    this.tensors.set(name, { shape: [data.length], data });
  }

  matrix(name: string, { rows, columns, values }: Matrix): void {
    this.tensors.set(name, { shape: [rows, columns], data: values });
  }
}

/** Hands out the tensors of a file by name, each once, checked. @throws FormatError naming the file and the tensor */
export class TensorReader {
  readonly #tensors: ReadonlyMap<string, StoredTensor>;
  readonly #where: string;
  readonly #read = new Set<string>();

  constructor(tensors: ReadonlyMap<string, StoredTensor>, where: string) {
    this.#tensors = tensors;
    this.#where = where;
  }

  vector(name: string): Float32Array {
    return this.#take(name, 1).data;
  }

  matrix(name: string): Matrix {
    const { shape, data } = this.#take(name, 2);
    if (data.length === 0) throw new FormatError(`${this.#where}: "${name}" ${formatShape(shape)} is empty.`);
    return { rows: shape[0]!, columns: shape[1]!, values: data };
  }

  /** @throws FormatError where the file holds more than was read */
  finish(): void {
    const extra = [...this.#tensors.keys()].find((name) => !this.#read.has(name));
    if (extra !== undefined)
      throw new FormatError(`${this.#where}: no node has a place for the tensor ${shown(extra)}.`);
  }

  #take(name: string, rank: number): StoredTensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new FormatError(`${this.#where}: the tensor "${name}" is missing.`);
    this.#read.add(name);
    if (tensor.shape.length !== rank) {
      throw new FormatError(
        `${this.#where}: "${name}" has ${tensor.shape.length} dimensions where ${rank} are needed.`,
      );
    }
    const bad = tensor.data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw new FormatError(`${this.#where}: value ${bad} of "${name}" is ${tensor.data[bad]}.`);
    return tensor;
  }
}

/** A graph's nodes as JSON, their arrays handed to `writer`. @throws ConfigError where a bound was not calibrated */
export function writeNodes({ nodes }: PolynomialGraph, writer: TensorWriter): NodeJson[] {
  return nodes.map((node): NodeJson => {
    if (!Number.isFinite(node.bound)) {
      throw new ConfigError(`The node "${node.name}" has no bound: calibrate the graph on data before saving it.`);
    }
    const { name } = node;
    switch (node.op) {
      case 'linear': {
        const { weight, bias, ...rest } = node;
        writer.matrix(`${name}.weight`, weight);
        if (bias) writer.vector(`${name}.bias`, bias);
        return { ...rest, bias: bias !== undefined };
      }
      case 'addTable': {
        const { table, ...rest } = node;
        writer.matrix(`${name}.table`, table);
        return rest;
      }
      case 'scores': {
        const { offset, ...rest } = node;
        if (offset) writer.vector(`${name}.offset`, offset);
        return { ...rest, offset: offset !== undefined };
      }
      case 'attend': {
        const { weights, ...rest } = node;
        if (weights) writer.vector(`${name}.weights`, weights);
        return { ...rest, weights: weights !== undefined };
      }
      case 'pool': {
        const { weights, ...rest } = node;
        writer.vector(`${name}.weights`, weights);
        return rest;
      }
      default:
        return node;
    }
  });
}

/** The nodes again. @throws FormatError naming the field */
export function readNodes(nodes: readonly NodeJson[], reader: TensorReader, where: string): GraphNode[] {
  return nodes.map((node, i): GraphNode => {
    const { name } = node;
    switch (node.op) {
      case 'linear': {
        const { bias, ...rest } = node;
        return {
          ...rest,
          weight: reader.matrix(`${name}.weight`),
          ...(bias && { bias: reader.vector(`${name}.bias`) }),
        };
      }
      case 'addTable':
        return { ...node, table: reader.matrix(`${name}.table`) };
      case 'scores': {
        const { offset, ...rest } = node;
        return { ...rest, ...(offset && { offset: reader.vector(`${name}.offset`) }) };
      }
      case 'attend': {
        const { weights, ...rest } = node;
        return { ...rest, ...(weights && { weights: reader.vector(`${name}.weights`) }) };
      }
      case 'pool':
        return { ...node, weights: reader.vector(`${name}.weights`) };
      case 'polynomial':
        return { ...node, program: readProgram(node.program, `${where}: nodes[${i}].program`) };
      default:
        return node;
    }
  });
}

function readProgram(value: unknown, path: string) {
  try {
    return programFromJSON(value, path);
  } catch (error) {
    if (error instanceof ApproxError) throw new FormatError(`${error.message}.`);
    throw error;
  }
}
