import type { Matrix } from '@cipherformer/model';
import { LayoutError } from '../errors.ts';
import type { Normalised } from './factors.ts';
import type { ModelNode } from './meaning.ts';
import { type Model, operandNumbers, renumbered } from './model.ts';

/**
 * The model of one new token at a public position, from that of the whole sequence, with the same factors: what is kept of one
 * is right for the other. Every row holds the same: tables give their row of that position to all, attention is that of one
 * query, and what the client would choose a row by falls away.
 * @throws LayoutError for a model that is not causal, or whose tokens meet elsewhere than in attention
 */
export function tokenModel({ model, factors }: Normalised, position: number): Normalised {
  const { nodes, shapes, tokens } = model;
  const chooser = nodes.map((node) => node.op === 'input' && node.features === 1);
  // A mask that the client gives chooses the row that is all there is here.
  const replacement = nodes.map((node, i) => (node.op === 'maskTokens' && chooser[node.mask] ? node.input : i));
  const kept = nodes.map((_, i) => i).filter((i) => replacement[i] === i && !chooser[i]);
  const number = new Map(kept.map((old, i) => [old, i]));
  const numberOf = (operand: number): number => number.get(replacement[operand]!) ?? numberOf(replacement[operand]!);
  const changed: Model = {
    ...model,
    nodes: kept.map((i) => renumbered(tokenNode(model, nodes[i]!, position), numberOf)),
    shapes: kept.map((i) => {
      const { op } = nodes[i]!;
      if (op === 'attend') return { ...shapes[i]!, rows: 1 };
      const heads = shapes[i]!.heads;
      return heads === undefined ? shapes[i]! : { rows: tokens, columns: heads };
    }),
    output: numberOf(model.output),
  };
  checkReaders(changed);
  return { model: changed, factors: kept.map((i) => factors[i]!) };
}

function tokenNode({ tokens, shapes }: Model, node: ModelNode, position: number): ModelNode {
  const { name, bound } = node;
  switch (node.op) {
    case 'input':
      return { op: 'tokenInput', name, bound, features: node.features };
    case 'addTable':
    case 'multiplyTable':
      return { ...node, table: repeatedRow(node.table, position) };
    case 'pool':
      return { ...node, weights: Float32Array.from(node.weights, (_, t) => (t === 0 ? 1 : 0)) };
    case 'scores': {
      const { query, key, heads, offset } = node;
      return { op: 'tokenScores', name, bound, query, key, heads, ...(offset && { offset: offsetsOf(offset, heads, tokens, position) }) }; // biome-ignore format: one node
    }
    case 'attend': {
      if (!node.causal)
        throw new LayoutError(`${name} sees tokens that come later: only a causal model goes on token by token`);
      const { maps, value, weights } = node;
      const heads = shapes[maps]!.heads!;
      const at = (head: number, key: number) => weights?.[(head * tokens + position) * tokens + key] ?? 1;
      const own = byHeadAndKey(heads, tokens, (head, key) => (key <= position ? at(head, key) : 0));
      return { op: 'tokenAttend', name, bound, maps, value, weights: own };
    }
    case 'maskTokens':
      throw new LayoutError(`${name} hides tokens by a mask: only a language model goes on token by token`);
    default:
      return node;
  }
}

const byHeadAndKey = (heads: number, tokens: number, at: (head: number, key: number) => number): Float32Array =>
  Float32Array.from({ length: heads * tokens }, (_, i) => at(Math.floor(i / tokens), i % tokens));

/** Of an offset a head, or a map's entry, those of the position. Keys that come later get one in range. */
const offsetsOf = (offset: Float32Array, heads: number, tokens: number, position: number): Float32Array =>
  byHeadAndKey(heads, tokens, (head, key) =>
    offset.length === heads ? offset[head]! : offset[(head * tokens + position) * tokens + Math.min(key, position)]!,
  );

function repeatedRow({ rows, columns, values }: Matrix, row: number): Matrix {
  const own = values.subarray(row * columns, (row + 1) * columns);
  return { rows, columns, values: Float32Array.from({ length: rows * columns }, (_, i) => own[i % columns]!) };
}

/** @throws LayoutError where something else than a linear map reads what attention gives at one row alone */
function checkReaders({ nodes }: Model): void {
  for (const node of nodes)
    for (const operand of operandNumbers(node))
      if (nodes[operand]!.op === 'tokenAttend' && node.op !== 'linear')
        throw new LayoutError(`${node.name} reads attention without a linear map between them: give it one`);
}
