import { modulo } from '../program/check.ts';
import type { ProductTerm, RotatedCopy, SlotVector } from '../program/instructions.ts';
import { doublingSteps, type Geometry } from './geometry.ts';
import type { HeadLayout } from './layout.ts';
import { ColumnMask } from './vectors.ts';

/** Gives a mask its number in the program; masks of one key are stored once. */
export type MaskNumber = (key: string, make: () => SlotVector) => number;

/**
 * Queries times skewed keys: maps[(c, h), t] = sum over s < paddedWidth of Q[(c + s, h), t] * K[(c + s, h), t - s], which is
 * the score of query t and key (t + c) mod T. Where t < s the key's turn by -s leaves the row and is made by T - s
 * instead; the query side says which applies. Left: queries, masked; right: keys. Cost: paddedWidth hoisted rotations of the
 * queries and twice as many of the keys, as many products, one relinearisation; two levels.
 */
export function scoreTerms(geometry: Geometry, layout: HeadLayout, number: MaskNumber): ProductTerm[] {
  const { slots, paddedTokens } = geometry;
  return Array.from({ length: layout.paddedWidth }, (_, s) => {
    const columns = s * layout.stride;
    const tokens = s % paddedTokens;
    const part = (from: number, to: number, turn: number): ProductTerm => ({
      left: [
        {
          rotation: columns % slots,
          mask: number(`tokens ${from} ${to}`, () => tokenMask(geometry, layout, from, to)),
        },
      ],
      right: [{ rotation: modulo(columns + turn, slots) }],
    });
    const inside = part(tokens, paddedTokens, -tokens);
    return tokens === 0 ? [inside] : [inside, part(0, tokens, paddedTokens - tokens)];
  }).flat();
}

/**
 * Maps times skewed values: out[(c, h), t] = sum over s of P[(c + s, h), t] * V[(c, h), (t + s) mod T], where column c + s
 * of the maps and the skewed value both belong to key (t + c + s) mod T. min(paddedWidth, T) terms reach as many keys; the
 * rest are in the columns `attendSteps` adds. Left: maps; right: values, masked (causal: only keys up to t).
 * Cost: a hoisted rotation of the maps and two of the values each term, as many products, one relinearisation.
 */
export function attendTerms(
  geometry: Geometry,
  layout: HeadLayout,
  causal: boolean,
  number: MaskNumber,
): ProductTerm[] {
  const { slots, paddedTokens } = geometry;
  const copy = (s: number, from: number, to: number, turn: number): RotatedCopy => ({
    rotation: modulo(turn, slots),
    mask: causal
      ? number(`causal ${s} ${from} ${to}`, () => causalMask(geometry, layout, s, from, to))
      : number(`tokens ${from} ${to}`, () => tokenMask(geometry, layout, from, to)),
  });
  return Array.from({ length: Math.min(layout.paddedWidth, paddedTokens) }, (_, s) => {
    const inside = copy(s, 0, paddedTokens - s, s);
    return {
      left: [{ rotation: (s * layout.stride) % slots }],
      right: s === 0 ? [inside] : [inside, copy(s, paddedTokens - s, paddedTokens, s - paddedTokens)],
    };
  });
}

/** The rotations that add up the columns of one feature, f + m * paddedWidth for m < T / paddedWidth. */
export function attendSteps({ paddedTokens }: Geometry, { paddedWidth, stride }: HeadLayout): number[] {
  return doublingSteps(paddedWidth * stride, Math.max(1, paddedTokens / paddedWidth));
}

function tokenMask(geometry: Geometry, layout: HeadLayout, from: number, to: number): SlotVector {
  return new ColumnMask(geometry, layout, 1, (_, token) => token >= from && token < to);
}

function causalMask(geometry: Geometry, layout: HeadLayout, s: number, from: number, to: number): SlotVector {
  const { paddedTokens } = geometry;
  return new ColumnMask(geometry, layout, paddedTokens, (column, token) => {
    const key = (token + column + s) % paddedTokens;
    return token >= from && token < to && key <= token;
  });
}
