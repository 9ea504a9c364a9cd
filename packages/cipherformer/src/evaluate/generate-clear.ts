import { Random } from '@cipherformer/base';
import {
  type DrawOptions,
  drawToken,
  PolynomialEvaluator,
  type PolynomialModel,
  prepareInput,
  tokenizerFor,
  untrustedExamples,
  ValueRecorder,
} from '@cipherformer/model';

export interface ClearOptions extends DrawOptions {
  readonly tokens: number;
  readonly seed: number;
}

/** What a model went on with. */
export interface ClearText {
  readonly ids: readonly number[];
  readonly text: string;
  /** Whether every token has an answer: otherwise they end where a value left the range that the model is made for. */
  readonly inRange: boolean;
}

/**
 * What a polynomial language model goes on with in clear: what encrypted generation has to give, but for noise.
 * Cost: the whole graph for every token. @throws DataError for a model of something else
 */
export function generateClear(
  model: PolynomialModel,
  prompt: string | readonly number[],
  { tokens, seed, ...draw }: ClearOptions,
): ClearText {
  const tokenizer = typeof prompt === 'string' ? tokenizerFor(model) : undefined;
  const given = typeof prompt === 'string' ? tokenizer!.encodeInput(prompt).ids : prompt;
  const random = Random.derive(seed, 'generate');
  const ids = [...given];
  const evaluator = new PolynomialEvaluator(model.graph);
  let inRange = true;
  for (let k = 0; k < tokens && inRange; k++) {
    const recorder = new ValueRecorder(model.graph);
    const logits = evaluator.run(prepareInput(model, { ids }), recorder.nextExample());
    inRange = untrustedExamples(recorder.record()) === 0;
    if (inRange) ids.push(drawToken(logits, draw, random));
  }
  const text = tokenizer ? tokenizer.decode(ids).slice(tokenizer.decode(given).length) : '';
  return { ids: ids.slice(given.length), text, inRange };
}
