import * as ckks from '@cipherformer/ckks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCli } from '../../src/cli.ts';

// The real functions, which single tests replace.
vi.mock('@cipherformer/ckks', async (importOriginal) => {
  const original = await importOriginal<typeof ckks>();
  return {
    ...original,
    listBuilds: vi.fn(original.listBuilds),
    loadKernels: vi.fn(original.loadKernels),
    readBuildReport: vi.fn(original.readBuildReport),
    selfTest: vi.fn(original.selfTest),
  };
});

let stdout = '';
let stderr = '';

beforeEach(() => {
  stdout = '';
  stderr = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += text;
    return true;
  });
});
afterEach(() => {
  vi.mocked(process.stdout.write).mockRestore();
  vi.mocked(process.stderr.write).mockRestore();
});

describe('doctor', () => {
  it('says what is loaded and why, for people and for tools', async () => {
    expect(await runCli(['doctor'])).toBe(0);
    expect(stdout).toMatch(/kernels .*\(the fastest that runs here\)/);
    for (const name of ckks.buildNames) expect(stdout).toContain(` ${name}`);
    stdout = '';
    expect(await runCli(['doctor', '--json'])).toBe(0);
    const diagnosis = JSON.parse(stdout) as Record<string, unknown>;
    expect(Object.keys(diagnosis)).toEqual([
      'machine',
      'availableMemoryBytes',
      'loaded',
      'builds',
      'kernelBuild',
      'advice',
    ]);
    expect(diagnosis.loaded).toMatchObject({ build: expect.any(String), threads: expect.any(Number) });
    expect(diagnosis.machine).toMatchObject({ cores: expect.any(Number), memoryBytes: expect.any(Number) });
  });

  it('names the fix when there was no compiler', async () => {
    vi.mocked(ckks.readBuildReport).mockResolvedValueOnce({
      native: { built: false, reason: 'no C++ compiler (c++, g++, clang++) was found' },
      wasm: { built: true, builds: ['wasm'] },
    });
    expect(await runCli(['doctor'])).toBe(0);
    expect(stdout).toContain('apt-get install g++');
    expect(stdout).toContain('npm run build');
  });

  it('names the fix when the native build was switched off, failed, or was never made', async () => {
    const wasm = { built: true, builds: ['wasm'] };
    const advice = async (report: ckks.BuildReport | undefined) => {
      vi.mocked(ckks.readBuildReport).mockResolvedValueOnce(report);
      stdout = '';
      await runCli(['doctor', '--json']);
      return (JSON.parse(stdout) as { advice: string[] }).advice.join('\n');
    };
    const off = { built: false, reason: 'CIPHERFORMER_NO_NATIVE=1 was set during the build' };
    expect(await advice({ native: off, wasm })).toContain('unset CIPHERFORMER_NO_NATIVE');
    expect(await advice({ native: { built: false, reason: 'g++ failed: no such file' }, wasm })).toContain('CXX=');
  });

  it('where nothing was built: the loader’s own words on native kernels that do not load, or nothing', async () => {
    vi.mocked(ckks.readBuildReport).mockResolvedValue(undefined);
    const scalar = { name: 'scalar', usable: false, reason: 'Cannot find module: npm install x' } as const;
    vi.mocked(ckks.listBuilds).mockResolvedValueOnce([scalar, { name: 'wasm', usable: true }]);
    await runCli(['doctor']);
    expect(stdout).toContain('factor of 4 to 12 (Cannot find module: npm install x)');
    stdout = '';
    vi.mocked(ckks.listBuilds).mockResolvedValueOnce([{ name: 'scalar', usable: true }]);
    await runCli(['doctor', '--json']);
    expect((JSON.parse(stdout) as { advice: string[] }).advice.join()).not.toContain('native');
    vi.mocked(ckks.readBuildReport).mockReset();
  });

  it('ends with 3 and the causes when nothing can be loaded', async () => {
    vi.mocked(ckks.loadKernels).mockRejectedValueOnce(
      new ckks.KernelError('no kernels could be loaded:\n  wasm: gone'),
    );
    expect(await runCli(['doctor', '--json'])).toBe(3);
    const diagnosis = JSON.parse(stdout) as { loaded: unknown; advice: string[] };
    expect(diagnosis.loaded).toBeNull();
    expect(diagnosis.advice[0]).toContain('wasm: gone');
    expect(stderr).toContain('no kernels can be loaded');
  });
});

describe('selftest', () => {
  it('passes on every build of this machine', async () => {
    expect(await runCli(['selftest', '--json'])).toBe(0);
    const report = JSON.parse(stdout) as { passed: boolean; builds: { ran: boolean; results: unknown[] }[] };
    expect(report.passed).toBe(true);
    expect(report.builds).toHaveLength(ckks.buildNames.length);
    expect(report.builds.filter(({ ran }) => ran).every(({ results }) => results.length > 10)).toBe(true);
    expect(stderr).toContain('testing ');
  });

  it('ends with 3 when one known answer is missed', async () => {
    vi.mocked(ckks.selfTest).mockReturnValueOnce([
      { name: 'ntt.forward', passed: false, detail: 'the result’s digest is 1, expected 2' },
    ]);
    expect(await runCli(['selftest'])).toBe(3);
    expect(stdout).toContain('FAILED');
    expect(stdout).toContain('ntt.forward: the result’s digest is 1, expected 2');
  });
});

describe('bench kernels', () => {
  it('prints one JSON object with a line for every operation', async () => {
    const [build] = (await ckks.listBuilds()).filter(({ usable }) => usable);
    const args = ['--quick', '--json', '--log-n', '10', '--threads', '1', '--builds', build!.name];
    expect(await runCli(['bench', 'kernels', ...args])).toBe(0);
    interface Line {
      name: string;
      build: string;
      n: number;
      threads: number;
      wallMs: number;
      cpuMs: number;
      boundMs: number;
      share: number;
    }
    const report = JSON.parse(stdout) as { machine: object; commit: string | null; bounds: string[]; results: Line[] };
    expect(report.machine).toHaveProperty('cpu');
    expect(report.commit === null || /^[0-9a-f]{12}\+?$/.test(report.commit)).toBe(true);
    expect(report.bounds.length).toBeGreaterThanOrEqual(2);
    const names = report.results.map(({ name }) => name);
    for (const name of [
      'ntt.forward',
      'ntt.inverse',
      'ntt.forward.many',
      'pointwise.add',
      'pointwise.multiply',
      'pointwise.multiplyAccumulate',
      'scalar.multiply',
      'tensor',
      'automorphism',
      'sample.uniform',
      'sample.small',
      'rescale',
      'modDown',
      'modUp',
      'keySwitch.innerProduct',
      'keySwitch',
      'encode',
      'decode',
    ]) {
      expect(names).toContain(name);
    }
    expect(new Set(names).size).toBe(names.length);
    for (const line of report.results) {
      expect(line).toMatchObject({ build: build!.name, n: 1024, threads: 1 });
      for (const key of ['wallMs', 'boundMs', 'share'] as const)
        expect(line[key], `${line.name} ${key}`).toBeGreaterThan(0);
      expect(line.cpuMs).toBeGreaterThanOrEqual(0);
    }
    expect(stderr).toContain('bench kernels');
  });

  it.each([
    ['--log-n', '3'],
    ['--log-n', 'many'],
    ['--threads', '0'],
    ['--builds', 'avx1024'],
  ])('ends with 2 for %s %s', async (option, value) => {
    expect(await runCli(['bench', 'kernels', option, value])).toBe(2);
    expect(stderr).toContain(value === 'avx1024' ? 'avx1024' : option);
  });
});
