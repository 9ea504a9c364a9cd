import { LayoutError } from '../errors.ts';
import type { Extent, Geometry } from '../packing/geometry.ts';
import { type HeadLayout, headLayout, headRows, ordinaryLayout, type RowLayout } from '../packing/layout.ts';
import { Classes, type Model } from './model.ts';

/** Where a value lies. */
export type ValueLayout =
  | {
      readonly kind: 'matrix';
      readonly rows: RowLayout;
      /** All rows of all blocks are alike, so one ciphertext holds them. */
      readonly uniform: boolean;
      /** Tokens that hold the value: all, or the first alone after pooling. */
      readonly extent: Extent;
    }
  | { readonly kind: 'maps'; readonly heads: HeadLayout; readonly extent: Extent };

/**
 * Chooses the layout of every value. Linear maps and the client give any layout for nothing; element-wise operations
 * keep it; attention wants heads.
 * @throws LayoutError where attentions with different heads share a value
 */
export function chooseLayouts({ nodes, shapes, tokens, meanings }: Model, geometry: Geometry): ValueLayout[] {
  const classes = new Classes(nodes.length);
  for (const [i, node] of nodes.entries())
    for (const operand of meanings[node.op].sameLayout(node)) classes.join(operand, i);
  const wanted = new Map<number, HeadLayout>();
  const want = (value: number, heads: number) => {
    const layout = headLayout(heads, shapes[value]!.columns / heads, geometry);
    const other = wanted.get(classes.of(value));
    if (other && other.heads !== heads)
      throw new LayoutError(`${nodes[value]!.name} is used with ${other.heads} and with ${heads} heads: give each its own linear map`); // biome-ignore format: message
    wanted.set(classes.of(value), layout);
  };
  const mapLayouts = new Map<number, HeadLayout>();
  const byHeads = nodes.map((node) => meanings[node.op].byHeads?.(node, shapes));
  for (const [i, by] of byHeads.entries()) {
    if (!by) continue;
    const { heads, matrices } = by;
    for (const value of matrices) want(value, heads);
    if (shapes[i]!.heads === undefined) want(i, heads);
    else mapLayouts.set(classes.of(i), headLayout(heads, shapes[matrices[0]!]!.columns / heads, geometry));
  }
  for (const [i, by] of byHeads.entries())
    if (by?.maps !== undefined)
      checkWidths(wanted.get(classes.of(i))!, mapLayouts.get(classes.of(by.maps))!, nodes[i]!.name);
  const extentOf = (rows: number): Extent =>
    rows === 1 ? { windows: 1, tokens: 1 } : { windows: rows / tokens, tokens };
  const layouts: ValueLayout[] = [];
  const uniform = (value: number) => {
    const layout = layouts[value]!;
    return layout.kind === 'matrix' && layout.uniform;
  };
  for (const [i, node] of nodes.entries()) {
    const shape = shapes[i]!;
    if (shape.heads !== undefined) {
      layouts.push({ kind: 'maps', heads: mapLayouts.get(classes.of(i))!, extent: extentOf(shape.rows) });
      continue;
    }
    const heads = wanted.get(classes.of(i));
    layouts.push({
      kind: 'matrix',
      rows: heads ? headRows(heads) : ordinaryLayout(shape.columns, geometry),
      uniform: meanings[node.op].isUniform?.(node, uniform) ?? false,
      extent: extentOf(shape.rows),
    });
  }
  return layouts;
}

function checkWidths(values: HeadLayout, maps: HeadLayout, name: string): void {
  if (values.headsPerBlock !== maps.headsPerBlock)
    throw new LayoutError(
      `${name} has heads of ${values.headWidth} features, its maps come from heads of ${maps.headWidth}, and they do not ` +
        'fit one ciphertext alike: use heads of one width',
    );
}

/** Ciphertexts of a value. */
export function ciphertextsOf(layout: ValueLayout): number {
  if (layout.kind === 'maps') return layout.heads.blocks;
  return layout.uniform ? 1 : layout.rows.blocks.length;
}
