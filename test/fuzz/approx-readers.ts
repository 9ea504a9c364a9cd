import { ApproxError } from '../../packages/approx/src/errors.ts';
import { parseDensity } from '../../packages/approx/src/functions/density.ts';
import { parseTable, tableFunction } from '../../packages/approx/src/functions/table.ts';
import type { Reader } from './reader.ts';

const text = (lines: string) => new TextEncoder().encode(lines);
const read = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

export const approxReaders: readonly Reader[] = [
  {
    name: 'approx table of a function',
    seeds: ['x,y\n0,0\n1,1\n2,4\n3,9\n', '# seen\n-6;1\n0;5\n6;1e3\n'].map(text),
    read(bytes) {
      const { xs, ys } = parseTable(read(bytes), 'table.csv');
      tableFunction(xs, ys).value(0.5);
    },
    errors: [ApproxError],
    share: 0.5,
  },
  {
    name: 'approx observed inputs',
    seeds: ['# seen\n0.5\n-1e-3\n\n2\n', '-1, 3\n0, 10\n1, 3\n'].map(text),
    read: (bytes) => void parseDensity(read(bytes), 'inputs.csv'),
    errors: [ApproxError],
    share: 0.5,
  },
];
