import {
  type EncryptedProgram,
  type Instruction,
  operandsOf,
  resultLevel,
  resultsOf,
  rotationKeys,
} from '@cipherformer/runtime';
import type { OperationName } from '../cost/operations.ts';
import type { MachineModel } from './machine.ts';

/** What one part of the model, or the whole, asks of the server. */
export interface PlanCounts {
  /** Key switches for rotations. */
  readonly rotations: number;
  /** Products of two ciphertexts. */
  readonly products: number;
  /** Vectors encoded: diagonals, masks, biases. */
  readonly plaintexts: number;
  /** Ciphertexts refreshed. */
  readonly bootstraps: number;
  /** Predicted processor seconds. */
  readonly seconds: number;
}

/** The instructions of one source, one after another. */
export interface PlanRow extends PlanCounts {
  readonly source: string;
  /** The level it starts at, and that of its results. */
  readonly levelIn: number;
  readonly levelOut: number;
  /** Ciphertexts that others read. */
  readonly ciphertexts: number;
}

export interface Plan {
  readonly machine: string;
  readonly rows: readonly PlanRow[];
  /** Sums of the rows of each layer: "layers.0", or the source itself where it is in none. */
  readonly layers: ReadonlyMap<string, PlanCounts>;
  readonly total: PlanCounts;
  /** Distinct rotations, and the highest level of each. */
  readonly keys: ReadonlyMap<number, number>;
}

const rotationNames: ReadonlySet<OperationName> = new Set([
  'babyRotation',
  'giantRotation',
  'hoistedRotation',
  'rotate',
]);
const productNames: ReadonlySet<OperationName> = new Set(['tensor']);
const plaintextNames: ReadonlySet<OperationName> = new Set(['diagonal', 'periodicDiagonal', 'levelDiagonal', 'encode']);

/** The plan of a program, line by line, with the time a machine model predicts.
 * Cost: linear in the program's diagonals. */
export function explain(program: EncryptedProgram, machine: MachineModel): Plan {
  const rows: PlanRow[] = [];
  const ciphertexts = ciphertextsRead(program);
  for (const instruction of program.instructions) {
    const row = rowOf(instruction, program, machine, ciphertexts);
    const last = rows[rows.length - 1];
    if (last?.source === row.source) rows[rows.length - 1] = joined(last, row);
    else rows.push(row);
  }
  const layers = new Map<string, PlanCounts>();
  for (const row of rows) {
    const layer = /^(.*?\d+)\./.exec(row.source)?.[1] ?? row.source;
    layers.set(layer, sum(layers.get(layer) ?? nothing, row));
  }
  return { machine: machine.name, rows, layers, total: rows.reduce(sum, nothing), keys: rotationKeys(program) };
}

const nothing: PlanCounts = { rotations: 0, products: 0, plaintexts: 0, bootstraps: 0, seconds: 0 };

/** For each source, how many of its results others (or the client) read. */
function ciphertextsRead({ instructions, outputs }: EncryptedProgram): ReadonlyMap<string, number> {
  const makers = new Map(instructions.flatMap((made) => resultsOf(made).map((register) => [register, made.source])));
  const read = new Set(outputs.map(({ register }) => register));
  for (const instruction of instructions)
    for (const register of operandsOf(instruction)) if (makers.get(register) !== instruction.source) read.add(register);
  const counts = new Map<string, number>();
  for (const register of read) {
    const source = makers.get(register);
    if (source !== undefined) counts.set(source, (counts.get(source) ?? 0) + 1);
  }
  return counts;
}

function rowOf(
  instruction: Instruction,
  program: EncryptedProgram,
  machine: MachineModel,
  ciphertexts: ReadonlyMap<string, number>,
): PlanRow {
  const operations = machine.operations(instruction, program);
  const count = (names: ReadonlySet<OperationName>) =>
    operations.reduce((total, part) => total + (names.has(part.operation) ? part.count : 0), 0);
  const results = resultsOf(instruction);
  return {
    source: instruction.source,
    levelIn: instruction.level,
    levelOut: resultLevel(instruction, machine),
    ciphertexts: ciphertexts.get(instruction.source) ?? 0,
    rotations: count(rotationNames),
    products: count(productNames),
    plaintexts: count(plaintextNames),
    bootstraps: instruction.op === 'bootstrap' ? results.length : 0,
    seconds: machine.seconds(operations),
  };
}

function joined(first: PlanRow, next: PlanRow): PlanRow {
  const { source, levelIn } = first;
  return { ...sum(first, next), source, levelIn, levelOut: next.levelOut, ciphertexts: first.ciphertexts };
}

function sum(a: PlanCounts, b: PlanCounts): PlanCounts {
  return {
    rotations: a.rotations + b.rotations,
    products: a.products + b.products,
    plaintexts: a.plaintexts + b.plaintexts,
    bootstraps: a.bootstraps + b.bootstraps,
    seconds: a.seconds + b.seconds,
  };
}
