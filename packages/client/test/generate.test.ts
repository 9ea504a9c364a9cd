// What a server sees of a generation, where it chooses every answer: it has to be the same whatever is decrypted.
import { isCipherformerError } from '@cipherformer/base';
import {
  Context,
  ciphertextToWire,
  Encoder,
  encryptSymmetric,
  Parameters,
  SecretKey,
  sha256,
  wireBytes,
} from '@cipherformer/ckks';
import type { InputPreparation } from '@cipherformer/model';
import {
  type ClientProgram,
  MemoryVerdictLedger,
  outOfRangeStep,
  type ProgramManifest,
  type VerdictLedger,
  VolatilePartMemory,
} from '@cipherformer/runtime/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EnvelopeReader, sealEnvelope } from '../../runtime/src/protocol/envelope.ts';
import { answerMs, generateTokens } from '../src/generate.ts'; // biome-ignore format: short

const accepted = { insecure: true };
const parameters = Parameters.from({ logN: 5, chainBits: [50, 40], specialBits: [50], scaleBits: 40 }, accepted);
const program = 'ab'.repeat(32);
const [slots, width, vocabulary] = [16, 2, 4];
/** Answers have one more number than the client's table has rows; row 3 is too large to be encrypted. */
const outputs = vocabulary + 1;
const manifest = {
  digest: program,
  ...{ slots, batch: 1 },
  inputs: [{ name: 'embedded', level: 1, scale: 2 ** 40, source: [0, 1, slots], factor: 1 }],
  outputs: [{ name: 'logits', slots: [0, 1, outputs], factor: 1, limit: 100, level: 0, scale: 2 ** 40 }],
  generation: {
    ...{ tokens: 8, keptLevel: 0, keptBytes: 0 },
    step: {
      inputs: [{ name: 'embedded', level: 1, scale: 2 ** 40, source: [0, 1, width], factor: 1 }],
      outputs: [{ name: 'logits', slots: [0, 1, outputs], factor: 1, limit: 100, level: 0, scale: 2 ** 40 }],
      cpuSeconds: 1,
    },
  },
  predicted: {},
  model: { name: 'test' },
} as unknown as ProgramManifest;
const preparation: InputPreparation = {
  task: 'language-model',
  graph: { tokens: slots / width },
  preprocess: {
    kind: 'text',
    embedding: { token: { rows: vocabulary, columns: width, values: Float32Array.of(0, 0, 1, 1, 2, 2, 1e38, 1e38) } },
    padding: 0,
  },
};
const client: ClientProgram = { manifest, preparation };

let context: Context;
let secret: SecretKey;
beforeAll(async () => {
  context = await Context.create(parameters, accepted);
  secret = SecretKey.create(context);
});
afterAll(() => {
  secret[Symbol.dispose]();
  context[Symbol.dispose]();
});

/** What a server sees: its requests, and how long after an answer each came. */
interface Seen {
  readonly position: number;
  readonly bytes: number;
  readonly afterMs: number;
}

/** Whoever answers: the k-th answer says `tokens[k]`; undefined: a logit beyond its limit. */
function server(tokens: readonly (number | undefined)[], seen: Seen[]) {
  let answered = performance.now();
  return async (request: Uint8Array<ArrayBuffer>) => {
    const afterMs = performance.now() - answered;
    const chunks = (async function* () { yield request; })(); // biome-ignore format: short
    const { tokens: sent } = await new EnvelopeReader(chunks, 'the request').header({ kind: 'inputs', program });
    const token = tokens[seen.length];
    seen.push({ position: sent?.kind === 'next' ? sent.position : 0, bytes: request.length, afterMs });
    const logits = Array.from({ length: outputs }, (_, k) => (k === token ? 10 : token === undefined ? 200 : 0));
    using plaintext = new Encoder(context).encode(logits, undefined, { level: 0, scale: 2 ** 40, slots });
    const hash = Buffer.from(await sha256(request)).toString('hex');
    const header = { kind: 'outputs', program, key: secret.id, request: hash } as const;
    const result = await wireBytes(await sealEnvelope(header, [ciphertextToWire(encryptSymmetric(secret, plaintext))]));
    answered = performance.now();
    return (async function* () { yield result; })(); // biome-ignore format: short
  };
}

