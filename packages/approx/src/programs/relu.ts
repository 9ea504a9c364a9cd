import { provedChainRange } from '../certificate/range.ts';
import { ProgramBuilder, type Value } from '../program/builder.ts';
import type { Program } from '../program/program.ts';
import { type CompositeSign, proveSign } from './sign.ts';

/** The functions that a sign gives with at most one more product. */
export type SignKind = 'sign' | 'step' | 'relu' | 'abs';

/**
 * sign(x), step(x) = (1 + sign) / 2, |x| = x sign(x) or max(x, 0) = x (1 + sign) / 2 on [-reach, reach], from a
 * composite sign of x / reach. The factors 1/2 and `reach` go into constants that are there anyway.
 */
export function signProgram(kind: SignKind, composite: CompositeSign, reach: number): Program {
  const builder = new ProgramBuilder([-reach, reach]);
  const half = kind === 'step' || kind === 'relu';
  const last = composite.stages.length - 1;
  const result = composite.stages.reduce<Value>((value, { polynomial }, i) => {
    const stage = i === last && half ? polynomial.transform(0.5, 0.5) : polynomial;
    return builder.polynomial(value, stage.coefficients);
  }, builder.input);
  if (kind === 'relu' || kind === 'abs') builder.product(builder.affineOfX(1), result);
  return builder.build();
}

/** Pieces into which [0, gap] is cut to bound the error of |x| and max(x, 0) there. */
const gapPieces = 64;

/**
 * Proved largest error of `signProgram`: on the domain without the gap for sign and step, on all of [-reach, reach] for
 * abs and relu. There, |x sign(x) - |x|| = |x| |s(x) - 1|, so a poor sign near 0 costs little; on each piece [a, b] of the gap
 * it is at most b * max |s - 1|.
 */
export function proveSignProgram(kind: SignKind, composite: CompositeSign, gap: number, reach: number): number {
  const beyond = proveSign(composite, gap);
  const half = kind === 'step' || kind === 'relu' ? 0.5 : 1;
  if (kind === 'sign' || kind === 'step') return half * beyond;
  const stages = composite.stages.map(({ polynomial }) => polynomial);
  let inside = 0;
  for (let i = 0; i < gapPieces; i++) {
    const a = (gap * i) / gapPieces;
    const b = (gap * (i + 1)) / gapPieces;
    const [lo, hi] = provedChainRange(stages, [a, b]);
    inside = Math.max(inside, b * Math.max(Math.abs(1 - lo), Math.abs(hi - 1)));
  }
  return half * reach * Math.max(beyond, inside);
}
