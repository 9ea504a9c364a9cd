import { elementCount, formatShape, type StoredTensor, WeightError, type Weights } from '@cipherformer/model';
import { listed } from '@cipherformer/model/untrusted';
import { Program } from '../onnx/program.ts';
import { Random } from '../random.ts';
import { Builder, initialise, type ParameterSpec } from './builder.ts';
import type { ModelConfig } from './config.ts';
import { declareInputs } from './inputs.ts';
import { buildModel } from './transformer.ts';

/** Every parameter and buffer a model stores, in the order of its forward pass. */
export function parameterSpecs(config: ModelConfig): ParameterSpec[] {
  const builder = new Builder({ program: new Program(), mode: 'evaluate', batch: 1 });
  // Of one token: what is stored does not depend on the length of a text, the masks and tables of a program do.
  buildModel(builder, config, declareInputs(builder, config, 1));
  return builder.specs;
}

/** Fresh weights drawn from a seed; each tensor has its own stream, so adding a part leaves the others as they were. */
export function initialWeights(config: ModelConfig, seed: number): Map<string, StoredTensor> {
  return new Map(
    parameterSpecs(config).map((spec) => [
      spec.name,
      { shape: spec.shape, data: initialise(spec, Random.derive(seed, `init/${spec.name}`)) },
    ]),
  );
}

/** Checks that `weights` hold exactly what the model needs, in the shapes it needs. */
export function checkWeights(config: ModelConfig, weights: Weights, where: string): void {
  const specs = parameterSpecs(config);
  for (const spec of specs) {
    const found = weights.get(spec.name);
    if (!found) {
      throw new WeightError(
        `${where}: the tensor "${spec.name}" ${formatShape(spec.shape)} is missing. ` +
          'Is the file of another model, or does its layout need an adapter recipe?',
      );
    }
    if (found.shape.join() !== spec.shape.join() || found.data.length !== elementCount(spec.shape)) {
      throw new WeightError(
        `${where}: "${spec.name}" is ${formatShape(found.shape)} where the configuration needs ` +
          `${formatShape(spec.shape)}. Correct the configuration or take the matching weights.`,
      );
    }
  }
  const known = new Set(specs.map((spec) => spec.name));
  const extra = [...weights.keys()].filter((name) => !known.has(name));
  if (extra.length > 0) {
    throw new WeightError(
      `${where}: the model has no place for ${listed(extra, 5)} ` +
        `(${extra.length} tensors). Correct the configuration or list them under "ignore" in the adapter.`,
    );
  }
}

/** Number of trained values. */
export const parameterCount = (specs: readonly ParameterSpec[]): number =>
  specs.filter((spec) => spec.trained).reduce((sum, spec) => sum + elementCount(spec.shape), 0);
