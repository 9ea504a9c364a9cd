import { Random } from '@cipherformer/base';
import {
  type DrawOptions,
  drawToken,
  evaluate,
  type PolynomialModel,
  prepareInput,
  tokenizerFor,
} from '@cipherformer/model';

export interface ClearOptions extends DrawOptions {
  readonly tokens: number;
  readonly seed: number;
}

/**
 * What a polynomial language model goes on with in clear: what encrypted generation has to give, but for noise.
 * Cost: the whole graph for every token. @throws DataError for a model of something else
 */
export function generateClear(
  model: PolynomialModel,
  prompt: string | readonly number[],
  { tokens, seed, ...draw }: ClearOptions,
): { readonly ids: readonly number[]; readonly text: string } {
  const tokenizer = typeof prompt === 'string' ? tokenizerFor(model) : undefined;
  const given = typeof prompt === 'string' ? tokenizer!.encodeInput(prompt).ids : prompt;
  const random = Random.derive(seed, 'generate');
  const ids = [...given];
  for (let k = 0; k < tokens; k++)
    ids.push(drawToken(evaluate(model.graph, prepareInput(model, { ids })), draw, random));
  const text = tokenizer ? tokenizer.decode(ids).slice(tokenizer.decode(given).length) : '';
  return { ids: ids.slice(given.length), text };
}
