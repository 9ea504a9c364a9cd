import { LayoutError } from '../errors.ts';
import type { Geometry } from '../packing/geometry.ts';
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
      readonly tokens: number;
    }
  | { readonly kind: 'maps'; readonly heads: HeadLayout };

/**
 * Chooses the layout of every value. Linear maps and the client give any layout for nothing; element-wise operations
 * keep it; attention wants heads.
 * @throws LayoutError where attentions with different heads share a value
 */
export function chooseLayouts({ nodes, shapes, tokens }: Model, geometry: Geometry): ValueLayout[] {
  const classes = new Classes(nodes.length);
  for (const [i, node] of nodes.entries()) {
    switch (node.op) {
      case 'add':
      case 'multiply':
        classes.join(node.left, i);
        classes.join(node.right, i);
        break;
      case 'addTable':
      case 'meanFeatures':
      case 'maskTokens':
      case 'pool':
      case 'polynomial':
      case 'rescale':
        classes.join(node.input, i);
    }
  }
  const wanted = new Map<number, HeadLayout>();
  const want = (value: number, heads: number) => {
    const layout = headLayout(heads, shapes[value]!.columns / heads, geometry);
    const other = wanted.get(classes.of(value));
    if (other && other.heads !== heads)
      throw new LayoutError(`${nodes[value]!.name} is used with ${other.heads} and with ${heads} heads: give each its own linear map`); // biome-ignore format: message
    wanted.set(classes.of(value), layout);
  };
  const mapLayouts = new Map<number, HeadLayout>();
  for (const [i, node] of nodes.entries()) {
    if (node.op === 'scores') {
      for (const value of [node.query, node.key]) want(value, node.heads);
      mapLayouts.set(classes.of(i), headLayout(node.heads, shapes[node.query]!.columns / node.heads, geometry));
    } else if (node.op === 'attend') {
      for (const value of [node.value, i]) want(value, shapes[node.maps]!.heads!);
    }
  }
  for (const [i, node] of nodes.entries())
    if (node.op === 'attend')
      checkWidths(wanted.get(classes.of(i))!, mapLayouts.get(classes.of(node.maps))!, node.name);
  const layouts: ValueLayout[] = [];
  for (const i of nodes.keys()) {
    const shape = shapes[i]!;
    if (shape.heads !== undefined) {
      layouts.push({ kind: 'maps', heads: mapLayouts.get(classes.of(i))! });
      continue;
    }
    const heads = wanted.get(classes.of(i));
    layouts.push({
      kind: 'matrix',
      rows: heads ? headRows(heads) : ordinaryLayout(shape.columns, geometry),
      uniform: isUniform(nodes[i]!, layouts),
      tokens: shape.rows === 1 ? 1 : tokens,
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

function isUniform(node: Model['nodes'][number], layouts: readonly ValueLayout[]): boolean {
  const uniform = (value: number) => {
    const layout = layouts[value]!;
    return layout.kind === 'matrix' && layout.uniform;
  };
  switch (node.op) {
    case 'meanFeatures':
      return true;
    case 'polynomial':
      return uniform(node.input);
    case 'add':
    case 'multiply':
      return uniform(node.left) && uniform(node.right);
    default:
      return false;
  }
}

/** Ciphertexts of a value. */
export function ciphertextsOf(layout: ValueLayout): number {
  if (layout.kind === 'maps') return layout.heads.blocks;
  return layout.uniform ? 1 : layout.rows.blocks.length;
}
