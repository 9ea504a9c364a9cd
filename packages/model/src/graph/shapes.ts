import { ShapeError } from '../errors.ts';
import { type ShapeContext, type ValueShape, valueSize } from '../operations/definition.ts';
import { operations, type PolynomialGraph } from './graph.ts';
import { operandsOf } from './operands.ts';

/** Of one value: a file of a few bytes must not ask for more memory than a machine has. */
const maxValueSize = 2 ** 27;

/**
 * The shape of every value, which is also the check that a graph is well formed: operands are earlier nodes, shapes
 * fit, arrays have their sizes, names are unique and the output is a matrix.
 * @throws ShapeError naming the node and the field
 */
export function valueShapes(graph: PolynomialGraph): ValueShape[] {
  const { tokens, window = tokens } = graph;
  if (!Number.isInteger(window) || window < 1 || tokens % window !== 0)
    throw new ShapeError(`Windows of ${window} tokens do not fill ${tokens} tokens: give a divisor.`);
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
    const shape = operations[node.op].shape(node, contextOf(graph, shapes, where));
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

function contextOf(
  { tokens, window = tokens }: Pick<PolynomialGraph, 'tokens' | 'window'>,
  shapes: readonly ValueShape[],
  where: string,
): ShapeContext {
  const fail = (message: string): never => {
    throw new ShapeError(`${where}: ${message}`);
  };
  return {
    tokens,
    window,
    shapeOf: (value) => shapes[value]!,
    matrixOf(value, field) {
      const shape = shapes[value]!;
      return shape.heads === undefined ? shape : fail(`${field} has to be a matrix, not attention maps.`);
    },
    expectLength(array, length, field) {
      if (array.length !== length) fail(`${field} has ${array.length} values where ${length} are needed.`);
    },
    fail,
  };
}
