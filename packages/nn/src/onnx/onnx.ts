import { create, toBinary } from '@bufbuild/protobuf';
import { ShapeError } from '@cipherformer/model';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { Attribute, ConstantData, ElementType, Operation, Program, Tensor } from './program.ts';

const dataTypes: Record<ElementType, number> = {
  float32: TensorProto_DataType.FLOAT,
  int64: TensorProto_DataType.INT64,
  int32: TensorProto_DataType.INT32,
  bool: TensorProto_DataType.BOOL,
  uint8: TensorProto_DataType.UINT8,
};

function attributeProto(name: string, attribute: Attribute) {
  if ('int' in attribute) {
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(attribute.int) });
  }
  if ('float' in attribute) {
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOAT, f: attribute.float });
  }
  if ('ints' in attribute) {
    const ints = attribute.ints.map(BigInt);
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INTS, ints });
  }
  const s = new TextEncoder().encode(attribute.string);
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.STRING, s });
}

function valueInfo(name: string, tensor: Tensor) {
  const dim = tensor.shape.map((size) =>
    create(TensorShapeProto_DimensionSchema, { value: { case: 'dimValue', value: BigInt(size) } }),
  );
  const shape = create(TensorShapeProtoSchema, { dim });
  const tensorType = create(TypeProto_TensorSchema, { elemType: dataTypes[tensor.type], shape });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensorType } }),
  });
}

function initializer(name: string, tensor: Tensor, data: ConstantData) {
  return create(TensorProtoSchema, {
    name,
    dims: tensor.shape.map(BigInt),
    dataType: dataTypes[tensor.type],
    rawData: new Uint8Array(data.slice().buffer),
  });
}

/** The operations that lead to `outputs`, in the order of the program. */
export function reachable(program: Program, outputs: readonly Tensor[]): Operation[] {
  const needed = new Set(outputs.map((tensor) => tensor.name));
  const kept: Operation[] = [];
  for (let i = program.operations.length - 1; i >= 0; i--) {
    const operation = program.operations[i]!;
    if (!operation.outputs.some((name) => needed.has(name))) continue;
    kept.push(operation);
    for (const name of operation.inputs) if (name) needed.add(name);
  }
  return kept.reverse();
}

export interface OnnxOptions {
  /** Values to bake in for inputs of the program (the weights, in an export); the rest stay inputs. */
  readonly bake?: ReadonlyMap<string, Float32Array>;
}

/**
 * Serialises the part of the program that leads to `outputs` as an ONNX model (opset 20, IR 9). The keys of
 * `outputs` are the names the caller of the model sees.
 */
export function toOnnx(
  program: Program,
  outputs: Readonly<Record<string, Tensor>>,
  options: OnnxOptions = {},
): Uint8Array {
  const operations = reachable(program, Object.values(outputs));
  const used = new Set(operations.flatMap((operation) => operation.inputs));
  for (const tensor of Object.values(outputs)) used.add(tensor.name);
  const initializers = [...program.constants.values()]
    .filter(({ tensor }) => used.has(tensor.name))
    .map(({ tensor, data }) => initializer(tensor.name, tensor, data));
  const inputs = program.inputs.filter((tensor) => used.has(tensor.name));
  const free = inputs.filter((tensor) => {
    const data = options.bake?.get(tensor.name);
    if (data) initializers.push(initializer(tensor.name, tensor, data));
    return data === undefined;
  });
  // An output that an operation produces is renamed; an input or constant asked for as output (or an output asked
  // for twice) is passed on by Identity.
  const produced = new Set(operations.flatMap((operation) => operation.outputs));
  const renamed = new Map<string, string>();
  const passed: [string, string][] = [];
  for (const [name, tensor] of Object.entries(outputs)) {
    if (tensor.program !== program) throw new ShapeError(`Output "${name}" belongs to another program.`);
    if (produced.has(tensor.name) && !renamed.has(tensor.name)) renamed.set(tensor.name, name);
    else passed.push([renamed.get(tensor.name) ?? tensor.name, name]);
  }
  const rename = (name: string) => renamed.get(name) ?? name;
  const nodes = operations.map((operation, index) =>
    create(NodeProtoSchema, {
      name: `${operation.op}_${index}`,
      opType: operation.op,
      domain: operation.domain,
      input: operation.inputs.map(rename),
      output: operation.outputs.map(rename),
      attribute: Object.entries(operation.attributes).map(([name, value]) => attributeProto(name, value)),
    }),
  );
  for (const [from, to] of passed) {
    nodes.push(create(NodeProtoSchema, { name: `pass_${to}`, opType: 'Identity', input: [from], output: [to] }));
  }
  const model = create(ModelProtoSchema, {
    irVersion: 9n,
    producerName: 'cipherformer',
    opsetImport: [
      create(OperatorSetIdProtoSchema, { domain: '', version: 20n }),
      create(OperatorSetIdProtoSchema, { domain: 'com.microsoft', version: 1n }),
    ],
    graph: create(GraphProtoSchema, {
      name: 'program',
      node: nodes,
      initializer: initializers,
      input: free.map((tensor) => valueInfo(tensor.name, tensor)),
      output: Object.entries(outputs).map(([name, tensor]) => valueInfo(name, tensor)),
    }),
  });
  return toBinary(ModelProtoSchema, model);
}
