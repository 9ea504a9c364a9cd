import { hidingOf, type Matrix, type NodeOf } from '@cipherformer/model';
import { LayoutError } from '../errors.ts';
import type { Normalised } from './factors.ts';
import type { ModelNode } from './meaning.ts';
import { consumersOf, type Model, operandNumbers, renumbered } from './model.ts';

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
  const choiceOf = (node: ModelNode) => {
    const hiding = hidingOf(node);
    return hiding && chooser[hiding.mask]! ? hiding : undefined;
  };
  const own = nodes.map((node) => (choiceOf(node) ? node : tokenNode(model, node, position)));
  const dropped = foldPositions(own, consumersOf(model));
  const kept = nodes.map((_, i) => i).filter((i) => !choiceOf(nodes[i]!) && !chooser[i] && !dropped.has(i));
  const number = new Map(kept.map((old, i) => [old, i]));
  const numberOf = (operand: number): number => {
    const choice = choiceOf(nodes[operand]!);
    return choice ? numberOf(choice.input) : number.get(operand)!;
  };
  const changed: Model = {
    ...model,
    nodes: kept.map((i) => renumbered(own[i]!, numberOf)),
    shapes: kept.map((i) => {
      if (nodes[i]!.op === 'attend') return { ...shapes[i]!, rows: 1 };
      const heads = shapes[i]!.heads;
      return heads === undefined ? shapes[i]! : { rows: tokens, columns: heads };
    }),
    output: numberOf(model.output),
  };
  checkReaders(changed);
  const placed = new Map(placedIn(changed).map((node) => [node, position]));
  return { model: { ...changed, placed }, factors: kept.map((i) => factors[i]!) };
}

/**
 * Tables of one row are a factor a feature, and sums of linear maps of one value one map: a token's rotary position costs
 * nothing. Changes the nodes; returns those that nobody reads any more.
 */
function foldPositions(nodes: ModelNode[], consumers: readonly (readonly number[])[]): Set<number> {
  const dropped = new Set<number>();
  const linearOf = (operand: number): LinearNode | undefined => {
    const node = nodes[operand]!;
    return node.op === 'linear' && consumers[operand]!.length === 1 ? node : undefined;
  };
  for (const [i, node] of nodes.entries()) {
    if (node.op === 'multiplyTable') {
      const linear = linearOf(node.input);
      if (!linear) continue;
      nodes[i] = { ...linear, name: node.name, bound: node.bound, ...scaledRows(linear, node.table.values) };
      dropped.add(node.input);
    } else if (node.op === 'add') {
      const [left, right] = [linearOf(node.left), linearOf(node.right)];
      if (!left || !right || left.input !== right.input || node.left === node.right) continue;
      nodes[i] = { ...left, name: node.name, bound: node.bound, ...summed(left, right) };
      dropped.add(node.left).add(node.right);
    }
  }
  return dropped;
}

type LinearNode = NodeOf<'linear'>;
type LinearParts = Pick<LinearNode, 'weight' | 'bias'>;

function scaledRows({ weight, bias }: LinearNode, factors: Float32Array): LinearParts {
  const values = weight.values.map((value, i) => value * factors[Math.floor(i / weight.columns)]!);
  return { weight: { ...weight, values }, ...(bias && { bias: bias.map((value, i) => value * factors[i]!) }) };
}

function summed(left: LinearNode, right: LinearNode): LinearParts {
  const values = left.weight.values.map((value, i) => value + right.weight.values[i]!);
  const zeros = new Float32Array(left.weight.rows);
  const bias = (left.bias ?? zeros).map((value, i) => value + (right.bias ?? zeros)[i]!);
  return { weight: { ...left.weight, values }, ...((left.bias ?? right.bias) && { bias }) };
}

/** Linear maps that are keys or values and nothing else: they may as well be made at their own row. */
function placedIn(model: Model): number[] {
  const consumers = consumersOf(model);
  return model.nodes.flatMap((node) => {
    const value = node.op === 'tokenScores' ? node.key : node.op === 'tokenAttend' ? node.value : undefined;
    if (value === undefined || consumers[value]!.length > 1 || model.nodes[value]!.op !== 'linear') return [];
    return node.op === 'tokenScores' && node.query === value ? [] : [value];
  });
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
    default:
      if (hidingOf(node))
        throw new LayoutError(`${name} hides tokens by a mask: only a language model goes on token by token`);
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
