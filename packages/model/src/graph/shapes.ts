import type { Step } from '@cipherformer/approx';
import { ShapeError } from '../errors.ts';
import type { GraphNode, PolynomialGraph } from './graph.ts';

/** A matrix [rows, columns], or attention maps [heads, rows, columns] (rows and columns both tokens). */
export interface ValueShape {
  readonly heads?: number;
  readonly rows: number;
  readonly columns: number;
}

/** Of one value: a file of a few bytes must not ask for more memory than a machine has. */
const maxValueSize = 2 ** 27;

export const valueSize = ({ heads = 1, rows, columns }: ValueShape): number => heads * rows * columns;

/** Operands of a node, by field. */
export function operandsOf(node: GraphNode): readonly (readonly [field: string, value: number])[] {
  switch (node.op) {
    case 'input':
      return [];
    case 'linear':
    case 'addTable':
    case 'meanFeatures':
    case 'polynomial':
    case 'pool':
      return [['input', node.input]];
    case 'add':
    case 'multiply':
      return [
        ['left', node.left],
        ['right', node.right],
      ];
    case 'maskTokens':
      return [
        ['input', node.input],
        ['mask', node.mask],
      ];
    case 'scores':
      return [
        ['query', node.query],
        ['key', node.key],
      ];
    case 'attend':
      return [
        ['maps', node.maps],
        ['value', node.value],
      ];
  }
}

/**
 * The shape of every value, which is also the check that a graph is well formed: operands are earlier nodes, shapes
 * fit, arrays have their sizes, names are unique and the output is a matrix.
 * @throws ShapeError naming the node and the field
 */
export function valueShapes(graph: PolynomialGraph): ValueShape[] {
  const shapes: ValueShape[] = [];
  const names = new Set<string>();
  graph.nodes.forEach((node, index) => {
    const where = `nodes[${index}] (${node.op} "${node.name}")`;
    if (names.has(node.name)) throw new ShapeError(`${where}: another node has this name; names are unique.`);
    names.add(node.name);
    for (const [field, operand] of operandsOf(node)) {
      if (!Number.isInteger(operand) || operand < 0 || operand >= index) {
        throw new ShapeError(`${where}.${field} is ${operand}: operands are earlier nodes, 0 to ${index - 1}.`);
      }
    }
    const shape = shapeOf(node, graph.tokens, shapes, where);
    if (valueSize(shape) > maxValueSize)
      throw new ShapeError(`${where} makes ${valueSize(shape)} values, at most ${maxValueSize} are evaluated.`);
    shapes.push(shape);
  });
  const last = shapes[graph.output];
  if (!last || last.heads !== undefined) {
    throw new ShapeError(`output is node ${graph.output}: it has to be a node that makes a matrix.`);
  }
  return shapes;
}

/** Whether a step does not depend on what it reads. Encrypted, a constant is no ciphertext. */
function isConstant(step: Step): boolean {
  if (step.op === 'affine') return step.terms.every(({ factor }) => factor === 0);
  return step.op === 'polynomial' && step.coefficients.slice(1).every((coefficient) => coefficient === 0);
}

function shapeOf(node: GraphNode, tokens: number, shapes: readonly ValueShape[], where: string): ValueShape {
  const fail = (message: string): never => {
    throw new ShapeError(`${where}: ${message}`);
  };
  const matrix = (value: number, field: string) => {
    const shape = shapes[value]!;
    return shape.heads === undefined ? shape : fail(`${field} has to be a matrix, not attention maps.`);
  };
  const expectLength = (array: { readonly length: number }, length: number, field: string) => {
    if (array.length !== length) fail(`${field} has ${array.length} values where ${length} are needed.`);
  };
  switch (node.op) {
    case 'input':
      return { rows: tokens, columns: node.features };
    case 'linear': {
      const x = matrix(node.input, 'input');
      if (node.weight.columns !== x.columns) {
        fail(`weight has ${node.weight.columns} columns for an input of ${x.columns} features.`);
      }
      expectLength(node.weight.values, node.weight.rows * node.weight.columns, 'weight');
      if (node.bias) expectLength(node.bias, node.weight.rows, 'bias');
      return { rows: x.rows, columns: node.weight.rows };
    }
    case 'addTable': {
      const x = matrix(node.input, 'input');
      if (node.table.rows !== x.rows || node.table.columns !== x.columns) {
        fail(`the table is [${node.table.rows}, ${node.table.columns}] for a value [${x.rows}, ${x.columns}].`);
      }
      expectLength(node.table.values, x.rows * x.columns, 'table');
      return x;
    }
    case 'add':
    case 'multiply': {
      const left = matrix(node.left, 'left');
      const right = matrix(node.right, 'right');
      if (left.rows !== right.rows || left.columns !== right.columns) {
        fail(`[${left.rows}, ${left.columns}] and [${right.rows}, ${right.columns}] are not of one shape.`);
      }
      return left;
    }
    case 'meanFeatures':
      return matrix(node.input, 'input');
    case 'maskTokens': {
      const x = matrix(node.input, 'input');
      const mask = matrix(node.mask, 'mask');
      if (mask.columns !== 1 || mask.rows !== x.rows) fail(`the mask has to be [${x.rows}, 1].`);
      return x;
    }
    case 'scores': {
      const query = matrix(node.query, 'query');
      const key = matrix(node.key, 'key');
      if (query.rows !== tokens || key.rows !== tokens || query.columns !== key.columns) {
        fail(`query [${query.rows}, ${query.columns}] and key [${key.rows}, ${key.columns}] do not fit.`);
      }
      if (query.columns % node.heads !== 0) fail(`${query.columns} features do not divide into ${node.heads} heads.`);
      const every = node.heads * tokens ** 2;
      if (node.offset) expectLength(node.offset, node.offset.length === every ? every : node.heads, 'offset');
      return { heads: node.heads, rows: tokens, columns: tokens };
    }
    case 'polynomial': {
      const constant = node.program.steps.findIndex(isConstant);
      if (node.program.steps.length === 0) fail('program.steps is empty: a program needs at least one step.');
      if (constant >= 0)
        fail(`program.steps[${constant}] is a constant: leave the polynomial out and add the constant to a bias.`);
      return shapes[node.input]!;
    }
    case 'attend': {
      const maps = shapes[node.maps]!;
      const value = matrix(node.value, 'value');
      if (maps.heads === undefined) fail('maps have to come from scores.');
      if (value.rows !== tokens || value.columns % maps.heads! !== 0) {
        fail(`the value [${value.rows}, ${value.columns}] does not fit ${maps.heads} heads of ${tokens} tokens.`);
      }
      if (node.weights) {
        if (!node.causal) fail('weights without a causal mask: leave them out, or make the attention causal.');
        expectLength(node.weights, maps.heads! * tokens ** 2, 'weights');
        const wrong = node.weights.findIndex((weight) => !(Math.abs(weight) <= 1));
        if (wrong >= 0) {
          fail(
            `weights[${wrong}] is ${node.weights[wrong]}: scale each head into [-1, 1] and give the value the factor.`,
          );
        }
      }
      return value;
    }
    case 'pool': {
      const x = matrix(node.input, 'input');
      expectLength(node.weights, x.rows, 'weights');
      return { rows: 1, columns: x.columns };
    }
  }
}
