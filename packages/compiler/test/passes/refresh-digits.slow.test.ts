// Row 16: the model that ships: all 500 sample digits are in range on clear slots, and some of them with noise.
import { BootstrapPlan, bootstrapLiteral, Parameters } from '@cipherformer/ckks';
import { expect, it } from 'vitest';
import { runClear } from '../../../runtime/src/backends/clear.ts';
import { runSimulated } from '../../../runtime/src/backends/simulate.ts';
import { planProgram } from '../../../runtime/src/keys/planned-program.ts';
import { distrust } from '../../../runtime/src/program/trust.ts';
import { packInputs } from '../../../runtime/src/program/values.ts';
import { compile } from '../../src/passes/compile.ts';
import { digits, digitsModel } from './digits.ts';

/** Of the 500: noise takes three times as long as clear slots. */
const simulated = 20;

it('row 16: no sample digit is flagged, refreshed values stay in their bounds', () => {
  const compiled = compile(digitsModel.graph, { slots: 2 ** 11 });
  const { program } = compiled;
  const planned = planProgram(program, new BootstrapPlan(Parameters.from(bootstrapLiteral())));
  const image = digits();
  let furthest = 1;
  for (let i = 0; i < 500; i++) {
    const packed = packInputs(program, image(i));
    const runs = [runClear(program, packed), ...(i < simulated ? [runSimulated(planned, packed)] : [])];
    for (const { outputs } of runs)
      expect(distrust(program.outputs.at(-1)!, outputs.at(-1)!), `digit ${i}`).toBeUndefined();
    furthest = Math.max(
      furthest,
      ...runs.flatMap(({ outOfRangeOperands }) => outOfRangeOperands.map(({ largest }) => largest)),
    );
  }
  // What bootstraps refresh is within its bound, but for noise.
  expect(furthest).toBeLessThan(1 + 1e-4);
});
