import {
  type GraphNode,
  type GraphOp,
  type Matrix,
  type NodeOf,
  type PolynomialGraph,
  type PreparedStep,
  prepareProgram,
  valueShapes,
} from '@cipherformer/model';
import { toOnnx } from '../onnx/onnx.ts';
import { Program, type Tensor } from '../onnx/program.ts';

/** Operations of a polynomial model's ONNX form that compute. */
export const arithmeticOperations: readonly string[] = ['Add', 'Sub', 'Mul', 'MatMul', 'ReduceSum'];
/** Operations that only move data. */
export const movementOperations: readonly string[] = ['Reshape', 'Transpose', 'Expand', 'Gather'];

/**
 * The graph as a self-contained ONNX file (opset 20, float32): inputs and shapes as in the graph, output "logits"
 * [1, outputs]. It holds the operations above and no others: the proof that the model is a polynomial of its input.
 */
export function exportPolynomialOnnx(graph: PolynomialGraph): Uint8Array {
  const { program, logits } = buildProgram(graph);
  return toOnnx(program, { logits });
}

/** How many of each ONNX operation the graph takes. */
export function polynomialOperations(graph: PolynomialGraph): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { op } of buildProgram(graph).program.operations) counts[op] = (counts[op] ?? 0) + 1;
  return counts;
}

function buildProgram(graph: PolynomialGraph): { program: Program; logits: Tensor } {
  const program = new Program({ dialect: 'onnx' });
  const shapes = valueShapes(graph);
  const values: Tensor[] = [];
  graph.nodes.forEach((node, i) => {
    const { heads, rows, columns } = shapes[i]!;
    const size = heads === undefined ? [rows, columns] : [heads, rows, columns];
    // The entry for an operation takes its nodes.
    const emit = onnxForms[node.op] as OnnxForm<GraphNode>;
    values.push(emit(node, { program, size, values, window: graph.window ?? graph.tokens }));
  });
  return { program, logits: values[graph.output]! };
}

/** What a node becomes operations of. */
interface Place {
  readonly program: Program;
  /** Of the node's own value. */
  readonly size: readonly number[];
  /** Those of earlier nodes. */
  readonly values: readonly Tensor[];
  /** Tokens of a window of attention. */
  readonly window: number;
}

type OnnxForm<Node extends GraphNode> = (node: Node, place: Place) => Tensor;

/** Each operation of the graph in ONNX. */
const onnxForms: { readonly [Op in GraphOp]: OnnxForm<NodeOf<Op>> } = {
  input: ({ name }, { program, size }) => program.input(name, size),
  linear({ input, weight, bias }, { program, size, values }) {
    const factor = program.constant(transposed(weight), [weight.columns, weight.rows], 'weight');
    const product = program.emit1('MatMul', [values[input]!, factor], size);
    return bias ? program.emit1('Add', [product, program.constant(bias, [weight.rows], 'bias')], size) : product;
  },
  addTable: ({ input, table }, { program, size, values }) =>
    program.emit1('Add', [values[input]!, program.constant(table.values, size, 'table')], size),
  multiplyTable: ({ input, table }, { program, size, values }) =>
    program.emit1('Mul', [values[input]!, program.constant(table.values, size, 'table')], size),
  add: ({ left, right }, { program, size, values }) => program.emit1('Add', [values[left]!, values[right]!], size),
  multiply: ({ left, right }, { program, size, values }) => program.emit1('Mul', [values[left]!, values[right]!], size),
  meanFeatures({ input }, { program, size, values }) {
    const [rows, columns] = size as [number, number];
    const sum = program.emit1('ReduceSum', [values[input]!, program.integers([1])], [rows, 1]);
    const mean = program.emit1('Mul', [sum, program.scalar(1 / columns)], [rows, 1]);
    return program.emit1('Expand', [mean, program.integers(size)], size);
  },
  maskTokens: ({ input, mask }, { program, size, values }) =>
    program.emit1('Mul', [values[input]!, values[mask]!], size),
  scores({ query, key, heads, offset }, { program, size, values, window }) {
    const left = byHead(values[query]!, heads, window, [2, 0, 1, 3]);
    const right = byHead(values[key]!, heads, window, [2, 0, 3, 1]);
    const apart = program.emit1('MatMul', [left, right], [heads, left.shape[1]!, window, window]);
    const product = program.emit1('Reshape', [apart, program.integers(size)], size);
    if (!offset) return product;
    const constant = program.constant(offset, offset.length === heads ? [heads, 1, 1] : size, 'offset');
    return program.emit1('Add', [product, constant], size);
  },
  polynomial: (node, { values }) => emitPolynomial(values[node.input]!, node),
  attend(node, { program, size, values, window }) {
    const maps = values[node.maps]!;
    const heads = maps.shape[0]!;
    const mask = mapMask(program, maps, window, node);
    const seen = mask ? program.emit1('Mul', [maps, mask], maps.shape) : maps;
    const value = byHead(values[node.value]!, heads, window, [2, 0, 1, 3]);
    const [, windows, , headWidth] = value.shape as [number, number, number, number];
    const square = [heads, windows, window, window];
    const apart = program.emit1('Reshape', [seen, program.integers(square)], square);
    const mixed = program.emit1('MatMul', [apart, value], value.shape);
    const turned = program.emit1('Transpose', [mixed], [windows, window, heads, headWidth], {
      perm: { ints: [1, 2, 0, 3] },
    });
    return program.emit1('Reshape', [turned, program.integers(size)], size);
  },
  takeRows({ input, rows }, { program, size, values }) {
    const index = program.integers(rows);
    return program.emit1('Gather', [values[input]!, index], size, { axis: { int: 0 } });
  },
  pool: ({ input, weights }, { program, size, values }) =>
    program.emit1('MatMul', [program.constant(weights, [1, weights.length], 'weights'), values[input]!], size),
};

