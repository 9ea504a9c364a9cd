import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeProgram } from '@cipherformer/compiler';
import { evaluate, prepareInput } from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { insecureCli as cli } from '../commands/cli.ts';
import { insecureParameters, tinyModel } from '../commands/tiny-model.ts';
import { png } from '../input/png.ts';
import { bundled, startInsecure, startProcess } from './support.ts';

type Running = Awaited<ReturnType<typeof startInsecure>>;
type Started = Awaited<ReturnType<typeof startProcess>>;

const images = [37, 91].map((step) => Array.from({ length: 16 }, (_, i) => (i * step) % 256)) as [number[], number[]];
const model = tinyModel(3);

/** The logits in clear. */
export const clear = (input: Parameters<typeof prepareInput>[1]) => [
  ...evaluate(model.graph, prepareInput(model, input)),
];
export const best = (logits: readonly number[]) => ['cat', 'dog', 'bird'][logits.indexOf(Math.max(...logits))]!;

/** For a file of tests: two programs, two images, keys in "keys", and services that the end of a test stops. */
export function queryFixture() {
  const folder = mkdtempSync(join(tmpdir(), 'query-'));
  const at = (name: string) => join(folder, name);
  const running: { dispose(): Promise<void> }[] = [];
  let files: Awaited<ReturnType<typeof bundled>>;

  beforeAll(async () => {
    files = await bundled();
    savePolynomialModel(at('model'), model);
    await writeProgram(at('model'), at('program'), {}, insecureParameters());
    await writeProgram(at('model'), at('pairs'), { batch: 2 }, insecureParameters());
    for (const [i, image] of images.entries()) writeFileSync(at(['digit.png', 'other.png'][i]!), png(4, 4, 1, image));
    await cli('keygen', at('program'), '--out', at('keys'));
  }, 60_000);
  afterEach(async () => {
    for (const one of running.splice(0)) await one.dispose();
  });
  afterAll(() => {
    files?.dispose();
    rmSync(folder, { recursive: true });
  });

  const partsIn = (data: string) => at(`${data}/parts/local`);
  const partsOf = (data: string) => (existsSync(partsIn(data)) ? readdirSync(partsIn(data)) : []);
  return {
    folder,
    at,
    images,
    pixels: images[0],
    /** A service on a data folder of its own. */
    async start(data: string, options: Partial<Parameters<typeof startInsecure>[1]> = {}): Promise<Running & { url: string }> {
      const started = await startInsecure(files.worker, { folders: [at('program')], data: at(data), ...options });
      running.push({ dispose: () => started.service.close() });
      return { ...started, url: started.service.url };
    },
    /** A service in a process of its own, to be killed; `restart` starts it again, at the same address. */
    async startProcess(options: Omit<Parameters<typeof startProcess>[1], 'folders'>) {
      const all = { folders: [at('program')], ...options };
      let server: Started = await startProcess(files, all);
      running.push({ dispose: () => server.kill() });
      const { url } = server;
      const port = Number(new URL(url).port);
      return {
        url,
        kill: () => server.kill(),
        restart: async () => {
          server = await startProcess(files, { ...all, port });
        },
      };
    },
    ask: (url: string, keys: string, ...more: string[]) =>
      cli('query', url, '--keys', at(keys), '--image', at('digit.png'), ...more),
    partsIn,
    partsOf,
    timesOf: (data: string) => new Map(partsOf(data).map((name) => [name, statSync(join(partsIn(data), name)).mtimeMs])),
  };
} // biome-ignore format: short
