import { rawAdd, rawMul, rawScale } from '../ops/elementwise.ts';
import { type Update, updatedWeights } from './optimiser.ts';

/** AdamW (Loshchilov and Hutter, 2019): each number moves by its mean gradient in units of its own usual size. */
export const adamw: Update = (group, state, gradient, factor, scalars, { beta1, beta2 }) => {
  const { program } = gradient;
  const moment1 = rawAdd(rawScale(state.moment1!, beta1), rawMul(gradient, rawScale(factor, 1 - beta1)));
  const squaredFactor = rawScale(rawMul(factor, factor), 1 - beta2);
  const moment2 = rawAdd(rawScale(state.moment2!, beta2), rawMul(rawMul(gradient, gradient), squaredFactor));
  const root = program.emit1('Sqrt', [moment2], moment2.shape);
  const direction = program.emit1('Div', [moment1, rawAdd(root, scalars.epsilon)], moment1.shape);
  return { moment1, moment2, ...updatedWeights(group, state, direction, scalars.stepSize, scalars) };
};
