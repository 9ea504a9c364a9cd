import type { ModelConfig } from './config.ts';

export type RotaryConfig = Extract<ModelConfig['positions'], { kind: 'rotary' }>;

/** Radians a token for each pair of `width` features, where a configuration does not give others. */
export const rotaryFrequencies = (width: number, base: number): number[] =>
  Array.from({ length: width / 2 }, (_, i) => base ** ((-2 * i) / width));

/** Cosines and sines of the angles by which pairs of `width` features turn: [tokens, width / 2] (Su et al., 2021). */
export function rotaryTables({ base, frequencies, amplitude = 1 }: RotaryConfig, width: number, tokens: number) {
  const half = width / 2;
  const speeds = frequencies ?? rotaryFrequencies(width, base);
  const angle = (n: number) => Math.floor(n / half) * speeds[n % half]!;
  const table = (f: (angle: number) => number) =>
    Float64Array.from({ length: tokens * half }, (_, n) => amplitude * f(angle(n)));
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

/** The features of `width` that turn as pair `i`: (i, i + half), or neighbours where they are interleaved. */
export const rotaryPair = ({ interleaved }: RotaryConfig, width: number, i: number): readonly [number, number] =>
  interleaved ? [2 * i, 2 * i + 1] : [i, i + width / 2];
