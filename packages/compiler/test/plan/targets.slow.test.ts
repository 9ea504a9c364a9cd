import { expect, it } from 'vitest';
import { checkProgram, compile, explain } from '../../src/index.ts';
import { targetGraph } from '../passes/targets.ts';

for (const name of ['LM of the paper, 6 layers, width 512', 'BERT-base'])
  it(`${name} compiles in less than a minute of processor time`, () => {
    const graph = targetGraph(name);
    const start = process.cpuUsage();
    const { program, machine } = compile(graph);
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1e6).toBeLessThan(60);
    checkProgram(program, machine);
    expect(explain(program, machine).total.bootstraps).toBeGreaterThan(0);
  });
