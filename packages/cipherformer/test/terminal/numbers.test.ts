import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { byteSize, namesOf, nonNegativeNumber, portNumber, positiveInteger, positiveNumber, seedNumber, wholeNumbers } from '../../src/terminal/numbers.ts'; // biome-ignore format: one list

describe('options that are numbers', () => {
  it.each([
    ['a count', positiveInteger, '3', 3, ['0', '-1', '1.5', '', 'x']],
    ['a seed', seedNumber, '0', 0, ['-1', '0.5', 'x']],
    ['a positive number', positiveNumber, '1e-3', 1e-3, ['0', '-1', '', 'x', 'Infinity']],
    ['a number from 0 on', nonNegativeNumber, '0', 0, ['-0.1', '', ' ', 'x', 'Infinity']],
    ['whole numbers within limits', wholeNumbers(5, 17), '13,16', [13, 16], ['4', '18', '13,', '13,x', '']],
    ['names of a list', namesOf(['a', 'b']), 'b,a', ['b', 'a'], ['c', 'a,', '']],
    ['a port', portNumber, '8080', 8080, ['-1', '65536', '', 'http']],
    ['a size', byteSize, '1.5 GiB', 1.5 * 2 ** 30, ['0', '-1', 'GiB', '1 GB', '1e3']],
  ] as const)('%s', (_, parse, text, value, wrong) => {
    expect(parse(text)).toEqual(value);
    for (const other of wrong) expect(() => parse(other), JSON.stringify(other)).toThrow(InvalidArgumentError);
  });
});
