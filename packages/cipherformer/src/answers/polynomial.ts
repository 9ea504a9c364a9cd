import { PolynomialEvaluator, prepareInput, untrustedExamples, ValueRecorder } from '@cipherformer/model';
import { loadPolynomialModel } from '@cipherformer/model/files';
import { formOf } from '../input/seen.ts';
import type { Asked } from './asked.ts';

/** A polynomial model in clear: what its encrypted program computes, without noise. Errors as loadPolynomialModel. */
export function openPolynomial(folder: string): Asked {
  const model = loadPolynomialModel(folder);
  const evaluator = new PolynomialEvaluator(model.graph);
  return {
    form: formOf(model),
    isLanguage: model.task === 'language-model',
    ...(model.classes ? { classes: model.classes } : {}),
    async say(seen) {
      const recorder = new ValueRecorder(model.graph);
      const logits = [...evaluator.run(prepareInput(model, seen), recorder.nextExample())];
      return { logits, inRange: untrustedExamples(recorder.record()) === 0 };
    },
    close: async () => {},
  };
}
