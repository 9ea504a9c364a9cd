import { BootstrapPlan, keyMemoryBytes, type Parameters } from '@cipherformer/ckks';
import {
  type EncryptedProgram,
  type Instruction,
  lastUses,
  type PlannedProgram,
  resultLevel,
  resultsOf,
} from '@cipherformer/runtime';
import { defaultCosts } from './default-costs.ts';
import { operationsOf } from './operations.ts';
import { type CostTable, secondsOf, tableFor } from './table.ts';

export interface Prediction {
  /** Processor seconds of all instructions, summed over threads, on the machine of the cost table. */
  readonly cpuSeconds: number;
  /** Most bytes of memory that a run takes at its peak. */
  readonly peakBytes: number;
  readonly bootstraps: number;
  readonly instructions: number;
}

/** What Node, its heap and the kernels' tables take. */
const baseBytes = 0.35 * 2 ** 30;
/** Bytes of a bootstrap's encoded matrices and of its working memory, per N = 2^16: measured (docs/benchmarks/ckks.md). */
const bootstrapMatrixBytes = 0.38 * 2 ** 30;
const bootstrapWorkingBytes = 0.8 * 2 ** 30;
/**
 * Released memory that is held beside the working memory counted here; the kernels keep up to 2 GiB (native/memory.cpp). Runs
 * were seen to hold up to 1.06 GiB of it: more is counted, since a prediction that is too small lets a run be killed.
 */
const cachedBytes = 1.4 * 2 ** 30;

/** Processor seconds of each instruction by a cost table. */
export function predictSeconds(
  program: EncryptedProgram,
  parameters: Parameters,
  table: CostTable = defaultCosts,
): number[] {
  const own = tableFor(new BootstrapPlan(parameters), table);
  return program.instructions.map((instruction) => secondsOf(own, operationsOf(instruction, program, parameters)));
}

/** Time and memory of a run. Keys are counted exactly, all else by what is live at each instruction. */
export function predict(planned: PlannedProgram, table: CostTable = defaultCosts): Prediction {
  const { program, bootstrapPlan } = planned;
  const { instructions } = program;
  return {
    cpuSeconds: predictSeconds(program, bootstrapPlan.parameters, table).reduce((sum, seconds) => sum + seconds, 0),
    peakBytes: Math.round(peakBytes(planned)),
    bootstraps: instructions.reduce((sum, i) => sum + (i.op === 'bootstrap' ? i.inputs.length : 0), 0),
    instructions: instructions.length,
  };
}

function peakBytes({ program, bootstrapPlan: plan, keyPlan }: PlannedProgram): number {
  const { parameters } = plan;
  const { n } = parameters;
  const { specs, bootstraps, special } = keyPlan;
  const keyBytes = keyMemoryBytes(parameters, specs);
  const limbBytes = 8 * n;
  const levels = new Map(program.inputs.map(({ register, level }) => [register, level]));
  const machine = { bootstrapInputLevel: plan.inputLevel, bootstrapOutputLevel: plan.outputLevel };
  const unused = lastUses(program);
  const scale = n / 2 ** 16;
  let peak = 0;
  for (const [i, instruction] of program.instructions.entries()) {
    for (const register of resultsOf(instruction)) levels.set(register, resultLevel(instruction, machine));
    let live = 0;
    for (const level of levels.values()) live += 2 * (level + 1) * limbBytes;
    const working =
      instruction.op === 'bootstrap' ? bootstrapWorkingBytes * scale : workingLimbs(instruction, special) * limbBytes;
    peak = Math.max(peak, live + working);
    for (const register of unused[i]!) levels.delete(register);
  }
  return baseBytes + keyBytes + (bootstraps ? bootstrapMatrixBytes * scale : 0) + peak + cachedBytes * scale;
}

/** Limbs that an instruction works with beside its operands and results. */
function workingLimbs(instruction: Instruction, special: number): number {
  const limbs = instruction.level + 1;
  const extended = limbs + special;
  switch (instruction.op) {
    case 'linear': {
      // Packed inputs, digits of the inputs or their divided rotations, sums of every output and giant step, totals.
      const { inputs, outputs } = instruction.packing ?? instruction;
      const { babySteps, giantSteps, dividesBabies } = instruction;
      const packed = instruction.packing?.inputs.filter(({ imaginary }) => imaginary).length ?? 0;
      return (
        2 * packed * limbs +
        // Undivided, an input rotated by a middle step and its digits as well.
        inputs.length * (3 * extended + (dividesBabies ? 2 * babySteps.length * limbs : 5 * extended)) +
        2 * outputs.length * (giantSteps.length * (dividesBabies ? limbs : extended) + extended)
      );
    }
    case 'productSum':
      // Sixteen factors of each side, digits, and for masks the sums in the extended basis.
      return 2 * 16 * 2 * limbs + 16 * 2 * extended + 6 * extended;
    case 'polynomial':
      return 2 * limbs * 2 * Math.ceil(Math.log2(limbs + 1)) * 2;
    default:
      return 4 * extended;
  }
}
