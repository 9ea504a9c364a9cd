import { modulo } from '@cipherformer/base';
import type { ProductPacking, ProductTerm, RotatedCopy, SlotVector } from '@cipherformer/runtime';
import { doublingSteps, type Geometry } from './geometry.ts';
import type { HeadLayout } from './layout.ts';
import { ColumnMask, MapVector } from './vectors.ts';

/** Gives a mask its number in the program; masks of one key are stored once. */
export type MaskNumber = (key: string, make: () => SlotVector) => number;

/** What the keys are multiplied by on the values' side, in one ciphertext of heads. */
export interface KeyWeights {
  /** Of this attention and ciphertext: tells its masks from others'. */
  readonly key: string;
  readonly block: number;
  readonly windows: number;
  readonly at: (head: number, query: number, key: number) => number;
}

/** Products that are summed, and where they come two by two how they may be packed. */
export interface PairedTerms {
  readonly terms: readonly ProductTerm[];
  readonly packing?: ProductPacking;
}

/** Terms of a sum of products, apart by whether one side has masks, which costs that side a level. */
export interface Terms {
  readonly plain: PairedTerms;
  readonly masked: PairedTerms;
}

/**
 * Queries times skewed keys: maps[(c, h), t] = sum over s < paddedWidth of Q[(c + s, h), t] * K[(c + s, h), t - s], which is
 * the score of query t and key (t + c) mod T. The keys reach back before their first token as far as there is padding;
 * beyond that the turn by -s is replaced by T - s, and masks on the query side say which applies. Left: queries; right:
 * keys. Cost: paddedWidth hoisted rotations of either, one more of the keys for each term with masks, as many products; packed,
 * one for each two terms with masks.
 */
export function scoreTerms(geometry: Geometry, layout: HeadLayout, number: MaskNumber): Terms {
  const { slots, tokens, paddedTokens } = geometry;
  const plain: ProductTerm[] = [];
  const masked: ProductTerm[] = [];
  for (let s = 0; s < layout.paddedWidth; s++) {
    const columns = s * layout.stride;
    const turn = s % paddedTokens;
    const beyond = Math.max(0, turn - (paddedTokens - tokens));
    const term = (by: number, mask?: number): ProductTerm => ({
      left: [{ rotation: columns % slots, ...(mask !== undefined && { mask }) }],
      right: [{ rotation: modulo(columns + by, slots) }],
    });
    if (beyond === 0) {
      plain.push(term(-turn));
      continue;
    }
    const mask = (from: number, to: number) =>
      number(`tokens ${from} ${to}`, () => tokenMask(geometry, layout, from, to));
    masked.push(term(-turn, mask(beyond, paddedTokens)), term(paddedTokens - turn, mask(0, beyond)));
  }
  // Terms with masks come in pairs already: those of one turn of the queries.
  const packing = masked.length > 0 ? { packing: { right: paddedTokens } } : {};
  return { plain: paired(plain, slots), masked: { terms: masked, ...packing } };
}

/**
 * Maps times skewed values: out[(c, h), t] = sum over s of P[(c + s, h), t] * V[(c, h), (t + s) mod T], where column c + s
 * of the maps and the skewed value both belong to key (t + c + s) mod T. min(paddedWidth, T) terms reach as many keys; the
 * rest are in the columns `attendSteps` adds. The values go on past their last token as far as there is padding; beyond
 * that a second copy, turned by s - T, serves the last tokens. Left: maps; right: values, masked where there are two
 * copies (causal: always, with only the keys up to t; with weights: always, times these).
 * Cost: a hoisted rotation of either for each term, one more of the values where there are two copies, as many products.
 */
