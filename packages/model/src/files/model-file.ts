import { z } from 'zod';
import { ConfigError } from '../errors.ts';
import { type GraphNode, type GraphOp, operations, type PolynomialGraph } from '../graph/graph.ts';
import { type AnyField, indexSchema, type Matrix, sizeSchema } from '../operations/fields.ts';
import { words } from '../untrusted/index.ts';
import { preprocessSchema, problemSchema, taskSchema, tokensSchema } from './preparation-schema.ts';
import type { TensorReader, TensorWriter } from './tensors.ts';

/** Version of polynomial.json; readers refuse others. */
export const polynomialModelFormat = 'cipherformer/polynomial-model@1';

const base = { name: words.check(z.minLength(1), z.maxLength(200)), bound: z.number().positive() };

/** Nodes as JSON: arrays are tensors of model.safetensors named "<node>.<field>", programs their own JSON form. */
const nodeSchemas = Object.entries(operations).map(([op, { fields }]) => {
  const own = Object.entries(fields).flatMap(([name, field]) => {
    const schema = schemaOf(field);
    return schema ? [[name, schema] as const] : [];
  });
  return z.strictObject({ op: z.literal(op as GraphOp), ...base, ...Object.fromEntries(own) });
});
const nodeSchema = z.discriminatedUnion('op', [nodeSchemas[0]!, ...nodeSchemas.slice(1)]);
type NodeJson = z.infer<typeof nodeSchema>;

/** How a field stands in the JSON; undefined for tensors that are always there. */
function schemaOf(field: AnyField): z.core.$ZodType | undefined {
  switch (field.kind) {
    case 'operand':
      return indexSchema;
    case 'value':
      return field.schema;
    case 'optional vector':
      return field.flag;
    case 'matrix':
    case 'vector':
      return undefined;
  }
}

export const cardSchema = z.strictObject({
  name: words,
  description: z.optional(words),
  data: z.optional(words),
  stages: z.array(z.strictObject({ stage: words, metric: words, value: z.number() })).optional(),
  sites: z.array(z.strictObject({ name: words, function: words, error: z.number().min(0).optional() })).optional(),
  margin: z.number().min(1).optional(),
});

export const modelFileSchema = z.strictObject({
  format: z.literal(polynomialModelFormat),
  task: taskSchema,
  problem: z.optional(problemSchema),
  tokens: tokensSchema,
  window: z.optional(sizeSchema),
  output: indexSchema,
  /** Of model.safetensors, in hexadecimal: the two files belong together. Absent in folders of earlier versions. */
  weightsSha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  preprocess: preprocessSchema,
  classes: z.array(words).optional(),
  /** How many texts documents.json has, of a search. */
  documents: z.optional(sizeSchema),
  card: cardSchema,
  nodes: z.array(nodeSchema).min(1).max(1_000_000),
});
export type ModelFile = z.infer<typeof modelFileSchema>;

/** A graph's nodes as JSON, their arrays handed to `writer`. @throws ConfigError where a bound was not calibrated */
export function writeNodes({ nodes }: PolynomialGraph, writer: TensorWriter): NodeJson[] {
  return nodes.map((node): NodeJson => {
    const { name, bound, op } = node;
    if (!Number.isFinite(bound)) {
      throw new ConfigError(`The node "${name}" has no bound: calibrate the graph on data before saving it.`);
    }
    // The node's own order of fields, with the flags of tensors last, is the file's.
    const json: Record<string, unknown> = { ...node };
    for (const [field, { kind }] of Object.entries(operations[op].fields)) {
      if (kind === 'operand' || kind === 'value') continue;
      const tensor = json[field];
      delete json[field];
      if (kind === 'matrix') writer.matrix(`${name}.${field}`, tensor as Matrix);
      else if (tensor !== undefined) writer.vector(`${name}.${field}`, tensor as Float32Array);
      if (kind === 'optional vector') json[field] = tensor !== undefined;
    }
    return json as NodeJson;
  });
}

/** The nodes again. @throws FormatError naming the field */
export function readNodes(nodes: readonly NodeJson[], reader: TensorReader, where: string): GraphNode[] {
  return nodes.map((json, i): GraphNode => {
    const node: Record<string, unknown> = { ...json };
    for (const [field, kind] of Object.entries(operations[json.op].fields)) {
      const path = `${json.name}.${field}`;
      switch (kind.kind) {
        case 'operand':
          break;
        case 'value':
          node[field] = kind.read(node[field], `${where}: nodes[${i}].${field}`);
          break;
        case 'matrix':
          node[field] = reader.matrix(path);
          break;
        case 'vector':
          node[field] = reader.vector(path);
          break;
        case 'optional vector':
          if (node[field]) node[field] = reader.vector(path);
          else delete node[field];
      }
    }
    // The schema and the table of fields are made of one definition: this is the node that it describes.
    return node as unknown as GraphNode;
  });
}
