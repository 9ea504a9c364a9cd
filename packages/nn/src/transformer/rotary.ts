import type { ModelConfig } from './config.ts';

export type RotaryConfig = Extract<ModelConfig['positions'], { kind: 'rotary' }>;

/** Cosines and sines of the angles by which pairs of features turn: [tokens, headWidth / 2] (Su et al., 2021). */
export function rotaryTables({ base }: RotaryConfig, headWidth: number, tokens: number) {
  const half = headWidth / 2;
  const angle = (n: number) => Math.floor(n / half) * base ** (-(n % half) / half);
  const table = (f: (angle: number) => number) => Float64Array.from({ length: tokens * half }, (_, n) => f(angle(n)));
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

/** The features of a head that turn as pair `i`: (i, i + half), or neighbours where they are interleaved. */
export const rotaryPair = ({ interleaved }: RotaryConfig, headWidth: number, i: number): readonly [number, number] =>
  interleaved ? [2 * i, 2 * i + 1] : [i, i + headWidth / 2];
