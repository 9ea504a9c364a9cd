import type { OddSplit } from '../../data/odd-split.ts';
import { feedsAt } from '../../data/windows.ts';
import { dot, unitVector } from '../../evaluate/embeddings.ts';
import { InferenceModel } from '../../evaluate/inference.ts';
import { mostLikely } from '../../evaluate/metrics.ts';
import type { Converted } from '../substitution/architecture.ts';
import { polynomialsOf, staysInside } from '../substitution/substitute.ts';
import { type Conversion, extremesOf } from '../training/conversion.ts';

/** What a model makes of inputs unlike any that it was trained on (data/odd.ts), made of the test set's first examples. */
export interface Robustness {
  readonly examples: number;
  /** Examples with a value outside an interval: under encryption they get no answer. */
  readonly outside: number;
  /**
   * Among the others, those whose largest logit is the original's; language models: at the last token; encoders: those whose
   * embedding has a cosine of at least 0.9 with the original's.
   */
  readonly agree: number;
  /** The largest logit by size, of those that are inside, and of the original. */
  readonly largestLogit: number;
  readonly originalLargestLogit: number;
  readonly forms: Readonly<Record<string, { readonly examples: number; readonly outside: number }>>;
}

/** Cost: a pass of both models over the odd inputs, and one for the extremes. */
export async function measureRobustness(
  conversion: Conversion,
  model: Converted,
  { set, forms }: OddSplit,
): Promise<Robustness> {
  const seen = await extremesOf(conversion, model, set, forms.length);
  const polynomials = polynomialsOf(model);
  const inside = forms.map((_, i) => seen.every((site) => staysInside(polynomials.get(site.name), site, i)));
  const before = await lastLogits(conversion, conversion.original, set, forms.length);
  const after = await lastLogits(conversion, model, set, forms.length);
  const same = (a: Float32Array, b: Float32Array) =>
    model.config.task === 'text-embedding' ? dot(unitVector(a), unitVector(b)) >= 0.9 : mostLikely(a) === mostLikely(b);
  const answered = forms.flatMap((_, i) => (inside[i] ? [i] : []));
  const largest = (rows: readonly Float32Array[], of: readonly number[]) =>
    of.reduce((most, i) => rows[i]!.reduce((high, value) => Math.max(high, Math.abs(value)), most), 0);
  const countOf = (form: string) => {
    const of = inside.filter((_, i) => forms[i] === form);
    return { examples: of.length, outside: of.filter((stays) => !stays).length };
  };
  return {
    examples: forms.length,
    outside: forms.length - answered.length,
    agree: answered.filter((i) => same(before[i]!, after[i]!)).length,
    largestLogit: Number(largest(after, answered).toPrecision(4)),
    originalLargestLogit: Number(largest(before, answered).toPrecision(4)),
    forms: Object.fromEntries([...new Set(forms)].map((form) => [form, countOf(form)])),
  };
}

/** The logits of each example; of a language model, those of a window's last token. */
async function lastLogits(
  { data, threads }: Conversion,
  { config, weights }: Converted,
  set: OddSplit['set'],
  count: number,
): Promise<Float32Array[]> {
  const tokens = data.tokens ?? 0;
  const batch = Math.min(25, count);
  const inference = await InferenceModel.create(config, weights, { batch, threads, ...(tokens ? { tokens } : {}) });
  try {
    const rows: Float32Array[] = [];
    for (let start = 0; start < count; start += batch) {
      const { logits } = await inference.run(feedsAt(set, start, batch, tokens));
      const each = logits!.length / batch;
      for (let i = 0; i < Math.min(batch, count - start); i++)
        rows.push(logits!.slice((i + 1) * each - config.head.outputs, (i + 1) * each));
    }
    return rows;
  } finally {
    await inference.close();
  }
}
