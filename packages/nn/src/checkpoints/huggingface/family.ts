import { ConfigError } from '@cipherformer/model';
import { listed, problems, shown, words } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import {
  type ActivationConfig,
  type ModelConfig,
  type ModelConfigInput,
  parseModelConfig,
} from '../../transformer/config.ts';
import { type Adapter, type AdapterInput, adapterSchema } from '../adapter.ts';

/** What a config.json says, in our words, and where model.safetensors keeps each tensor. */
export interface ForeignLayout {
  readonly config: ModelConfig;
  readonly adapter: Adapter;
  readonly classes?: readonly string[];
}

/** Reads the config.json of one family. @throws ConfigError */
export type Family = (value: unknown, where: string) => ForeignLayout;

/** A layout as a family's file writes it, before defaults are filled in. */
interface LayoutInput {
  readonly config: ModelConfigInput;
  readonly adapter: AdapterInput;
  /** Of what tells classes apart. */
  readonly classes?: readonly string[];
}

/**
 * A family of models: the fields that its config.json has to have, and what they come to.
 * @param layout `where` names the file for messages
 */
export function family<C>(schema: z.ZodType<C>, layout: (config: C, where: string) => LayoutInput): Family {
  return (value, where) => {
    const result = schema.safeParse(value);
    if (!result.success) throw new ConfigError(`${where}: ${problems(result.error, value)}`);
    const { config, adapter, classes } = layout(result.data, where);
    return {
      config: parseModelConfig(config, where),
      adapter: adapterSchema.parse(adapter),
      ...(classes ? { classes } : {}),
    };
  };
}

/** Sizes are bounded where they are used: here what is made of one on the way there. */
export const size = z
  .int()
  .positive()
  .max(2 ** 24);

/** How a config.json names its classes. */
export const labels = {
  id2label: z.record(z.string(), words).optional(),
  num_labels: z.int().positive().max(100_000).optional(),
};

/** The names of the classes, in order. @throws ConfigError unless they are numbered from 0 without a gap */
export function classNames(
  config: { id2label?: Record<string, string> | undefined; num_labels?: number | undefined },
  where: string,
): string[] {
  if (config.id2label) {
    const { id2label } = config;
    return Object.keys(id2label).map((_, i) => {
      const name = id2label[i];
      if (name === undefined)
        throw new ConfigError(
          `${where}: id2label names ${listed(Object.keys(id2label))}, not ${i}: classes are numbered from 0 without a gap.`,
        );
      return name;
    });
  }
  return Array.from({ length: config.num_labels ?? 2 }, (_, i) => `LABEL_${i}`);
}

const activations = new Map<string, ActivationConfig>([
  ['gelu', 'gelu'],
  ['gelu_new', 'gelu_tanh'],
  ['gelu_pytorch_tanh', 'gelu_tanh'],
  ['gelu_fast', 'gelu_tanh'],
  ['quick_gelu', 'quick_gelu'],
  ['relu', 'relu'],
  ['silu', 'silu'],
  ['swish', 'silu'],
]);

/** Our activation of their name. @throws ConfigError for one that is not known */
export function activationOf(name: string, where: string): ActivationConfig {
  const known = activations.get(name);
  if (known === undefined) {
    throw new ConfigError(
      `${where}: unknown activation ${shown(name)}; known are ${[...activations.keys()].join(', ')}.`,
    );
  }
  return known;
}

/** The width of a head, of heads that share the model's. @throws ConfigError where they do not divide it */
export function headWidth(width: number, heads: number, where: string): number {
  if (width % heads !== 0)
    throw new ConfigError(`${where}: a width of ${width} does not divide into ${heads} attention heads.`);
  return width / heads;
}

/** The rules of a linear layer or a normalisation: weight and bias. */
export const dense = (target: string, source: string): AdapterInput['tensors'] => ({
  [`${target}.weight`]: `${source}.weight`,
  [`${target}.bias`]: `${source}.bias`,
});
