// Whole programs of random graphs: levels, bootstraps, keys and the range check hold whatever the graph.
import { BootstrapPlan, galoisElement, Parameters } from '@cipherformer/ckks';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runClear } from '../../../runtime/src/backends/clear.ts';
import { planKeys } from '../../../runtime/src/keys/key-plan.ts';
import { resultsOf } from '../../../runtime/src/program/levels.ts';
import { distrust } from '../../../runtime/src/program/trust.ts';
import { packInputs } from '../../../runtime/src/program/values.ts';
import { insecureLiteral } from '../../../runtime/test/backends/support.ts';
import { LayoutError, PlacementError } from '../../src/errors.ts';
import { type Compiled, compile } from '../../src/passes/compile.ts';
import { defaultMachine } from '../../src/plan/machine.ts';
import { type Recipe, randomGraph, recipes } from './random-graphs.ts';
import { batchOf, evaluated, expectClose, run } from './running.ts';

/** Few levels between bootstraps, so that small graphs need some. */
const machine = { ...defaultMachine(), bootstrapInputLevel: 3, bootstrapOutputLevel: 11, inputLevel: 6 };
const slots = 2 ** 10;

function compiled(recipe: Recipe) {
  const random = randomGraph(recipe);
  try {
    return { ...random, made: compile(random.graph, { slots, batch: recipe.batch, machine }) };
  } catch (error) {
    if (error instanceof LayoutError || error instanceof PlacementError) return fc.pre(false) as never;
    throw error;
  }
}

/** Why the client would not trust a run, of any output. */
function reasons({ program }: Compiled, packed: readonly Float64Array[]): (string | undefined)[] {
  const registers = new Map<number, Float64Array>();
  for (const [i, { register }] of program.inputs.entries()) registers.set(register, packed[i]!);
  runClear(program, packed, {
    observe: (_, instruction, results) => {
      for (const [k, register] of resultsOf(instruction).entries()) registers.set(register, results[k]!);
    },
  });
  return program.outputs.map((output) => distrust(output, registers.get(output.register)!));
}

describe('programs of random graphs', () => {
  it('compute what the graph computes, batches too, and are trusted where everything is in range', () => {
    let bootstraps = 0;
    fc.assert(
      fc.property(recipes(undefined, 9), (recipe) => {
        const { made, graph, examples } = compiled(recipe);
        const inputs = batchOf(examples);
        expectClose(run(made, inputs), evaluated(graph, examples));
        expect(reasons(made, packInputs(made.program, inputs)).filter((reason) => reason !== undefined)).toEqual([]);
        bootstraps += made.program.instructions.filter(({ op }) => op === 'bootstrap').length;
      }),
      { numRuns: 30, seed: 2 },
    );
    expect(bootstraps).toBeGreaterThan(15);
  });

  it('rotate by what the key plan has a key for, at its level or above', () => {
    const plan = new BootstrapPlan(Parameters.from(insecureLiteral, { insecure: true }));
    fc.assert(
      fc.property(recipes(['attention', 'linear', 'meanFeatures'], 3), (recipe) => {
        const { program } = compiled(recipe).made;
        const levels = new Map<number, number>();
        for (const { role, galois, level } of planKeys([program], plan).specs)
          if (role === 'galois') levels.set(galois, Math.max(level, levels.get(galois) ?? 0));
        for (const instruction of program.instructions) {
          const { op, level } = instruction;
          // Products turn by groups and sums of baby and giant steps, which the static checks hold together.
          const steps = op === 'rotateSum' ? instruction.steps : op === 'linear' ? instruction.giantSteps : [];
          for (const step of steps)
            if (step !== 0)
              expect(levels.get(galoisElement(step, plan.parameters.logN)), `${instruction.source} by ${step}`).toBeGreaterThanOrEqual(level); // biome-ignore format: one check
        }
      }),
      { numRuns: 10, seed: 3 },
    );
  });

  it('are the same from the same graph', () => {
    fc.assert(
      fc.property(recipes(), (recipe) => {
        const [first, second] = [0, 1].map(() => JSON.stringify(compiled(recipe).made.program));
        expect(first).toBe(second);
      }),
      { numRuns: 5, seed: 4 },
    );
  });
});