export function attendTerms(
  geometry: Geometry,
  layout: HeadLayout,
  causal: boolean,
  number: MaskNumber,
  weights?: KeyWeights,
): Terms {
  const { slots, tokens, paddedTokens } = geometry;
  const plain: ProductTerm[] = [];
  const masked: ProductTerm[] = [];
  const seenApart = causal || weights !== undefined;
  for (let s = 0; s < Math.min(layout.paddedWidth, paddedTokens); s++) {
    const left = [{ rotation: (s * layout.stride) % slots }];
    const copy = (from: number, to: number, turn: number): RotatedCopy => ({
      rotation: modulo(turn, slots),
      mask: seenApart
        ? number(`${causal ? 'causal' : 'weights'} ${s} ${from} ${to} ${weights?.key ?? ''}`, () =>
            keyMask(geometry, layout, { s, from, to, causal }, weights),
          )
        : number(`tokens ${from} ${to}`, () => tokenMask(geometry, layout, from, to)),
    });
    const inside = s <= paddedTokens - tokens;
    if (inside && !seenApart) plain.push({ left, right: [{ rotation: s }] });
    else if (inside) masked.push({ left, right: [copy(0, paddedTokens, s)] });
    else
      masked.push({
        left,
        right: [copy(0, paddedTokens - s, s), copy(paddedTokens - s, paddedTokens, s - paddedTokens)],
      });
  }
  return { plain: paired(plain, slots), masked: paired(masked, slots) };
}

/**
 * Terms in an order in which they may be packed: each with the one half the list further on, an odd one by itself at the end: the
 * first where no side has masks, which needs no rotation, else the one in the middle, whose rotations go on those before it. As
 * they are where sides without masks are not turned by one number all along.
 */
function paired(terms: readonly ProductTerm[], slots: number): PairedTerms {
  const half = Math.floor(terms.length / 2);
  if (half === 0) return { terms };
  const sides = (['left', 'right'] as const).filter((side) => terms[0]![side][0]!.mask === undefined);
  const odd = terms.length % 2;
  const start = sides.length === 2 ? odd : 0;
  const own = odd === 0 ? [] : [terms[start === 1 ? 0 : half]!];
  const pairs = Array.from({ length: half }, (_, k) => [terms[start + k]!, terms[half + odd + k]!] as const);
  const turn = ([first, second]: (typeof pairs)[number], side: 'left' | 'right') =>
    modulo(second[side][0]!.rotation - first[side][0]!.rotation, slots);
  const packing = Object.fromEntries(sides.map((side) => [side, turn(pairs[0]!, side)]));
  if (pairs.some((pair) => sides.some((side) => turn(pair, side) !== packing[side]))) return { terms };
  return { terms: [...pairs.flat(), ...own], packing };
}

/** The rotations that add up the columns of one feature, f + m * paddedWidth for m < T / paddedWidth. */
export function attendSteps({ paddedTokens }: Geometry, { paddedWidth, stride }: HeadLayout): number[] {
  return doublingSteps(paddedWidth * stride, Math.max(1, paddedTokens / paddedWidth));
}

function tokenMask(geometry: Geometry, layout: HeadLayout, from: number, to: number): SlotVector {
  return new ColumnMask(geometry, layout, 1, (_, token) => token >= from && token < to);
}

/** The keys that the tokens [from, to) of a window see after a turn by `s` columns, times their weights. */
function keyMask(
  geometry: Geometry,
  layout: HeadLayout,
  { s, from, to, causal }: { readonly s: number; readonly from: number; readonly to: number; readonly causal: boolean },
  weights: KeyWeights | undefined,
): SlotVector {
  const { tokens, paddedTokens } = geometry;
  if (weights) {
    const at = (head: number, query: number, key: number) => {
      const token = query % tokens;
      return token >= from && token < to && (!causal || key <= token) ? weights.at(head, query, key) : 0;
    };
    return new MapVector(geometry, layout, weights.block, weights.windows, at, s);
  }
  return new ColumnMask(geometry, layout, paddedTokens, (column, token) => {
    const key = (token + column + s) % paddedTokens;
    return token >= from && token < to && key <= token;
  });
}
