// What computes: processors, or CUDA where ONNX Runtime has it, which most machines do not.
import { expect, it } from 'vitest';
import { MissingPackageError } from '../../../base/src/errors.ts';
import { Program } from '../../src/onnx/program.ts';
import { type Provider, Session } from '../../src/onnx/session.ts';
import * as ops from '../../src/ops/index.ts';

async function doubled(provider: Provider): Promise<number[]> {
  const program = new Program();
  const x = program.input('x', [3]);
  const session = await Session.compile(program, { y: ops.scale(x, 2) }, { provider });
  try {
    return [...((await session.evaluate({ x: Float32Array.of(1, 2, 3) })).y as Float32Array)];
  } finally {
    await session.close();
  }
}

it('processors compute where nothing else is said', async () => {
  expect(await doubled('cpu')).toEqual([2, 4, 6]);
});

it('CUDA computes the same, or says in words what it lacks', async () => {
  const result = await doubled('cuda').catch((error: unknown) => error);
  if (Array.isArray(result)) return expect(result).toEqual([2, 4, 6]);
  expect(result).toBeInstanceOf(MissingPackageError);
  expect(String(result)).toMatch(/CUDA provider of ONNX Runtime does not load here \(.+\): it needs an NVIDIA card/);
});
