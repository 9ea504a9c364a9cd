// The loader in a process of its own: another package folder, other engine flags, the garbage collector.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildNames } from '../../src/kernels/index.ts';
import { platformPackage } from '../../src/kernels/places.ts';
import { copyOfPackage, hasAddon, inChild, packageDir, wasmFiles } from './package-copy.ts';

const node20 = process.versions.v8.startsWith('11.');

const load = 'return (await kernels.loadKernels({ threads: 1 })).build;';

describe('without the native addon', () => {
  let dir: string;
  beforeAll(() => {
    dir = copyOfPackage(wasmFiles, 'checkout');
  });

  it('loads WebAssembly, and says how to get native kernels', () => {
    expect(inChild(dir, load).ok).toBe(node20 ? 'wasm' : 'wasm-relaxed');
    const builds = inChild(dir, 'return kernels.listBuilds();').ok as {
      name: string;
      usable: boolean;
      reason?: string;
    }[];
    expect(builds.map(({ name }) => name)).toEqual([...buildNames]);
    for (const name of ['ifma', 'fma', 'scalar']) {
      const build = builds.find((b) => b.name === name);
      expect(build?.usable).toBe(false);
      expect(build?.reason).toContain('install a C++ compiler');
    }
  });

  it('passes the self-test there', () => {
    const body = 'return kernels.selfTest(await kernels.loadKernels()).filter(({ passed }) => !passed);';
    expect(inChild(dir, body)).toEqual({ ok: [] });
  });

  it.runIf(node20)('uses relaxed SIMD when the engine is told to have it', () => {
    const flags = ['--experimental-wasm-relaxed-simd'];
    expect(inChild(dir, load, { flags }).ok).toBe('wasm-relaxed');
    const body = 'return kernels.selfTest(await kernels.loadKernels()).filter(({ passed }) => !passed);';
    expect(inChild(dir, body, { flags })).toEqual({ ok: [] });
  });

  it('answers a wish for native kernels with a typed error that has the fix', () => {
    const { error } = inChild(dir, load, { env: { CIPHERFORMER_KERNELS: 'ifma' } });
    expect(error?.name).toBe('KernelError');
    expect(error?.message).toContain('install a C++ compiler');
  });
});

describe('what else may be missing', () => {
  it('all kernels: one typed error that lists every cause', () => {
    const { error } = inChild(copyOfPackage([], 'checkout'), load);
    expect(error?.name).toBe('KernelError');
    for (const name of buildNames) expect(error?.message).toContain(`  ${name}: `);
    expect(error?.message).toContain('npm run build');
  });

  it('half of the addon, or of a WebAssembly file: the next build is used', () => {
    const dir = copyOfPackage(wasmFiles);
    writeFileSync(join(dir, 'build/kernels.node'), 'not an addon');
    expect(inChild(dir, load).ok).toMatch(/^wasm/);
    writeFileSync(join(dir, 'build/kernels-wasm.wasm'), 'not WebAssembly');
    const { error } = inChild(dir, load, { env: { CIPHERFORMER_KERNELS: 'wasm' } });
    expect(error?.name).toBe('KernelError');
    expect(error?.message).toContain('damaged');
  });

  it('a WebAssembly module that the caller brings and that is none', () => {
    const { error } = inChild(copyOfPackage([]), 'await kernels.loadKernels({ wasm: new Uint8Array([0, 97, 115]) });');
    expect(error?.name).toBe('KernelError');
  });

  it('nothing, when the caller brings the module', () => {
    const dir = copyOfPackage([]);
    const file = JSON.stringify(join(packageDir, 'build/kernels-wasm.wasm'));
    const body = `
      const { readFile } = await import('node:fs/promises');
      return (await kernels.loadKernels({ wasm: await readFile(${file}) })).build;`;
    expect(inChild(dir, body).ok).toBe('wasm');
  });

  it('the build that was asked for, misspelt', () => {
    const { error } = inChild(copyOfPackage([]), load, { env: { CIPHERFORMER_KERNELS: 'avx1024' } });
    expect(error?.name).toBe('KernelError');
    expect(error?.message).toContain('choose one of ifma, fma, scalar, wasm-relaxed, wasm');
  });

  it('a thread count that is none', () => {
    const { error } = inChild(copyOfPackage(wasmFiles), 'return (await kernels.loadKernels()).build;', {
      env: { CIPHERFORMER_THREADS: 'many' },
    });
    expect(error?.name).toBe('KernelError');
  });
});

