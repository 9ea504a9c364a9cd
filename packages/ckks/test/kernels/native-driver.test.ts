// The built addon without JavaScript, where single requests for memory can be refused: test/native/driver.cpp.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileDriver, findCompiler } from '../../scripts/native-build.mjs';
import { Op } from '../../src/kernels/index.ts';
import { hasAddon, packageDir } from './package-copy.ts';
import { builds } from './support.ts';

const native = builds.filter((build) => !build.startsWith('wasm'));
const compiler = process.platform === 'linux' && hasAddon ? findCompiler() : undefined;

it('row 6: the driver calls every operation, but the one that only measures the processor', () => {
  const source = readFileSync(join(packageDir, 'test/native/bench.hpp'), 'utf8');
  const called = new Set(
    Array.from(source.matchAll(/cf::k(\w)(\w*)/g), ([, first, rest]) => first!.toLowerCase() + rest),
  );
  expect(Object.keys(Op).filter((name) => !called.has(name))).toEqual(['measureMultiplies']);
});

describe.runIf(compiler !== undefined)('the addon, driven from C++', () => {
  let work: string;
  const drive = (mode: string, build: string) =>
    execFileSync(join(work, 'driver'), [mode, build], { encoding: 'utf8' }).trim();

  beforeAll(async () => {
    work = mkdtempSync(join(tmpdir(), 'cipherformer-driver-'));
    await compileDriver(compiler!, join(packageDir, 'build/kernels.node'), join(work, 'driver'));
  }, 120_000);
  afterAll(() => rmSync(work, { recursive: true, force: true }));

  it('gives the same results in every build, with any number of threads', () => {
    expect(new Set(native.map((build) => drive('answers', build))).size).toBe(1);
  });

  it.each(native)('row 6: each single request for memory, and for a thread, may be refused (%s)', (build) => {
    // Every operation allocates something, most of them more than once, with one thread and with three.
    expect(Number(/^(\d+) refusals$/.exec(drive('faults', build))?.[1])).toBeGreaterThan(500);
  });

  it.each(native)('row 14: the end of an environment erases secrets and returns slabs and rings (%s)', (build) => {
    expect(drive('end', build)).toBe('nothing is left');
  });
});
