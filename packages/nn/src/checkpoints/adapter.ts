import {
  ConfigError,
  elementCount,
  formatShape,
  type Shape,
  type StoredTensor,
  type TensorSource,
  WeightError,
} from '@cipherformer/model';
import { listed } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import type { ParameterSpec } from '../transformer/builder.ts';
import type { ModelConfig } from '../transformer/config.ts';
import { matches } from '../transformer/names.ts';
import { parameterSpecs } from '../transformer/weights.ts';

/** A tensor of the file by its name; null stands for one of zeros that the file does not hold. */
const pieceSchema = z.string().nullable();

/**
 * How the tensors of a foreign file become a model's: one rule per stored tensor of the model, with {layer} and
 * {head} as placeholders. Adapters are data (JSON), so a new layout needs no new code.
 */
const ruleSchema = z.strictObject({
  /** One tensor, or several that are stacked in this order; an entry with {head} stands for that entry for every head in
   * turn. */
  from: z.union([pieceSchema, z.array(pieceSchema).min(1)]),
  /** Along what several are stacked; or their sum. */
  join: z.enum(['rows', 'columns', 'sum']).default('rows'),
  /** The file stores [in, out] (GPT-2's Conv1D). */
  transpose: z.boolean().default(false),
  /** The file's shape differs by reshaping only (a convolution kernel, leading ones). */
  reshape: z.boolean().default(false),
  /** Leave the first rows out (positions that begin at 2). */
  skipRows: z.int().min(0).default(0),
  /** Take the first rows only (a longer table than the model's). */
  firstRows: z.boolean().default(false),
  /** The rows lie head by head, so many blocks of each (queries, keys and values of the first head, then of the second). */
  byHead: z.int().positive().optional(),
  /** A vector of the file, a factor for each row (layer scale). */
  rowFactors: z.string().optional(),
  factor: z.number().optional(),
  /** Added to each entry (Gemma's gains, stored less one). */
  plus: z.number().optional(),
});
type Rule = z.infer<typeof ruleSchema>;

export const adapterSchema = z.strictObject({
  tensors: z.record(z.string(), z.union([z.string(), ruleSchema])),
  /** Names in the file (with * as wildcard) that the model has no use for: they are not read. */
  ignore: z.array(z.string()).default([]),
  /** A prefix that names in the file may lack ("vit.", "bert.", "transformer."). */
  optionalPrefix: z.string().default(''),
});
export type Adapter = z.infer<typeof adapterSchema>;
export type AdapterInput = z.input<typeof adapterSchema>;

/** Builds the model's weights from a file's tensors. Every tensor of either side must be accounted for. */
export function adaptWeights(
  config: ModelConfig,
  source: TensorSource,
  adapter: Adapter,
  where: string,
): Map<string, StoredTensor> {
  const names = new FileNames(source, adapter.optionalPrefix, where);
  const specs = parameterSpecs(config);
  // Names are settled before the first tensor is read: a file of many gigabytes is refused at once.
  const plans = specs.map((spec) => planOf(spec, config, adapter, names, where));
  const left = names.unused().filter((name) => !adapter.ignore.some((pattern) => matches(pattern, name)));
  if (left.length > 0) {
    throw new WeightError(
      `${where}: ${left.length} tensors have no place in the model: ${listed(left, 5)}. ` +
        `Add rules for them or list them under "ignore".`,
    );
  }
  // Layers that share their tensors (ALBERT) share them here, too.
  const made = new Map<string, StoredTensor>();
  return new Map(
    plans.map(({ spec, rule, pieces }) => {
      const key = JSON.stringify([rule, pieces, spec.shape]);
      const tensor = made.get(key) ?? build(spec, rule, pieces, source, config, where);
      made.set(key, tensor);
      return [spec.name, tensor];
    }),
  );
}

/** Which names of the file stand for those of the rules, and which have been asked for. */
class FileNames {
  readonly #source: TensorSource;
  readonly #prefix: string;
  readonly #where: string;
  readonly #used = new Set<string>();