describe.runIf(platformPackage())('the package of this platform', () => {
  const name = platformPackage()!;

  /** Puts a package with that file as its addon beside what a copy depends on. */
  function addPackage(dir: string, addon: string | Buffer): void {
    const folder = join(dir, 'node_modules', name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"main":"kernels.node"}');
    writeFileSync(join(folder, 'kernels.node'), addon);
  }

  it.runIf(hasAddon)('gives the native kernels where none were built', () => {
    const dir = copyOfPackage(wasmFiles);
    addPackage(dir, readFileSync(join(packageDir, 'build/kernels.node')));
    expect(['ifma', 'fma', 'scalar']).toContain(inChild(dir, load).ok);
  });

  it('is asked after what was built; both reasons and the line that installs it are told', () => {
    const dir = copyOfPackage(wasmFiles);
    writeFileSync(join(dir, 'build/kernels.node'), 'not an addon');
    addPackage(dir, 'nor this');
    const { error } = inChild(dir, load, { env: { CIPHERFORMER_KERNELS: 'scalar' } });
    expect(error?.message).toMatch(/own build: .*build\/kernels\.node/);
    expect(error?.message).toMatch(new RegExp(`${name}: .*node_modules`));
    expect(error?.message).toContain(`npm install ${name}@1.2.3`);
    expect(inChild(dir, load).ok).toMatch(/^wasm/);
  });
});

it('platforms without a package are told so', () => {
  expect(platformPackage({ platform: 'linux', arch: 'arm64' })).toBe('@cipherformer/ckks-linux-arm64-gnu');
  expect(platformPackage({ platform: 'darwin', arch: 'arm64' })).toBeUndefined();
});

describe('a build chosen by the environment', () => {
  it.runIf(hasAddon).each(['scalar', 'wasm'])('%s', (build) => {
    const dir = copyOfPackage([...wasmFiles, 'kernels.node']);
    expect(inChild(dir, load, { env: { CIPHERFORMER_KERNELS: build } }).ok).toBe(build);
  });
});

describe('memory', () => {
  it.each(hasAddon ? ['scalar', 'wasm'] : ['wasm'])(
    'that nobody released comes back with the garbage collector (%s)',
    (build) => {
      const dir = copyOfPackage([...wasmFiles, ...(hasAddon ? ['kernels.node'] : [])]);
      const body = `
      const k = await kernels.loadKernels({ build: '${build}', threads: 1 });
      const kept = new kernels.Slab(k, 1000);
      (() => { for (let i = 0; i < 20; i++) new kernels.Slab(k, 1 << 16); })();
      const before = k.memory().slabs;
      for (let i = 0; i < 100 && k.memory().slabs > 1; i++) {
        globalThis.gc();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      const after = k.memory().slabs;
      kept.release();
      return [before, after, k.memory().slabs];`;
      expect(inChild(dir, body, { flags: ['--expose-gc'] })).toEqual({ ok: [21, 1, 0] });
    },
  );

  it('WebAssembly that runs out of its 4 GiB says so', () => {
    const body = `
      const k = await kernels.loadKernels({ build: 'wasm' });
      const slabs = [];
      for (let i = 0; i < 40; i++) slabs.push(new kernels.Slab(k, 2 ** 24));
      return slabs.length;`;
    const { error } = inChild(copyOfPackage(wasmFiles), body);
    expect(error?.name).toBe('MemoryError');
    expect(error?.message).toContain('128.0 MiB');
  });
});
