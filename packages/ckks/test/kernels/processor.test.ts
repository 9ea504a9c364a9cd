// A processor that lacks instructions, played by a native addon that says so.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { KernelError } from '../../src/errors/index.ts';
import { listBuilds, loadKernels, selfTest } from '../../src/kernels/index.ts';
import type { NativeBuild } from '../../src/kernels/native.ts';

const needs = ['avx2', 'fma', 'bmi2', 'aes'];
let missing: string[] = [];

vi.mock('../../src/kernels/native.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/kernels/native.ts')>();
  return {
    ...original,
    nativeBuilds: (): NativeBuild[] => [
      { name: 'ifma', needs: [...needs, 'avx512ifma'], missing: [...missing, 'avx512ifma'] },
      { name: 'fma', needs, missing },
      { name: 'scalar', needs: [], missing: [] },
    ],
  };
});

beforeEach(() => {
  missing = ['avx2', 'fma'];
});

describe('a processor without AVX', () => {
  it('is reported, with the instructions it lacks', async () => {
    const builds = await listBuilds();
    const fma = builds.find(({ name }) => name === 'fma');
    expect(fma?.usable).toBe(false);
    expect(fma?.reason).toContain('this processor lacks avx2, fma');
  });

  it('gets a typed error for the build it cannot run', async () => {
    await expect(loadKernels({ build: 'ifma' })).rejects.toThrow(KernelError);
    await expect(loadKernels({ build: 'ifma' })).rejects.toThrow('avx512ifma');
  });

  it('gets the slower build that works', async ({ skip }) => {
    let kernels: Awaited<ReturnType<typeof loadKernels>>;
    try {
      kernels = await loadKernels({ threads: 1 });
    } catch {
      return skip('no native addon on this machine');
    }
    expect(kernels.build).toBe('scalar');
    expect(selfTest(kernels).filter(({ passed }) => !passed)).toEqual([]);
  });
});
