import type { GraphInputs } from '../operations/definition.ts';
import type { ModelInput } from './model-input.ts';
import { prepareImage } from './prepare-image.ts';
import { prepareText } from './prepare-text.ts';
import type { InputPreparation } from './preprocess.ts';

/**
 * The input matrices of the model's graph, made on the client before encryption: windows of pixels, or embedded tokens
 * with their mask and pooling column. Texts longer than the sequence are cut: a classifier reads the beginning, a
 * language model the end.
 * @throws DataError where the input is not of the model's kind or size
 */
export function prepareInput(model: InputPreparation, input: ModelInput): GraphInputs {
  const { preprocess } = model;
  return preprocess.kind === 'image' ? prepareImage(preprocess, input) : prepareText(model, preprocess, input);
}
