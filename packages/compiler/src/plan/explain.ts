import type { EncryptedProgram, Instruction } from '../program/instructions.ts';
import { operandsOf, resultLevel, resultsOf } from '../program/levels.ts';
import { rotationKeys } from './keys.ts';
import type { MachineModel, Work, WorkKind } from './machine.ts';
import { secondsOf, workOf } from './work.ts';

/** What one part of the model, or the whole, asks of the server. */
export interface PlanCounts {
  /** Key switches for rotations. */
  readonly rotations: number;
  /** Products of two ciphertexts. */
  readonly products: number;
  /** Products with plaintext diagonals and masks. */
  readonly diagonals: number;
  /** Ciphertexts refreshed. */
  readonly bootstraps: number;
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

const rotationKinds: ReadonlySet<WorkKind> = new Set(['rotation', 'hoistedRotation']);
const productKinds: ReadonlySet<WorkKind> = new Set(['multiply', 'tensor']);
const diagonalKinds: ReadonlySet<WorkKind> = new Set(['diagonal', 'periodicDiagonal']);

/** The plan of a program, line by line, with the time a machine model predicts. Cost: linear in the program's diagonals. */
export function explain(program: EncryptedProgram, machine: MachineModel): Plan {
  const maskPeriod = (mask: number) => program.masks[mask]!.period ?? program.slots;
  const rows: PlanRow[] = [];
  const ciphertexts = ciphertextsRead(program);
  for (const instruction of program.instructions) {
    const row = rowOf(instruction, workOf(instruction, program.slots, maskPeriod), machine, ciphertexts);
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

const nothing: PlanCounts = { rotations: 0, products: 0, diagonals: 0, bootstraps: 0, seconds: 0 };

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
  work: readonly Work[],
  machine: MachineModel,
  ciphertexts: ReadonlyMap<string, number>,
): PlanRow {
  const count = (kinds: ReadonlySet<WorkKind>) =>
    work.reduce((total, part) => total + (kinds.has(part.kind) ? part.count : 0), 0);
  const results = resultsOf(instruction);
  return {
    source: instruction.source,
    levelIn: instruction.level,
    levelOut: resultLevel(instruction, machine),
    ciphertexts: ciphertexts.get(instruction.source) ?? 0,
    rotations: count(rotationKinds),
    products: count(productKinds),
    diagonals: count(diagonalKinds),
    bootstraps: instruction.op === 'bootstrap' ? results.length : 0,
    seconds: secondsOf(work, machine),
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
    diagonals: a.diagonals + b.diagonals,
    bootstraps: a.bootstraps + b.bootstraps,
    seconds: a.seconds + b.seconds,
  };
}
