import { expect, it } from 'vitest';
import { checkProgram, compile, explain } from '../../src/index.ts';
import { targetGraph } from '../passes/targets.ts';

for (const name of ['LM of the paper, 6 layers, width 512', 'BERT-base'])
  it(`${name} compiles in less than a minute`, () => {
    const graph = targetGraph(name);
    const start = performance.now();
    const { program, machine } = compile(graph);
    expect(performance.now() - start).toBeLessThan(60_000);
    checkProgram(program, machine);
    expect(explain(program, machine).total.bootstraps).toBeGreaterThan(0);
  });
