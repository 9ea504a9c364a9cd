import type { GraphInputs } from '../operations/definition.ts';
import type { ModelInput } from './model-input.ts';
import type { InputPreparation } from './preprocess.ts';

/** `prepareInput` of one model, with only that loaded which its kind of input needs: for bundles of browsers. */
export async function inputPreparer(model: InputPreparation): Promise<(input: ModelInput) => GraphInputs> {
  const { preprocess } = model;
  if (preprocess.kind === 'image') {
    const { prepareImage } = await import('./prepare-image.ts');
    return (input) => prepareImage(preprocess, input);
  }
  const { prepareText } = await import('./prepare-text.ts');
  return (input) => prepareText(model, preprocess, input);
}
