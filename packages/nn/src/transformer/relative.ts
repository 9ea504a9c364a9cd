import type { Tensor } from '../onnx/program.ts';
import * as ops from '../ops/index.ts';
import type { Builder } from './builder.ts';
import type { ModelConfig, RelativeConfig } from './config.ts';

/** What relative positions add to the scores of one attention, [heads, query, key]; undefined where there are none. */
export function relativeOffsets(
  builder: Builder,
  config: ModelConfig,
  name: string,
  tokens: number,
): Tensor | undefined {
  const { relative, heads } = config.attention;
  if (!relative) return undefined;
  const spec = [relativeRows(relative), heads] as const;
  const initial = { kind: 'constant', value: 0 } as const;
  const table = relative.shared
    ? builder.sharedParameter('positions.relative', spec, initial)
    : builder.parameter(`${name}.relative`, spec, initial);
  const index = table.program.constant(asInt64(relativeIndices(relative, tokens)), [tokens, tokens], 'relative');
  return ops.transpose(ops.embedding(table, index), [2, 0, 1]);
}

/** Rows of the table. */
export const relativeRows = (relative: RelativeConfig): number =>
  relative.kind === 'buckets'
    ? relative.buckets
    : (2 * relative.rows - 1) * (2 * relative.columns - 1) + (relative.classToken ? 3 : 0);

/** The table's row for each query and key, row by row. */
export function relativeIndices(relative: RelativeConfig, tokens: number): Int32Array<ArrayBuffer> {
  const row = relative.kind === 'buckets' ? bucket(relative) : difference(relative);
  const indices = new Int32Array(tokens * tokens);
  // A picture of 4,000 patches has 16 million pairs: no object for each.
  for (let query = 0; query < tokens; query++)
    for (let key = 0; key < tokens; key++) indices[query * tokens + key] = row(query, key);
  return indices;
}

/** Numbers that are not negative, as ONNX wants them: each its low word, then zeros. */
function asInt64(numbers: Int32Array): BigInt64Array<ArrayBuffer> {
  const words = new Int32Array(2 * numbers.length);
  numbers.forEach((value, i) => {
    words[2 * i] = value;
  });
  return new BigInt64Array(words.buffer);
}

/** T5's buckets (Raffel et al., 2020): half for keys behind, of these half exact, the rest by the logarithm. */
function bucket({ buckets, maxDistance }: Extract<RelativeConfig, { kind: 'buckets' }>) {
  const half = Math.floor(buckets / 2);
  const exact = Math.floor(half / 2);
  return (query: number, key: number) => {
    const distance = Math.abs(query - key);
    // In single precision, as it was trained.
    const ratio = Math.fround(Math.fround(Math.log(distance / exact)) / Math.log(maxDistance / exact));
    const far = exact + Math.trunc(ratio * (half - exact));
    return (key > query ? half : 0) + (distance < exact ? distance : Math.min(far, half - 1));
  };
}

/** Swin's and BEiT's rows: by the difference of rows, then of columns; the last three to, from and of the class token. */
function difference({ rows, columns, classToken }: Extract<RelativeConfig, { kind: 'grid' }>) {
  const wide = 2 * columns - 1;
  const pairs = (2 * rows - 1) * wide;
  const lead = classToken ? 1 : 0;
  return (query: number, key: number) => {
    const [q, k] = [query - lead, key - lead];
    if (q < 0) return k < 0 ? pairs + 2 : pairs;
    if (k < 0) return pairs + 1;
    const down = Math.floor(q / columns) - Math.floor(k / columns) + rows - 1;
    return down * wide + (q % columns) - (k % columns) + columns - 1;
  };
}