async function generated(
  tokens: readonly (number | undefined)[],
  { ledger = new MemoryVerdictLedger() as VerdictLedger, allowMore = (() => false) as () => boolean, count = 4 } = {},
) {
  const seen: Seen[] = [];
  const owner = { secret, memory: new VolatilePartMemory(), ledger, allowMore };
  const ids: number[] = [];
  const generation = generateTokens(client, owner, [1, 2], server(tokens, seen), { tokens: count });
  try {
    for (;;) {
      const { done, value } = await generation.next();
      if (done) return { seen, ids, reason: value.reason };
      ids.push(value.id);
    }
  } catch (error) {
    return { seen, ids, error };
  }
}

describe('row 2: a generation asks for the steps that it announced, whatever is decrypted', () => {
  const full = { 'in order, at places of their own': [1, 2, 0, 1] };
  const bad = {
    'a token without a row in the table': [1, 4, 1, 1],
    'a token whose row cannot be encrypted': [1, 3, 1, 1],
    'a value out of range': [1, undefined, 1, 1],
  };
  it.each(Object.entries<(number | undefined)[]>({ ...full, ...bad }))('%s', async (name, tokens) => {
    const { seen, ids, error, reason } = await generated(tokens);
    expect(seen.map(({ position }) => position)).toEqual([0, 2, 3, 4]);
    expect(new Set(seen.slice(1).map(({ bytes }) => bytes)).size).toBe(1);
    // Answers are read, or not, in a time that is the same; timers are rounded to a millisecond.
    for (const { afterMs } of seen.slice(1)) expect(afterMs).toBeGreaterThan(answerMs - 2);
    if (name in full) expect({ ids, reason }).toEqual({ ids: tokens, reason: 'length' });
    else if (tokens.includes(undefined)) expect({ ids, reason }).toEqual({ ids: [1], reason: 'out-of-range' });
    else expect(isCipherformerError(error)).toBe(true);
  });

  it('counts that cannot be written end it when all was asked for', async () => {
    const disk = new Error('the disk is full');
    const ledger: VerdictLedger = { load: () => new MemoryVerdictLedger().load(), record: () => Promise.reject(disk) };
    const { seen, ids, error } = await generated([undefined, 1, 1, 1], { ledger });
    expect(error).toBe(disk);
    expect(seen).toHaveLength(4);
    expect(ids).toEqual([]);
  });

  it('the owner is asked before anything is sent, never between two steps', async () => {
    const ledger = new MemoryVerdictLedger();
    await ledger.record({ outOfRange: outOfRangeStep - 1 });
    const asked: number[] = [];
    const allowMore = () => asked.push(0) > 1;
    expect(await generated([1, undefined, 1, 1], { ledger, allowMore })).toMatchObject({ reason: 'out-of-range' });
    expect(asked).toHaveLength(0);
    const refused = await generated([1, 1], { ledger, allowMore });
    expect(refused).toMatchObject({ seen: [], error: { code: 'verdict-limit' } });
    expect((await generated([1, 1], { ledger, allowMore, count: 2 })).seen).toHaveLength(2);
    expect(asked).toHaveLength(2);
  });

  it('another process uses the allowance up meanwhile: told at the end', async () => {
    const ledger = new MemoryVerdictLedger();
    const counted: VerdictLedger = {
      load: () => ledger.load(),
      record: async (entry) => {
        await ledger.record({ outOfRange: outOfRangeStep });
        return ledger.record(entry);
      },
    };
    const { seen, error } = await generated([1, undefined, 1, 1], { ledger: counted, allowMore: () => true });
    expect(seen).toHaveLength(4);
    expect(error).toMatchObject({ code: 'verdict-limit' });
  });
});