/** [tokens, heads * width] as [windows, tokens of one, heads, width] with its axes in another order. */
function byHead(x: Tensor, heads: number, window: number, perm: readonly number[]): Tensor {
  const [tokens, features] = x.shape as [number, number];
  const apart = [tokens / window, window, heads, features / heads];
  const split = x.program.emit1('Reshape', [x, x.program.integers(apart)], apart);
  return x.program.emit1(
    'Transpose',
    [split],
    perm.map((axis) => apart[axis]!),
    { perm: { ints: perm } },
  );
}

/** 1 (or the weight) where a key is seen, else 0: of the maps' shape, or [tokens, keys]; undefined where all are alike. */
function mapMask(
  program: Program,
  maps: Tensor,
  window: number,
  { causal, weights }: NodeOf<'attend'>,
): Tensor | undefined {
  if (!causal && !weights) return undefined;
  const [, rows] = maps.shape as [number, number, number];
  const shape = weights ? maps.shape : [rows, window];
  const visible = (i: number) => !causal || i % window <= Math.floor(i / window) % window;
  const values = Float32Array.from({ length: weights?.length ?? rows * window }, (_, i) =>
    visible(i) ? (weights?.[i] ?? 1) : 0,
  );
  return program.constant(values, shape, 'seen');
}

function emitPolynomial(x: Tensor, node: NodeOf<'polynomial'>): Tensor {
  const { factor, offset, steps } = prepareProgram(node.program);
  const arithmetic = arithmeticOn(x);
  const values = [arithmetic.add(arithmetic.scale(x, factor), offset)];
  for (const step of steps) values.push(emitStep(arithmetic, step, values));
  return values.at(-1)!;
}

/** Additions and multiplications of tensors of one shape and of constants. */
function arithmeticOn({ program, shape }: Tensor) {
  const emit = (op: string, left: Tensor, right: Tensor) => program.emit1(op, [left, right], shape);
  const operand = (value: Tensor | number) => (typeof value === 'number' ? program.scalar(value) : value);
  return {
    add: (left: Tensor, right: Tensor | number) => emit('Add', left, operand(right)),
    subtract: (left: Tensor, right: Tensor) => emit('Sub', left, right),
    multiply: (left: Tensor, right: Tensor) => emit('Mul', left, right),
    scale: (left: Tensor, right: number) => emit('Mul', left, program.scalar(right)),
    constant: (value: number) => program.emit1('Expand', [program.scalar(value), program.integers(shape)], shape),
  };
}

function emitStep(to: ReturnType<typeof arithmeticOn>, step: PreparedStep, values: readonly Tensor[]): Tensor {
  switch (step.op) {
    case 'affine': {
      const [first, ...more] = step.terms.map(({ value, factor }) => to.scale(values[value]!, factor));
      return first
        ? to.add(
            more.reduce((sum, term) => to.add(sum, term), first),
            step.offset,
          )
        : to.constant(step.offset);
    }
    case 'product':
      return to.multiply(values[step.left]!, values[step.right]!);
    case 'square':
      return to.multiply(values[step.value]!, values[step.value]!);
    case 'polynomial':
      return clenshaw(to, values[step.value]!, step.coefficients);
  }
}

/** Sum of c_j T_j(t): b_j = 2 t b_(j+1) - b_(j+2) + c_j, and t b_1 - b_2 + c_0. */
function clenshaw(to: ReturnType<typeof arithmeticOn>, t: Tensor, coefficients: Float64Array): Tensor {
  const degree = coefficients.length - 1;
  if (degree === 0) return to.constant(coefficients[0]!);
  const twice = to.scale(t, 2);
  let b1 = to.constant(coefficients[degree]!);
  let b2: Tensor | undefined;
  const next = (factor: Tensor, constant: number) => {
    const product = to.add(to.multiply(factor, b1), constant);
    return b2 ? to.subtract(product, b2) : product;
  };
  for (let j = degree - 1; j >= 1; j--) {
    const b = next(twice, coefficients[j]!);
    b2 = b1;
    b1 = b;
  }
  return next(t, coefficients[0]!);
}

function transposed({ rows, columns, values }: Matrix): Float32Array {
  return Float32Array.from(values, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!);
}
