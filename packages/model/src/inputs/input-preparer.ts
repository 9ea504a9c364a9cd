import type { GraphInputs } from '../operations/definition.ts';
import type { ModelInput } from './model-input.ts';
import { prepareImage } from './prepare-image.ts';
import type { InputPreparation } from './preprocess.ts';

/** `prepareInput` of one model, with what reads texts loaded only where it takes them: for bundles of browsers. */
export async function inputPreparer(model: InputPreparation): Promise<(input: ModelInput) => GraphInputs> {
  const { preprocess } = model;
  if (preprocess.kind === 'image') return (input) => prepareImage(preprocess, input);
  const { prepareText } = await import('./prepare-text.ts');
  return (input) => prepareText(model, preprocess, input);
}
