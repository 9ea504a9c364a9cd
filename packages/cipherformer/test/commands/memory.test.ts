import type { OpenProgram } from '@cipherformer/compiler';
import { ResourceError } from '@cipherformer/runtime/server';
import { describe, expect, it } from 'vitest';
import { checkMemory } from '../../../runtime/src/server/memory.ts';

const program = (peakBytes: number) => ({ manifest: { predicted: { peakBytes } } }) as OpenProgram;

describe('memory of a run', () => {
  it('refuses what is not there, with two numbers that differ', () => {
    expect(() => checkMemory(program(2 ** 33), 2 ** 33)).not.toThrow();
    expect(() => checkMemory(program(2 ** 33 + 1), 2 ** 33)).toThrow(ResourceError);
    expect(() => checkMemory(program(2 ** 33 + 1), 2 ** 33)).toThrow(
      /about 8.000000001 GiB of memory, 8.000000000 GiB are free/,
    );
    expect(() => checkMemory(program(2 ** 33 + 2), 2 ** 33 + 1)).toThrow(
      /about 8.000000002 GiB of memory, 8.000000001 GiB are free/,
    );
  });
});
