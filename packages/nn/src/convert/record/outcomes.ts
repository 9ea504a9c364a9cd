import { InferenceModel } from '../../evaluate/inference.ts';
import { evaluateClassification, evaluateLanguage, languageModelScorer } from '../../evaluate/metrics.ts';
import type { Converted } from '../substitution/architecture.ts';
import type { Conversion } from '../training/conversion.ts';

/** How the original and the result of a conversion did on each test example (or window), in order. */
export type TestOutcomes =
  | {
      /** One bit an example, right or not, the first in the lowest bit of the first byte; base64. */
      readonly kind: 'right';
      readonly examples: number;
      readonly original: string;
      readonly result: string;
    }
  | {
      /** Nats of each window; `characters` are those of all windows together. */
      readonly kind: 'nats';
      readonly examples: number;
      readonly characters: number;
      readonly original: readonly number[];
      readonly result: readonly number[];
    };

/** Runs both models over the test set. Cost: one evaluation each. */
export async function testOutcomes(conversion: Conversion, result: Converted): Promise<TestOutcomes> {
  const { original, data, threads } = conversion;
  const set = data.test;
  if (set.kind === 'language') {
    const tokens = data.tokens!;
    const natsOf = async ({ config, weights }: Converted) => {
      const scorer = await languageModelScorer(config, weights, { batch: 16, tokens, threads });
      try {
        return await evaluateLanguage(scorer, set, { tokens, stride: tokens });
      } finally {
        await scorer.close();
      }
    };
    const [before, after] = [await natsOf(original), await natsOf(result)];
    const short = (values: Float64Array) => Array.from(values, (value) => Number(value.toPrecision(8)));
    return {
      kind: 'nats',
      examples: before.windowNats.length,
      characters: before.characters,
      original: short(before.windowNats),
      result: short(after.windowNats),
    };
  }
  const rightOf = async ({ config, weights }: Converted) => {
    const inference = await InferenceModel.create(config, weights, {
      batch: Math.min(50, set.count),
      threads,
      ...(data.tokens ? { tokens: data.tokens } : {}),
    });
    try {
      const { predictions } = await evaluateClassification(inference, set);
      return packBits([...predictions].map((predicted, i) => predicted === set.label(i)));
    } finally {
      await inference.close();
    }
  };
  return { kind: 'right', examples: set.count, original: await rightOf(original), result: await rightOf(result) };
}

export function packBits(bits: readonly boolean[]): string {
  const bytes = new Uint8Array(Math.ceil(bits.length / 8));
  bits.forEach((bit, i) => {
    if (bit) bytes[i >> 3]! |= 1 << (i & 7);
  });
  return Buffer.from(bytes).toString('base64');
}

export function unpackBits(packed: string, count: number): boolean[] {
  const bytes = Buffer.from(packed, 'base64');
  return Array.from({ length: count }, (_, i) => ((bytes[i >> 3] ?? 0) & (1 << (i & 7))) !== 0);
}
