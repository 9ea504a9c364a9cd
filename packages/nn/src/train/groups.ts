import { elementCount, type StoredTensor, type Weights } from '@cipherformer/model';
import type { Program, Tensor } from '../onnx/program.ts';
import { reshape, split } from '../ops/index.ts';
import type { ParameterSpec } from '../transformer/builder.ts';
import { matches } from '../transformer/names.ts';

/**
 * Parameters that one optimiser rule treats alike lie one after another in one flat array. A step then moves a
 * handful of arrays across the boundary to ONNX Runtime, and AdamW is a dozen operations in all instead of a dozen
 * per parameter.
 */
export interface ParameterGroup {
  readonly name: string;
  readonly update: 'adamw' | 'muon';
  readonly weightDecay: number;
  /** Factor on the learning rate. */
  readonly rate: number;
  readonly specs: readonly ParameterSpec[];
  readonly size: number;
}

export interface GroupRule {
  readonly weightDecay: number;
  /** Matrices of layers move by Muon. */
  readonly muon?: boolean;
  /** Learning-rate factors for parameters whose name matches, first match wins ("*.coefficients": 0.1). */
  readonly rates?: readonly { readonly pattern: string; readonly rate: number }[];
  /** Names (with * as wildcard) that are not trained. */
  readonly frozen?: readonly string[];
}

export function isFrozen(spec: ParameterSpec, rule: GroupRule): boolean {
  return !spec.trained || (rule.frozen ?? []).some((pattern) => matches(pattern, spec.name));
}

/** Matrices from activations to activations; not embeddings, heads, gains or tables, whose rows are things of their own. */
const isHiddenMatrix = ({ name, shape, decay }: ParameterSpec): boolean =>
  name.startsWith('layers.') && shape.length === 2 && decay;

export function groupParameters(specs: readonly ParameterSpec[], rule: GroupRule): ParameterGroup[] {
  const groups = new Map<
    string,
    Pick<ParameterGroup, 'update' | 'weightDecay' | 'rate'> & { specs: ParameterSpec[] }
  >();
  for (const spec of specs) {
    if (isFrozen(spec, rule)) continue;
    const weightDecay = spec.decay ? rule.weightDecay : 0;
    const rate = rule.rates?.find(({ pattern }) => matches(pattern, spec.name))?.rate ?? 1;
    const update = rule.muon && isHiddenMatrix(spec) ? 'muon' : 'adamw';
    const key = `${update}/${weightDecay}/${rate}`;
    const group = groups.get(key) ?? { update, weightDecay, rate, specs: [] };
    group.specs.push(spec);
    groups.set(key, group);
  }
  return [...groups.values()].map((group, i) => ({
    ...group,
    name: `group${i}`,
    size: group.specs.reduce((sum, spec) => sum + elementCount(spec.shape), 0),
  }));
}

/** What is kept of a group from step to step, each as long as the group. */
export const stateParts = ({ update }: ParameterGroup, averaged: boolean): readonly string[] => [
  'value',
  'moment1',
  ...(update === 'adamw' ? ['moment2'] : []),
  ...(averaged ? ['average'] : []),
];

/** Declares a group's flat input and cuts it into its parameters. */
export function declareGroup(program: Program, group: ParameterGroup): { flat: Tensor; parts: Map<string, Tensor> } {
  const flat = program.input(`${group.name}.value`, [group.size], 'float32', true);
  const sizes = group.specs.map((spec) => elementCount(spec.shape));
  const pieces = sizes.length === 1 ? [flat] : split(flat, 0, sizes);
  return { flat, parts: new Map(group.specs.map((spec, i) => [spec.name, reshape(pieces[i]!, spec.shape)])) };
}

/** Copies a group's parameters out of `weights` into one flat array. */
export function flattenGroup(group: ParameterGroup, weights: Weights): Float32Array {
  const flat = new Float32Array(group.size);
  let offset = 0;
  for (const spec of group.specs) {
    const { data } = weights.get(spec.name)!;
    flat.set(data, offset);
    offset += data.length;
  }
  return flat;
}

/** The parameters of a flat array, copied. */
export function unflattenGroup(group: ParameterGroup, flat: Float32Array): [string, StoredTensor][] {
  let offset = 0;
  return group.specs.map((spec) => {
    const count = elementCount(spec.shape);
    const data = flat.slice(offset, offset + count);
    offset += count;
    return [spec.name, { shape: spec.shape, data }];
  });
}
