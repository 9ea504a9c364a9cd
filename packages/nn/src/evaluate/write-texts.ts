import { DataError, drawToken, type Weights } from '@cipherformer/model';
import * as ops from '../ops/index.ts';
import { Random } from '../random.ts';
import type { ModelConfig } from '../transformer/config.ts';
import { InferenceModel } from './inference.ts';

export interface WriteTextsOptions {
  readonly count: number;
  /** Tokens of a text, its first included. */
  readonly tokens: number;
  /** The token that every text begins with. */
  readonly beginning: number;
  /** Logits are divided by it: 1 is the model's own distribution. */
  readonly temperature: number;
  /** The same seed gives the same texts, whatever their number. */
  readonly seed: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly progress?: (done: number) => void;
}

/** Texts that are written together. */
const textsAtOnce = 64;
/** Shapes are static: a program for every so many tokens, so that early ones do not cost what the last do. */
const lengthStep = 32;

/**
 * Texts that a language model writes itself, one token after the other, drawn from its distribution.
 * Cost: a pass over at most the final length for every token of 64 texts.
 * @throws DataError for a model that writes no text; the signal's reason
 */
export async function writeTexts(
  config: ModelConfig,
  weights: Weights,
  options: WriteTextsOptions,
): Promise<Int32Array[]> {
  if (config.task !== 'language-model') throw new DataError('Only a language model writes texts.');
  const { count, tokens, beginning, seed, threads = 1 } = options;
  const texts = Array.from({ length: count }, () => Int32Array.of(beginning, ...new Array<number>(tokens - 1).fill(0)));
  const draws = texts.map((_, i) => Random.derive(seed, 'write', i));
  for (let written = 1; written < tokens; ) {
    const length = Math.min(tokens, Math.ceil((written + 1) / lengthStep) * lengthStep);
    const model = await nextTokenModel(config, weights, { tokens: length, threads });
    try {
      for (let first = 0; first < count; first += textsAtOnce) {
        const group = texts.slice(first, first + textsAtOnce);
        for (let at = written; at < length; at++) {
          options.signal?.throwIfAborted();
          const { next } = await model.run(feedsOf(group, at, length));
          const { outputs } = config.head;
          for (const [i, text] of group.entries())
            text[at] = drawToken(next!.subarray(i * outputs, (i + 1) * outputs), options, draws[first + i]!);
        }
        options.progress?.(
          ((written - 1) * count + (length - written) * Math.min(count, first + textsAtOnce)) / tokens,
        );
      }
    } finally {
      await model.close();
    }
    written = length;
  }
  return texts;
}

/** A model that gives the logits after one token of each text, which is the same for all: "next" [batch, outputs]. */
function nextTokenModel(
  config: ModelConfig,
  weights: Weights,
  { tokens, threads }: { readonly tokens: number; readonly threads: number },
): Promise<InferenceModel> {
  return InferenceModel.create(config, weights, {
    batch: textsAtOnce,
    tokens,
    threads,
    outputs: ({ program, graph }) => {
      const chosen = program.input('chosen', [1, tokens, 1], 'float32');
      return { next: ops.sum(ops.mul(graph.logits, chosen), [1]) };
    },
  });
}

/** The tokens before `at`; what follows is hidden by the causal mask, and missing texts of the batch are empty. */
function feedsOf(group: readonly Int32Array[], at: number, length: number) {
  const ids = new BigInt64Array(textsAtOnce * length);
  for (const [i, text] of group.entries()) for (let t = 0; t < at; t++) ids[i * length + t] = BigInt(text[t]!);
  const chosen = new Float32Array(length);
  chosen[at - 1] = 1;
  return { ids, chosen };
}
