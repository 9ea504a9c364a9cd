import { ConfigError } from '@cipherformer/model';
import { shown } from '@cipherformer/model/untrusted';
import { z } from 'zod';
import { type RotaryConfig, rotaryFrequencies } from '../../transformer/rotary.ts';

const factor = z.number().positive().max(1e6);
const positions = z
  .int()
  .positive()
  .max(2 ** 24);

const parameters = z.strictObject({
  rope_type: z.string().optional(),
  /** As rope_type, in older files. */
  type: z.string().optional(),
  rope_theta: z.number().positive().optional(),
  partial_rotary_factor: z.number().positive().max(1).optional(),
  factor: factor.optional(),
  original_max_position_embeddings: positions.optional(),
  low_freq_factor: factor.optional(),
  high_freq_factor: factor.optional(),
  attention_factor: factor.nullish(),
  beta_fast: factor.nullish(),
  beta_slow: factor.nullish(),
  mscale: factor.nullish(),
  mscale_all_dim: factor.nullish(),
  truncate: z.boolean().optional(),
});
type Parameters = z.infer<typeof parameters>;

/** The keys of rotary positions: `rope_parameters` since transformers 5, before that two or three apart. */
export const ropeKeys = {
  rope_parameters: parameters.nullish(),
  rope_scaling: parameters.nullish(),
  rope_theta: z.number().positive().nullish(),
  partial_rotary_factor: z.number().positive().max(1).nullish(),
};
type RopeKeys = z.infer<z.ZodObject<typeof ropeKeys>>;

/** What the keys of each kind are, besides base and share. */
const keysOf: Readonly<Record<string, readonly (keyof Parameters)[]>> = {
  default: [],
  linear: ['factor'],
  dynamic: ['factor'],
  llama3: ['factor', 'original_max_position_embeddings', 'low_freq_factor', 'high_freq_factor'],
  yarn: [
    ...(['factor', 'original_max_position_embeddings', 'attention_factor', 'beta_fast', 'beta_slow'] as const),
    ...(['mscale', 'mscale_all_dim', 'truncate'] as const),
  ],
};

/**
 * Rotary positions as a config.json has them, for heads of `headWidth` and at most `maxTokens` tokens.
 * @param share of a head that is turned, where the file does not say
 * @throws ConfigError naming a kind or a key that is not read
 */
export function rotaryPositions(
  config: RopeKeys,
  {
    headWidth,
    maxTokens,
    share = 1,
  }: { readonly headWidth: number; readonly maxTokens: number; readonly share?: number },
  where: string,
): RotaryConfig {
  const given: Parameters = config.rope_scaling ?? config.rope_parameters ?? {};
  const kind = given.rope_type ?? given.type ?? 'default';
  const keys = Object.hasOwn(keysOf, kind) ? keysOf[kind] : undefined;
  if (!keys)
    throw new ConfigError(
      `${where}: rope_type is ${shown(kind)}: read are ${Object.keys(keysOf).join(', ')} positions.`,
    );
  const common = ['rope_type', 'type', 'rope_theta', 'partial_rotary_factor'];
  const extra = Object.keys(given).find((key) => !common.includes(key) && !keys.includes(key as keyof Parameters));
  if (extra !== undefined)
    throw new ConfigError(
      `${where}: ${shown(extra)} does not go with positions of the kind ${shown(kind)}: take it out.`,
    );
  const base = given.rope_theta ?? config.rope_theta ?? 10000;
  const width = Math.trunc(headWidth * (given.partial_rotary_factor ?? config.partial_rotary_factor ?? share));
  if (width < 2 || width % 2 !== 0)
    throw new ConfigError(
      `${where}: rope_parameters (partial_rotary_factor) turn ${width} of the ${headWidth} entries of a head (hidden_size by num_attention_heads): an even number is needed.`,
    );
  const scaled = scalings[kind]?.({ ...given, width, base, maxTokens }, where) ?? {};
  return { kind: 'rotary', base, interleaved: false, ...(width < headWidth ? { width } : {}), ...scaled };
}

type Scaling = (
  given: Parameters & { readonly width: number; readonly base: number; readonly maxTokens: number },
  where: string,
) => Pick<RotaryConfig, 'frequencies' | 'amplitude'>;

function needed<K extends keyof Parameters>(given: Parameters, key: K, where: string): NonNullable<Parameters[K]> {
  const value = given[key];
  if (value === undefined || value === null)
    throw new ConfigError(`${where}: its rotary positions need ${shown(key)}.`);
  return value;
}

/** Frequencies of the kinds that are not the plain ones; up to the longest sequence the dynamic kind is as plain. */
const scalings: Readonly<Record<string, Scaling>> = {
  linear: (given, where) => {
    const by = needed(given, 'factor', where);
    return { frequencies: rotaryFrequencies(given.width, given.base).map((f) => f / by) };
  },
  dynamic: (given, where) => {
    needed(given, 'factor', where);
    return {};
  },
  llama3: (given, where) => {
    const by = needed(given, 'factor', where);
    const low = needed(given, 'low_freq_factor', where);
    const high = needed(given, 'high_freq_factor', where);
    const original = given.original_max_position_embeddings ?? given.maxTokens;
    if (low === high) throw new ConfigError(`${where}: low_freq_factor and high_freq_factor are both ${low}.`);
    return {
      frequencies: rotaryFrequencies(given.width, given.base).map((f) => {
        // Turns in the original length: few are slowed down, many stay, between them it is blended.
        const turns = (original * f) / (2 * Math.PI);
        if (turns > high) return f;
        if (turns < low) return f / by;
        const smooth = (turns - low) / (high - low);
        return ((1 - smooth) * f) / by + smooth * f;
      }),
    };
  },
  yarn: (given, where) => yarn(given, needed(given, 'factor', where)),
};

/** Peng et al., 2024: pairs that turn often stay as they are, those that turn seldom are slowed down. */
function yarn(given: Parameters & { width: number; base: number; maxTokens: number }, by: number) {
  const { width, base, mscale, mscale_all_dim: all } = given;
  const original = given.original_max_position_embeddings ?? given.maxTokens;
  const pairOf = (turns: number) => (width * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(base));
  const [first, last] = [pairOf(given.beta_fast ?? 32), pairOf(given.beta_slow ?? 1)];
  const whole = given.truncate ?? true;
  const low = Math.max(whole ? Math.floor(first) : first, 0);
  let high = Math.min(whole ? Math.ceil(last) : last, width - 1);
  if (high === low) high += 0.001;
  const logarithm = (scale: number) => (by <= 1 ? 1 : 0.1 * scale * Math.log(by) + 1);
  const amplitude = given.attention_factor ?? (mscale && all ? logarithm(mscale) / logarithm(all) : logarithm(1));
  return {
    frequencies: rotaryFrequencies(width, base).map((f, i) => {
      const slow = Math.min(1, Math.max(0, (i - low) / (high - low)));
      return (f / by) * slow + f * (1 - slow);
    }),
    amplitude,
  };
}
