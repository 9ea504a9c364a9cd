import type { OddSplit } from '../../data/odd-split.ts';
import { feedsAt } from '../../data/windows.ts';
import { answerIn, saysTheSame, spreadOf } from '../../evaluate/agreement.ts';
import { InferenceModel } from '../../evaluate/inference.ts';
import { answerKind } from '../../transformer/config.ts';
import type { Converted } from '../substitution/architecture.ts';
import { polynomialsOf, staysInside } from '../substitution/substitute.ts';
import { type Conversion, extremesOf } from '../training/conversion.ts';

/** What a model makes of inputs unlike any that it was trained on (data/odd.ts), made of the test set's first examples. */
export interface Robustness {
  readonly examples: number;
  /** Examples with a value outside an interval: under encryption they get no answer. */
  readonly outside: number;
  /**
   * Among the others, those whose largest logit is the original's; language models: at the last token. Of other heads those that
   * say the same: an embedding with a cosine of at least 0.9, every label, nine tenths of the tokens, numbers within a tenth of
   * the spread of the original's.
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
  const before = await answersOn(conversion, conversion.original, set, forms.length);
  const after = await answersOn(conversion, model, set, forms.length);
  const asked = { kind: answerKind(model.config), outputs: model.config.head.outputs };
  const spread = spreadOf(before);
  const answered = forms.flatMap((_, i) => (inside[i] ? [i] : []));
  const largest = (rows: readonly Float64Array[], of: readonly number[]) =>
    of.reduce((most, i) => rows[i]!.reduce((high, value) => Math.max(high, Math.abs(value)), most), 0);
  const countOf = (form: string) => {
    const of = inside.filter((_, i) => forms[i] === form);
    return { examples: of.length, outside: of.filter((stays) => !stays).length };
  };
  return {
    examples: forms.length,
    outside: forms.length - answered.length,
    agree: answered.filter((i) => saysTheSame(asked, before[i]!, after[i]!, spread)).length,
    largestLogit: Number(largest(after, answered).toPrecision(4)),
    originalLargestLogit: Number(largest(before, answered).toPrecision(4)),
    forms: Object.fromEntries([...new Set(forms)].map((form) => [form, countOf(form)])),
  };
}

/** The answer to each example; of a language model that to a window's last token. */
async function answersOn(
  { data, threads }: Conversion,
  { config, weights }: Converted,
  set: OddSplit['set'],
  count: number,
): Promise<Float64Array[]> {
  const tokens = data.tokens ?? 0;
  const batch = Math.min(25, count);
  const inference = await InferenceModel.create(config, weights, { batch, threads, ...(tokens ? { tokens } : {}) });
  try {
    const rows: Float64Array[] = [];
    for (let start = 0; start < count; start += batch) {
      const feeds = feedsAt(set, start, batch, tokens);
      const { logits } = await inference.run(feeds);
      for (let i = 0; i < Math.min(batch, count - start); i++) {
        const answer = answerIn(config, logits!, feeds, i, batch);
        rows.push(set.kind === 'language' ? answer.slice(-config.head.outputs) : answer);
      }
    }
    return rows;
  } finally {
    await inference.close();
  }
}
