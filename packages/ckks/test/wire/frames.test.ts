import { bytesToHex } from '@noble/hashes/utils.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Encoder,
  KeyGenerator,
  parametersToWire,
  plaintextToWire,
  type SwitchingKey,
  switchingKeyFromWire,
  switchingKeyToWire,
  wireBytes,
} from '../../src/index.ts';
import { sha256 } from '../../src/wire/checksum.ts';
import { contextOf, failure, sameKey, secretOf, tiny } from './support.ts';

describe('an object of several frames', () => {
  const context = contextOf({
    logN: 13,
    chainBits: Array<number>(24).fill(50),
    specialBits: [50, 50],
    scaleBits: 40,
  });
  let key: SwitchingKey;
  const frames: Uint8Array[] = [];
  beforeAll(async () => {
    using secret = secretOf(context);
    key = new KeyGenerator(secret).rotation(1);
    for await (const frame of switchingKeyToWire(key)) frames.push(frame);
  });
  afterAll(() => {
    key[Symbol.dispose]();
    context[Symbol.dispose]();
  });

  it('has frames of at most 8 MiB with whole limbs', async () => {
    expect(frames.length).toBe(3);
    expect(Math.max(...frames.map((frame) => frame.length))).toBeLessThanOrEqual(2 ** 23);
    // The second one is full: a limb more would be too much.
    expect(frames[1]!.length + (2 ** 13 * 50) / 8).toBeGreaterThan(2 ** 23);
    using back = await switchingKeyFromWire(context, frames);
    sameKey(key, back);
  });

  it('is refused with frames missing, repeated, exchanged, or of another object', async () => {
    const [header, first, last] = frames as [Uint8Array, Uint8Array, Uint8Array];
    const read = async (list: Uint8Array[]) => (await failure(switchingKeyFromWire(context, list))).message;
    expect(await read([header, first])).toMatch(/incomplete/);
    expect(await read([header, last])).toMatch(/carries number 2: parts are missing or out of order/);
    expect(await read([header, first, first])).toMatch(/carries number 1/);
    expect(await read([header, first, last, last])).toMatch(/more bytes after the end/);
    using secret = secretOf(context);
    using twin = new KeyGenerator(secret).rotation(1);
    const others: Uint8Array[] = [];
    for await (const frame of switchingKeyToWire(twin)) others.push(frame);
    expect(await read([header, first, others[2]!])).toMatch(/part 2 of 2 .*wrong checksum/);
  });
});

describe('format version 1 of objects without keys', () => {
  it('is what it was: parameters, byte by byte', async () => {
    expect(bytesToHex(await wireBytes(parametersToWire(tiny.parameters)))).toBe(
      '894346570d0a1a0a010001000b000000000000000000000041cfbb22c8ecafdf1a19ce1bbd552554dda5bbe957240a26b7285eae7efec609051e00040232281428323292d78610d7f80c61a66b74be9a6e8a91ff087d2d53f32507b3c2b36490c66ece',
    );
  });

  it('is what it was: packed residues', async () => {
    using plaintext = new Encoder(tiny).encode([0.5, -0.25], [0.125], { level: 2, scale: 2 ** 20 });
    expect(bytesToHex(await sha256(await wireBytes(plaintextToWire(plaintext))))).toBe(
      'ca957513fe44ffd58e9fa89f131a8fe949dc5e0ec4aac6debfe131a72d27c75e',
    );
  });
});
