import {
  ConfigError,
  elementCount,
  formatShape,
  type Shape,
  type StoredTensor,
  WeightError,
  type Weights,
} from '@cipherformer/model';
import { listed } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import type { ModelConfig } from '../transformer/config.ts';
import { matches } from '../transformer/names.ts';
import { parameterSpecs } from '../transformer/weights.ts';

/**
 * How the tensors of a foreign file become a model's: one rule per stored tensor of the model, with {layer} and
 * {head} as placeholders. Adapters are data (JSON), so a new layout needs no new code.
 */
const ruleSchema = z.union([
  z.string(),
  z.strictObject({
    /** One tensor, or several that are stacked along the first dimension in this order; an entry with {head} stands
     * for that entry for every head in turn. */
    from: z.union([z.string(), z.array(z.string()).min(1)]),
    /** The file stores [in, out] (GPT-2's Conv1D). */
    transpose: z.boolean().default(false),
    /** The file's shape differs by reshaping only (a convolution kernel, leading ones). */
    reshape: z.boolean().default(false),
    /** Take the first rows only (a longer table than the model's). */
    firstRows: z.boolean().default(false),
  }),
]);

export const adapterSchema = z.strictObject({
  tensors: z.record(z.string(), ruleSchema),
  /** Names in the file (with * as wildcard) that the model has no use for. */
  ignore: z.array(z.string()).default([]),
  /** A prefix that names in the file may lack ("vit.", "bert.", "transformer."). */
  optionalPrefix: z.string().default(''),
});
export type Adapter = z.infer<typeof adapterSchema>;
export type AdapterInput = z.input<typeof adapterSchema>;

/** Builds the model's weights from a file's tensors. Every tensor of either side must be accounted for. */
export function adaptWeights(
  config: ModelConfig,
  source: Weights,
  adapter: Adapter,
  where: string,
): Map<string, StoredTensor> {
  const used = new Set<string>();
  const take = (name: string, target: string): StoredTensor => {
    const { optionalPrefix } = adapter;
    const short = name.startsWith(optionalPrefix) ? name.slice(optionalPrefix.length) : name;
    const found = [name, short].find((candidate) => source.has(candidate));
    if (found === undefined) {
      throw new WeightError(
        `${where}: the tensor "${name}" (for "${target}") is missing. Is the file complete, and does the ` +
          'configuration name its architecture and number of layers?',
      );
    }
    used.add(found);
    return source.get(found)!;
  };
  const weights = new Map<string, StoredTensor>();
  for (const spec of parameterSpecs(config)) {
    const layer = /^layers\.(\d+)\./.exec(spec.name)?.[1];
    const pattern = spec.name.replace(/^layers\.\d+\./, 'layers.{layer}.');
    const rule = adapter.tensors[spec.name] ?? adapter.tensors[pattern];
    if (rule === undefined) throw new ConfigError(`${where}: the adapter has no rule for "${pattern}".`);
    const { from, transpose, reshape, firstRows } =
      typeof rule === 'string' ? { from: rule, transpose: false, reshape: false, firstRows: false } : rule;
    const names = (Array.isArray(from) ? from : [from]).flatMap((name) => {
      const filled = name.replaceAll('{layer}', layer ?? '');
      if (!filled.includes('{head}')) return [filled];
      return Array.from({ length: config.attention.heads }, (_, head) => filled.replaceAll('{head}', `${head}`));
    });
    const pieces = names.map((name) => {
      const piece = take(name, spec.name);
      return transpose ? transposed(piece, name, where) : piece;
    });
    const stacked = pieces.length === 1 ? pieces[0]! : stack(pieces, spec.name, where);
    weights.set(spec.name, fit(stacked, spec.shape, { reshape, firstRows }, spec.name, where));
  }
  const left = [...source.keys()].filter(
    (name) => !used.has(name) && !adapter.ignore.some((pattern) => matches(pattern, name)),
  );
  if (left.length > 0) {
    throw new WeightError(
      `${where}: ${left.length} tensors have no place in the model: ${listed(left, 5)}. ` +
        `Add rules for them or list them under "ignore".`,
    );
  }
  return weights;
}

function transposed({ shape, data }: StoredTensor, name: string, where: string): StoredTensor {
  const [rows, columns] = shape;
  if (shape.length !== 2 || rows === undefined || columns === undefined) {
    throw new WeightError(`${where}: "${name}" ${formatShape(shape)} is not a matrix and cannot be transposed.`);
  }
  const result = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) result[c * rows + r] = data[r * columns + c]!;
  return { shape: [columns, rows], data: result };
}

function stack(pieces: readonly StoredTensor[], target: string, where: string): StoredTensor {
  const rest = pieces[0]!.shape.slice(1);
  if (pieces.some((piece) => piece.shape.slice(1).join() !== rest.join())) {
    const shapes = pieces.map((piece) => formatShape(piece.shape)).join(', ');
    throw new WeightError(`${where}: the parts of "${target}" do not stack: ${shapes}.`);
  }
  const data = new Float32Array(pieces.reduce((sum, piece) => sum + piece.data.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    data.set(piece.data, offset);
    offset += piece.data.length;
  }
  return { shape: [pieces.reduce((sum, piece) => sum + piece.shape[0]!, 0), ...rest], data };
}

function fit(
  tensor: StoredTensor,
  shape: Shape,
  options: { readonly reshape: boolean; readonly firstRows: boolean },
  name: string,
  where: string,
): StoredTensor {
  const wanted = elementCount(shape);
  if (tensor.shape.join() === shape.join()) return tensor;
  if (options.reshape && tensor.data.length === wanted) return { shape, data: tensor.data };
  if (options.firstRows && tensor.data.length >= wanted && tensor.shape.at(-1) === shape.at(-1)) {
    return { shape, data: tensor.data.slice(0, wanted) };
  }
  throw new WeightError(
    `${where}: "${name}" comes out as ${formatShape(tensor.shape)} where the configuration needs ${formatShape(shape)}.`,
  );
}
