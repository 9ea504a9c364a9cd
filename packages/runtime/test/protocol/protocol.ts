// Client and server of one small program on an insecure ring, for tests of what a client accepts.
import { BootstrapPlan, type Ciphertext, type Context, Parameters, type WireObject } from '@cipherformer/ckks';
import { runCkks } from '../../src/backends/ckks.ts';
import { decryptOutputs, encryptInputs } from '../../src/client/encrypt.ts';
import { MemoryVerdictLedger, type VerdictOptions } from '../../src/client/verdicts.ts';
import { planProgram } from '../../src/keys/planned-program.ts';
import type { EncryptedProgram } from '../../src/program/instructions.ts';
import { makeManifest } from '../../src/protocol/make-manifest.ts';
import type { ProgramManifest } from '../../src/protocol/manifest.ts';
import type { RequestDescription } from '../../src/protocol/request.ts';
import { outputsFile, readInputs } from '../../src/server/server.ts';
import { insecureLiteral, Machine, programOf } from '../backends/support.ts';

/** x^2 of an input at this level, and x^4 where levels suffice. */
export function squares(level: number): EncryptedProgram {
  return programOf(
    [level],
    [
      { op: 'multiply', source: 'test', level, left: 0, right: 0, output: 1 },
      { op: 'multiply', source: 'test', level: level - 1, left: 1, right: 1, output: 2 },
    ],
    [1, 2],
  );
}

/** An image of one patch, all of it one value. */
export const testModel: ProgramManifest['model'] = {
  name: 'test',
  task: 'image-classification',
  tokens: 1,
  preprocess: {
    kind: 'image',
    patches: {
      channels: 1, height: 1, width: 1, patch: 1, stride: 1, padding: 0, order: 'channel-first', classToken: false,
    }, // biome-ignore format: short
    normalise: { mean: [0], deviation: [1] },
  },
};

export function manifestOf(program: EncryptedProgram, digest = 'ab'.repeat(32), batch = 1): ProgramManifest {
  return makeManifest({
    digest,
    planned: planProgram(program, new BootstrapPlan(Parameters.from(insecureLiteral, { insecure: true }))),
    predicted: { cpuSeconds: 1, peakBytes: 1, bootstraps: 0, instructions: 1 },
    batch,
    model: testModel,
    files: {},
  });
}

export class Protocol implements Disposable {
  readonly program: EncryptedProgram;
  readonly manifest: ProgramManifest;
  readonly machine: Machine;

  constructor(context: Context, program: EncryptedProgram, manifest = manifestOf(program)) {
    this.program = program;
    this.manifest = manifest;
    this.machine = new Machine(context, program);
  }

  get key(): string {
    return this.machine.secret.id;
  }

  /** Encrypts examples, runs honestly, and gives what went over the line. */
  async ask(...examples: readonly Float64Array[]): Promise<{ request: RequestDescription; result: Uint8Array }> {
    const file = await encryptInputs(this.machine.secret, this.manifest, examples.map((a) => ({ a }))); // biome-ignore format: one call
    const sent = await bytesOf(file);
    const { inputs, request } = await readInputs(this.machine.context, this.manifest, this.key, from(sent), 'in');
    using run = await runCkks(this.machine.server, this.machine.planned, inputs);
    for (const input of inputs) input[Symbol.dispose]();
    return { request: file.request, result: await this.seal(request, run.outputs) };
  }

  /** What a server writes that runs this program's protocol, of any ciphertexts. */
  async seal(request: string, outputs: readonly Ciphertext[]): Promise<Uint8Array> {
    return bytesOf(await outputsFile(this.manifest, this.key, { request }, outputs));
  }

  decrypt(
    request: RequestDescription,
    result: Uint8Array,
    { manifest = this.manifest, ...verdicts }: Partial<VerdictOptions> & { manifest?: ProgramManifest } = {},
  ) {
    const options = { ledger: new MemoryVerdictLedger(), ...verdicts };
    return decryptOutputs(this.machine.secret, manifest, request, from(result), 'the result', options);
  }

  [Symbol.dispose](): void {
    this.machine[Symbol.dispose]();
  }
}

export async function bytesOf(object: WireObject): Promise<Uint8Array> {
  const frames: Uint8Array[] = [];
  for await (const frame of object) frames.push(frame.slice());
  return new Uint8Array(Buffer.concat(frames));
}

/** Bytes as a source, in chunks. */
export async function* from(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}
