// What a service sees of a question that takes several requests: it has to be the same whatever was decrypted.
import { ciphertextToWire, Encoder, encryptSymmetric, SecretKey, sha256, wireBytes } from '@cipherformer/ckks';
import { MemoryVerdictLedger, outOfRangeStep, VolatilePartMemory } from '@cipherformer/runtime/client';
import { describe, expect, it } from 'vitest';
import { sealEnvelope } from '../../runtime/src/protocol/envelope.ts';
import { mapOf } from '../../runtime/src/protocol/manifest.ts';
import { accepted, linearManifest } from '../../runtime/test/protocol/manifest-support.ts';
import { ServiceSession } from '../src/session.ts';
import type { Transport } from '../src/transport.ts';
import { job, keyset } from './support.ts';

/** A linear classifier of pictures of one pixel and eight channels. */
function clientHalf() {
  const manifest = linearManifest();
  const [input] = manifest.inputs;
  const patches = { ...(manifest.model.preprocess as { patches: object }).patches, channels: 8 };
  const normalise = { mean: Array(8).fill(0), deviation: Array(8).fill(1) };
  const model = { ...manifest.model, preprocess: { kind: 'image', patches, normalise } };
  return { ...manifest, inputs: [{ ...input, name: 'patches' }], model } as typeof manifest;
}

/** A service whose answers are all out of range, and what it sees: requests, and results that were taken. */
function serviceOf(manifest: ReturnType<typeof clientHalf>, events: string[]) {
  const results: Uint8Array<ArrayBuffer>[] = [];
  const state: { session?: ServiceSession; secret?: SecretKey } = {};
  const transport = {
    programs: async () => [{ digest: manifest.digest, plan: manifest.keys.plan, summary: {} }],
    clientFile: async () => new TextEncoder().encode(JSON.stringify(manifest)),
    openKeyset: async () => ({ ...keyset, state: 'ready' }),
    submit: async (_: string, __: string, request: Uint8Array<ArrayBuffer>) => {
      events.push('request');
      const hash = Buffer.from(await sha256(request)).toString('hex');
      const header = { kind: 'outputs', program: manifest.digest, key: state.secret!.id, request: hash } as const;
      const { slots } = manifest;
      const files = manifest.outputs.map(({ level, scale, limit, factor, slots: read }) => {
        const values = new Float64Array(slots);
        for (const slot of mapOf(read, slots, 'the output')) values[slot] = (2 * limit) / factor;
        using plaintext = new Encoder(state.session!.context).encode(values, undefined, { level, scale, slots });
        return ciphertextToWire(encryptSymmetric(state.secret!, plaintext));
      });
      results.push(await wireBytes(await sealEnvelope(header, files)));
      return { ...job, id: `${results.length - 1}` };
    },
    events: async function* (id: string) {
      yield { ...job, id, state: 'done' };
    },
    result: async (id: string) => results[Number(id)]!,
    acknowledge: async () => void events.push('taken'),
  };
  return { transport: transport as unknown as Transport, state };
}

describe('row 2: a verdict keeps back no request', () => {
  it('of several, all are asked and answered before the first one is decrypted', async () => {
    const manifest = clientHalf();
    const events: string[] = [];
    const { transport, state } = serviceOf(manifest, events);
    const session = await ServiceSession.open(transport, accepted);
    using secret = SecretKey.create(session.context);
    Object.assign(state, { session, secret });
    const ledger = new MemoryVerdictLedger();
    // The second example out of range is one too many.
    await ledger.record({ outOfRange: outOfRangeStep - 1 });
    const record = ledger.record.bind(ledger);
    ledger.record = (entry) => {
      events.push('counted');
      return record(entry);
    };
    const allowMore = () => void events.push('asked') === undefined && false;
    const owner = { secret, memory: new VolatilePartMemory(), ledger, allowMore };
    const pictures = [1, 2, 3].map((value) => ({ pixels: new Uint8Array(8).fill(value) }));
    await expect(session.ask(owner, pictures)).rejects.toMatchObject({ code: 'verdict-limit' });
    const each = ['request', 'taken'];
    expect(events).toEqual([...each, ...each, ...each, 'counted', 'asked']);
    session.close();
  });
});

describe('of several programs', () => {
  const manifest = clientHalf();
  const { transport } = serviceOf(manifest, []);
  const digits = { digest: manifest.digest, plan: manifest.keys.plan, summary: { name: 'digits', task: 'image-classification' } }; // biome-ignore format: a line
  const headlines = { digest: 'f'.repeat(64), plan: 'f'.repeat(64), summary: { name: 'headlines', task: 'text-classification' } }; // biome-ignore format: a line
  const served = { ...transport, programs: async () => [digits, headlines] } as unknown as Transport;
  const opened = async (choice: { readonly program?: string; readonly takes?: 'image' | 'text' }) => {
    const session = await ServiceSession.open(served, { ...choice, ...accepted });
    session.close();
    return session.program.digest;
  };

  it('one is asked by its name, its digest, or by what it takes', async () => {
    expect(await opened({ program: 'digits' })).toBe(digits.digest);
    expect(await opened({ program: digits.digest.slice(0, 12) })).toBe(digits.digest);
    expect(await opened({ takes: 'image' })).toBe(digits.digest);
    expect(await opened({ program: 'digits', takes: 'text' })).toBe(digits.digest);
    // The other one was chosen, and the half that comes is not its own.
    await expect(opened({ takes: 'text' })).rejects.toThrow('under the name of another');
    await expect(opened({ program: 'headlines' })).rejects.toThrow('under the name of another');
  });

  it('none is guessed', async () => {
    await expect(opened({})).rejects.toThrow(/several programs: choose one of .*digits.*headlines/);
    await expect(opened({ program: 'films' })).rejects.toThrow(/no program .* films/);
  });
});
