// Row 16: the model that ships, on clear and simulated slots: all 500 sample digits are in range.
import { BootstrapPlan, bootstrapLiteral, Parameters } from '@cipherformer/ckks';
import { expect, it } from 'vitest';
import { compile, packInputs, runClear, runSimulated } from '../../src/index.ts';
import { distrust } from '../../src/program/trust.ts';
import { digits, digitsModel } from './digits.ts';
import { furthestRefreshed } from './furthest.ts';

it('row 16: no sample digit is flagged, refreshed values stay in their bounds', () => {
  const compiled = compile(digitsModel.graph, { slots: 2 ** 11 });
  const { program } = compiled;
  const plan = new BootstrapPlan(Parameters.from(bootstrapLiteral()));
  const image = digits();
  let furthest = 0;
  for (let i = 0; i < 500; i++) {
    const packed = packInputs(program, image(i));
    for (const { outputs } of [runClear(program, packed), runSimulated(program, packed, plan, { seed: i + 1 })])
      expect(distrust(program.outputs.at(-1)!, outputs.at(-1)!), `digit ${i}`).toBeUndefined();
    furthest = Math.max(furthest, furthestRefreshed(compiled, image(i)));
  }
  expect(furthest).toBeLessThanOrEqual(1);
});