  constructor(source: TensorSource, prefix: string, where: string) {
    this.#source = source;
    this.#prefix = prefix;
    this.#where = where;
  }

  /** @throws WeightError where the file has no such tensor; `target` is the model's that needs it */
  find(name: string, target: string): string {
    const short = name.startsWith(this.#prefix) ? name.slice(this.#prefix.length) : name;
    // Files from TensorFlow name the two of a normalisation gamma and beta.
    const found = [name, short]
      .flatMap((one) => [one, one.replace(/(LayerNorm)\.weight$/, '$1.gamma').replace(/(LayerNorm)\.bias$/, '$1.beta')])
      .find((candidate) => this.#source.has(candidate));
    if (found === undefined) {
      throw new WeightError(
        `${this.#where}: the tensor "${name}" (for "${target}") is missing. Is the file complete, and does the ` +
          'configuration name its architecture and number of layers?',
      );
    }
    this.#used.add(found);
    return found;
  }

  unused(): string[] {
    return [...this.#source.keys()].filter((name) => !this.#used.has(name));
  }
}

interface Plan {
  readonly spec: ParameterSpec;
  readonly rule: Rule;
  readonly pieces: readonly (string | null)[];
}

function planOf(spec: ParameterSpec, config: ModelConfig, adapter: Adapter, names: FileNames, where: string): Plan {
  const layer = /^layers\.(\d+)\./.exec(spec.name)?.[1];
  const pattern = spec.name.replace(/^layers\.\d+\./, 'layers.{layer}.');
  const given = adapter.tensors[spec.name] ?? adapter.tensors[pattern];
  if (given === undefined) throw new ConfigError(`${where}: the adapter has no rule for "${pattern}".`);
  const rule = typeof given === 'string' ? ruleSchema.parse({ from: given }) : given;
  const fill = (name: string) => name.replaceAll('{layer}', layer ?? '');
  const pieces = (Array.isArray(rule.from) ? rule.from : [rule.from]).flatMap((name) => {
    if (name === null) return [null];
    if (!name.includes('{head}')) return [names.find(fill(name), spec.name)];
    return Array.from({ length: config.attention.heads }, (_, head) =>
      names.find(fill(name).replaceAll('{head}', `${head}`), spec.name),
    );
  });
  const rowFactors = rule.rowFactors && names.find(fill(rule.rowFactors), spec.name);
  return { spec, rule: { ...rule, ...(rowFactors ? { rowFactors } : {}) }, pieces };
}

/** Reads a tensor's pieces and puts them together as the rule says. */
function build(
  spec: ParameterSpec,
  rule: Rule,
  pieces: Plan['pieces'],
  source: TensorSource,
  config: ModelConfig,
  where: string,
): StoredTensor {
  const stored = pieces.map((name) => {
    if (name === null) return undefined;
    const piece = source.get(name)!;
    return rule.transpose ? transposed(piece, name, where) : piece;
  });
  // Zeros take the rows that are left.
  const rowsLeft = stored.reduce((left, piece) => left - (piece?.shape[0] ?? 0), spec.shape[0]!);
  const missing = Math.max(0, rowsLeft / Math.max(1, pieces.filter((name) => name === null).length));
  const parts = stored.map((piece) => piece ?? zeros([Math.floor(missing), ...spec.shape.slice(1)]));
  let tensor = parts.length === 1 ? parts[0]! : join(parts, rule.join, spec.name, where);
  if (rule.byHead) tensor = byBlock(tensor, config.attention.heads, rule.byHead, spec.name, where);
  tensor = fit(tensor, spec.shape, rule, spec.name, where);
  const { factor = 1, plus = 0, rowFactors } = rule;
  if (factor === 1 && plus === 0 && rowFactors === undefined) return tensor;
  const rows = spec.shape[0]!;
  const each = tensor.data.length / rows;
  const byRow = rowFactors === undefined ? undefined : source.get(rowFactors)!;
  if (byRow && byRow.data.length !== rows)
    throw new WeightError(
      `${where}: "${rowFactors}" ${formatShape(byRow.shape)} is not a factor for each of the ${rows} rows of "${spec.name}".`,
    );
  const data = tensor.data.map((v, i) => v * factor * (byRow?.data[Math.floor(i / each)] ?? 1) + plus);
  return { shape: tensor.shape, data };
}

const zeros = (shape: Shape): StoredTensor => ({ shape, data: new Float32Array(elementCount(shape)) });

function transposed({ shape, data }: StoredTensor, name: string, where: string): StoredTensor {
  const [rows, columns] = shape;
  if (shape.length !== 2 || rows === undefined || columns === undefined) {
    throw new WeightError(`${where}: "${name}" ${formatShape(shape)} is not a matrix and cannot be transposed.`);
  }
  const result = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) result[c * rows + r] = data[r * columns + c]!;
  return { shape: [columns, rows], data: result };
}

function join(pieces: readonly StoredTensor[], how: Rule['join'], target: string, where: string): StoredTensor {
  const first = pieces[0]!;
  const alike = (shape: Shape) =>
    (how === 'rows' ? shape.slice(1) : how === 'columns' ? shape.slice(0, -1) : shape).join();
  if (pieces.some(({ shape }) => shape.length !== first.shape.length || alike(shape) !== alike(first.shape))) {
    const shapes = pieces.map((piece) => formatShape(piece.shape)).join(', ');
    throw new WeightError(`${where}: the parts of "${target}" do not stack: ${shapes}.`);
  }
  const sizes = pieces.map(({ shape }) => (how === 'rows' ? shape[0]! : shape.at(-1)!));
  const total = sizes.reduce((a, b) => a + b, 0);
  if (how === 'sum')
    return { shape: first.shape, data: first.data.map((_, i) => pieces.reduce((sum, { data }) => sum + data[i]!, 0)) };
  const shape = how === 'rows' ? [total, ...first.shape.slice(1)] : [...first.shape.slice(0, -1), total];
  const data = new Float32Array(elementCount(shape));
  // Rows one piece after the other; columns a row of each in turn.
  const lines = how === 'rows' ? 1 : elementCount(first.shape.slice(0, -1));
  let offset = 0;
  for (let line = 0; line < lines; line++) {
    for (const piece of pieces) {
      const each = piece.data.length / lines;
      data.set(piece.data.subarray(line * each, (line + 1) * each), offset);
      offset += each;
    }
  }
  return { shape, data };
}

/** Rows that lie head by head, `blocks` of each, as block by block. */
function byBlock(
  { shape, data }: StoredTensor,
  heads: number,
  blocks: number,
  target: string,
  where: string,
): StoredTensor {
  const rows = shape[0] ?? 0;
  if (rows % (heads * blocks) !== 0)
    throw new WeightError(`${where}: the ${rows} rows of "${target}" are not ${blocks} for each of ${heads} heads.`);
  const size = data.length / (heads * blocks);
  const result = new Float32Array(data.length);
  for (let h = 0; h < heads; h++)
    for (let b = 0; b < blocks; b++)
      result.set(data.subarray((h * blocks + b) * size, (h * blocks + b + 1) * size), (b * heads + h) * size);
  return { shape, data: result };
}

function fit(
  tensor: StoredTensor,
  shape: Shape,
  { reshape, firstRows, skipRows }: Pick<Rule, 'reshape' | 'firstRows' | 'skipRows'>,
  name: string,
  where: string,
): StoredTensor {
  const wanted = elementCount(shape);
  const skipped = skipRows * elementCount(shape.slice(1));
  if (skipped === 0 && tensor.shape.join() === shape.join()) return tensor;
  const left = tensor.data.length - skipped;
  const sameRows = tensor.shape.at(-1) === shape.at(-1);
  if (reshape ? left === wanted : sameRows && (left === wanted ? skipped > 0 : firstRows && left > wanted))
    return { shape, data: tensor.data.subarray(skipped, skipped + wanted) };
  throw new WeightError(
    `${where}: "${name}" comes out as ${formatShape(tensor.shape)} where the configuration needs ${formatShape(shape)}.`,
  );
}
