import { compile, explain } from '@cipherformer/compiler';
import { checkProgram } from '@cipherformer/runtime';
import { expect, it } from 'vitest';
import { randomModel } from '../../src/shapes/random-model.ts';
import { modelShapes } from '../../src/shapes/shapes.ts';

for (const name of ['paper-lm', 'bert-base'] as const)
  it(`${name} compiles in less than a minute of processor time`, () => {
    const { graph } = randomModel(modelShapes[name], 1);
    const start = process.cpuUsage();
    const { program, machine } = compile(graph);
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1e6).toBeLessThan(60);
    checkProgram(program, machine);
    expect(explain(program, machine).total.bootstraps).toBeGreaterThan(0);
  });
