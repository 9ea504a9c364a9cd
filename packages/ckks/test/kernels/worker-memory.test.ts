// What ends, gives back: workers their slabs and rings, the collector forgotten ones, and no slab costs more than was asked.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { selfTestPrimes } from '../../src/kernels/selftest.ts';
import { copyOfPackage, hasAddon, inChild } from './package-copy.ts';

vi.setConfig({ testTimeout: 300_000 }); // processes and workers of their own, on a busy machine

const onLinux = process.platform === 'linux' && hasAddon;
const mib = 2 ** 20;

/** resident(): bytes of memory that the process occupies. */
const measuring = `
  const { readFileSync } = await import('node:fs');
  const resident = () => Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[1]) * 4096;
  const { Slab } = kernels;`;

/** Workers with 80 MiB of slabs and a ring each, that end in three ways; secrets are written at the posted addresses. */
const workers = `
  const { openSync, readSync } = await import('node:fs');
  const { Worker } = await import('node:worker_threads');
  const source = \`
    import { parentPort } from 'node:worker_threads';
    import { loadKernels, Slab, Op } from '\${kernelsUrl}';
    const k = await loadKernels({ build: 'scalar', threads: 1 });
    globalThis.kept = [k.call(Op.ringCreate, 13, ${JSON.stringify(selfTestPrimes)})];
    const slab = (words, secret) => {
      const slab = new Slab(k, words, secret);
      slab.wordsView().fill(0x5ec4e75ec4e75ec4n);
      globalThis.kept.push(slab);
      return slab.address();
    };
    for (let i = 0; i < 10; i++) slab(2 ** 20, i % 2 === 0);
    const secrets = [];
    for (const words of [8, 100, 500, 5000, 2 ** 16, 2 ** 19])
      for (let i = 0; i < 4; i++) secrets.push([slab(words, true), words]);
    parentPort.postMessage(secrets);
    await new Promise((resolve) => setTimeout(resolve, 10));
  \`;
  const ways = {
    returns: '',
    exits: 'process.exit(0);',
    throws: 'throw new Error("on purpose");',
    terminates: 'setInterval(() => {}, 1000);',
  };
  const run = async (way) => {
    const url = new URL('data:text/javascript,' + encodeURIComponent(source + ways[way]));
    const worker = new Worker(url, { stderr: true });
    worker.on('error', () => {});
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    const secrets = await new Promise((resolve) => worker.once('message', resolve));
    if (way === 'terminates') await worker.terminate();
    await ended;
    return secrets;
  };
  const memory = openSync('/proc/self/mem', 'r');
  const secretWordsAt = (address, words) => {
    const bytes = Buffer.alloc(8 * words);
    try {
      readSync(memory, bytes, 0, bytes.length, address);
    } catch {
      return 0; // the system has it back
    }
    return new BigUint64Array(bytes.buffer, bytes.byteOffset, words).filter((word) => word === 0x5ec4e75ec4e75ec4n).length;
  };`;

describe.runIf(onLinux)('row 14: a worker that ends', () => {
  it('leaves neither memory nor secrets, however it ends', () => {
    const dir = copyOfPackage(['kernels.node']);
    const ways = [
      'returns',
      'exits',
      'throws',
      'terminates',
      'returns',
      'exits',
      'throws',
      'terminates',
      'exits',
      'throws',
    ];
    const body = `
      ${measuring}
      const kernelsUrl = '${pathToFileURL(join(dir, 'src/kernels/index.js')).href}';
      ${workers}
      const k = await kernels.loadKernels({ build: 'scalar', threads: 1 });
      const mine = new Slab(k, 2 ** 17, true);
      mine.wordsView().fill(1n);
      for (let i = 0; i < 3; i++) await run('returns');
      const [before, held] = [resident(), k.memory()];
      const secrets = [];
      for (const way of ${JSON.stringify(ways)}) secrets.push(...(await run(way)));
      const [after, left] = [resident(), k.memory()];
      return {
        residentMiB: (after - before) / 2 ** 20,
        heldMiB: (left.bytes - held.bytes) / 2 ** 20,
        cachedMiB: left.cachedBytes / 2 ** 20,
        secretWords: secrets.reduce((sum, [address, words]) => sum + secretWordsAt(address, words), 0),
        mine: mine.wordsView().every((word) => word === 1n),
      };`;
    const left = inChild(dir, body).ok as { residentMiB: number; cachedMiB: number };
    expect(left).toMatchObject({ heldMiB: 0, secretWords: 0, mine: true });
    expect(left.residentMiB).toBeLessThan(8);
    expect(left.cachedMiB).toBeLessThan(4);
  });
});

describe.runIf(onLinux)('row 14: memory outside the heap', () => {
  it('900 forgotten results do not pile up, without anybody asking for a collection', () => {
    const body = `
      ${measuring}
      const k = await kernels.loadKernels({ build: 'scalar', threads: 1 });
      let most = 0;
      for (let i = 0; i < 900; i++) {
        new Slab(k, 2 ** 18); // no view of it: that is memory that the engine would see
        most = Math.max(most, k.memory().bytes);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      return most / 2 ** 20;`;
    expect(inChild(copyOfPackage(['kernels.node']), body).ok).toBeLessThan(1000);
  });

  it.each([
    [1000, 8000],
    [300, 100_000],
    [200, mib / 2],
    [60, 1.25 * mib],
    [40, 2.5 * mib],
    [10, 13.5 * mib],
  ])('%i slabs of %i bytes cost what was asked for, or an eighth more', (count, bytes) => {
    const body = `
      ${measuring}
      const k = await kernels.loadKernels({ build: 'scalar', threads: 1 });
      const slabs = [];
      new Slab(k, 1024).wordsView().fill(1n);
      const [before, held] = [resident(), k.memory().bytes];
      for (let i = 0; i < ${count}; i++) {
        const slab = new Slab(k, ${bytes / 8});
        slab.wordsView().fill(1n);
        slabs.push(slab);
      }
      return [(resident() - before) / (${count * bytes}), (k.memory().bytes - held) / (${count * bytes})];`;
    const [resident, held] = inChild(copyOfPackage(['kernels.node']), body).ok as [number, number];
    expect(held).toBeLessThan(1.13);
    // The engine's heap grows a little meanwhile.
    expect(resident).toBeLessThan(1.13 + (6 * mib) / (count * bytes));
  });
});
