import { elementCount, formatShape, ShapeError } from '@cipherformer/model';
import type { Tensor } from './program.ts';

/**
 * Reverse-mode differentiation: appends to the program the operations that compute d loss / d each of `targets`.
 *
 * `loss` must hold one element. Returns one gradient per target, of its shape; a target the loss does not depend on
 * is an error, since it would silently never be trained. `seed` replaces the gradient of the loss itself (1).
 */
export function gradients(loss: Tensor, targets: readonly Tensor[], seed?: Tensor): Tensor[] {
  const program = loss.program;
  if (elementCount(loss.shape) !== 1) {
    throw new ShapeError(
      `Only a loss of one element can be differentiated; "${loss.name}" is ${formatShape(loss.shape)}.`,
    );
  }
  const collected = new Map<string, Tensor>();
  const accumulate = (target: Tensor, gradient: Tensor) => {
    if (gradient.shape.join() !== target.shape.join()) {
      throw new ShapeError(
        `The gradient of "${target.name}" ${formatShape(target.shape)} came out as ${formatShape(gradient.shape)}.`,
      );
    }
    const earlier = collected.get(target.name);
    collected.set(target.name, earlier ? program.emit1('Add', [earlier, gradient], target.shape) : gradient);
  };

  collected.set(loss.name, seed ?? program.constant(Float32Array.of(1), loss.shape, 'seed'));
  program.scope('backward', () => {
    const records = [...program.tape];
    for (let i = records.length - 1; i >= 0; i--) {
      const record = records[i]!;
      const incoming = record.outputs.map((output) => collected.get(output.name));
      if (incoming.every((gradient) => gradient === undefined)) continue;
      const outgoing = record.backward(incoming);
      record.inputs.forEach((input, j) => {
        const gradient = outgoing[j];
        if (gradient && input.differentiable) accumulate(input, gradient);
      });
    }
  });
  return targets.map((target) => {
    const gradient = collected.get(target.name);
    if (!gradient) throw new ShapeError(`The loss does not depend on "${target.name}": freeze it or use it.`);
    return gradient;
  });
}
