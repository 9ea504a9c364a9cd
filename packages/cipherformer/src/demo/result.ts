import { best, spreadDifference } from '../measure/statistics.ts';
import type { MeasuredAnswer } from './encrypted.ts';

/** The three answers to one image, and how far the encrypted one is from the clear one. */
export interface DemoImage {
  readonly index: number;
  readonly label: number;
  /** Undefined without ONNX Runtime. */
  readonly original: readonly number[] | undefined;
  readonly polynomial: readonly number[];
  readonly encrypted: MeasuredAnswer;
  /** Largest difference of the encrypted logits from the clear polynomial ones, with these at unit spread. */
  readonly difference: number;
  /** The encrypted answer is the clear polynomial model's. */
  readonly agrees: boolean;
}

/** Everything the demo shows at its end. */
export interface DemoResult {
  readonly machine: string;
  readonly seconds: number;
  /** The line that installs ONNX Runtime, where the demo did without it: no original model, no live conversion. */
  readonly missing: string | undefined;
  readonly original: { readonly accuracy: number; readonly images: number } | undefined;
  readonly polynomial: { readonly accuracy: number; readonly images: number };
  /** The live conversion: softmax on validation, then pointwise attention after its training. */
  readonly conversion:
    | { readonly seconds: number; readonly stages: readonly { name: string; accuracy: number }[] }
    | undefined;
  readonly program: {
    readonly logN: number;
    readonly logQP: number;
    readonly bootstraps: number;
    readonly predictedCpuSeconds: number;
    readonly predictedPeakBytes: number;
  };
  readonly keygenSeconds: number;
  readonly evaluationBytes: number;
  readonly images: readonly DemoImage[];
}

export function compareAnswers(
  index: number,
  label: number,
  original: readonly number[] | undefined,
  polynomial: readonly number[],
  encrypted: MeasuredAnswer,
): DemoImage {
  const difference = spreadDifference(polynomial, encrypted.logits);
  const agrees = encrypted.trusted && best(polynomial) === best(encrypted.logits);
  return { index, label, original, polynomial, encrypted, difference, agrees };
}
