import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxMissingBatch } from '../src/protocol.ts';
import type { Transport } from '../src/transport.ts';
import { type UploadPart, type UploadProgress, uploadParts } from '../src/upload.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const partOf = (n: number, length = 4) => {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(0, n);
  return { sha256: sha256(bytes), bytes };
};

/** A service in memory that counts what is asked of it. */
function fakeService(has: Iterable<string> = [], putMs = 0) {
  const kept = new Set(has);
  const counts = { questions: 0, largestQuestion: 0, puts: 0, inFlight: 0, mostInFlight: 0 };
  const transport = {
    missing: async (_: string, digests: readonly string[]) => {
      counts.questions++;
      counts.largestQuestion = Math.max(counts.largestQuestion, digests.length);
      expect(new Set(digests).size).toBe(digests.length);
      return digests.filter((one) => !kept.has(one));
    },
    putPart: async (_: string, digest: string, bytes: Uint8Array) => {
      counts.puts++;
      counts.mostInFlight = Math.max(counts.mostInFlight, ++counts.inFlight);
      await new Promise((resolve) => setTimeout(resolve, putMs));
      counts.inFlight--;
      expect(sha256(bytes)).toBe(digest);
      kept.add(digest);
    },
  };
  return { kept, counts, transport: transport as unknown as Transport };
}

describe('uploads', () => {
  it('send what is missing once, two at a time, whatever is there', async () => {
    const numbers = fc.array(fc.nat(30), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(numbers, fc.array(fc.nat(30)), fc.boolean(), async (sent, there, lazy) => {
        const service = fakeService(there.map((n) => partOf(n).sha256));
        const before = new Set(service.kept);
        const parts: UploadPart[] = sent.map((n) => {
          const { sha256, bytes } = partOf(n);
          return { sha256, bytes: lazy ? async () => bytes : bytes };
        });
        let last: UploadProgress = { what: 'keys', done: 0, total: 0, sentParts: 0, sentBytes: 0 };
        const digests = await uploadParts(service.transport, 'k', parts, {
          progress: (now) => {
            expect(now.done).toBeGreaterThanOrEqual(last.done);
            expect(now.done).toBeLessThanOrEqual(now.total);
            last = now;
          },
        });
        expect(digests).toEqual(parts.map(({ sha256 }) => sha256));
        const needed = new Set(digests.filter((one) => !before.has(one)));
        expect(service.counts.puts).toBe(needed.size);
        expect(service.counts.mostInFlight).toBeLessThanOrEqual(2);
        for (const one of digests) expect(service.kept.has(one)).toBe(true);
        expect(last).toEqual({
          what: 'keys',
          done: sent.length,
          total: sent.length,
          sentParts: needed.size,
          sentBytes: 4 * needed.size,
        });
      }),
      { numRuns: 100 },
    );
  });

  it('hold few parts in memory: the next are made when those before are gone', async () => {
    const service = fakeService([], 2);
    let made = 0;
    let mostAhead = 0;
    async function* parts() {
      for (; made < 20; made++) {
        mostAhead = Math.max(mostAhead, made - service.kept.size);
        yield partOf(made, 8 * 2 ** 20);
      }
    }
    await uploadParts(service.transport, 'k', parts());
    expect(service.counts.mostInFlight).toBe(2);
    // Two wait, two are sent, one is being made.
    expect(mostAhead).toBeLessThanOrEqual(5);
  });

  it('ask for many at once when they cost nothing to hold', async () => {
    const parts = Array.from({ length: 2500 }, (_, n) => ({
      ...partOf(n),
      bytes: () => expect.unreachable() as never,
    }));
    const service = fakeService(parts.map((one) => one.sha256));
    await uploadParts(service.transport, 'k', parts);
    expect(service.counts).toMatchObject({ questions: 3, largestQuestion: maxMissingBatch, puts: 0 });
  });

  it('stop at the first error, when nothing is under way, and end the source', async () => {
    const service = fakeService([], 5);
    const failing = { ...service.transport, missing: service.transport.missing } as unknown as {
      putPart: Transport['putPart'];
      missing: Transport['missing'];
    };
    const put = service.transport.putPart;
    let count = 0;
    failing.putPart = async (...args) => {
      if (++count === 3) throw new Error('no room');
      await put(...args);
    };
    let ended = false;
    async function* parts() {
      try {
        for (let n = 0; n < 100; n++) yield partOf(n, 8 * 2 ** 20);
      } finally {
        ended = true;
      }
    }
    await expect(uploadParts(failing as unknown as Transport, 'k', parts())).rejects.toThrow('no room');
    expect(service.counts.inFlight).toBe(0);
    expect(count).toBeLessThan(8);
    expect(ended).toBe(true);
  });

  it('stop at the signal, and reject with what the source throws', async () => {
    const stop = new AbortController();
    const service = fakeService([], 5);
    async function* parts() {
      for (let n = 0; ; n++) {
        if (n === 10) stop.abort(new Error('enough'));
        yield partOf(n, 8 * 2 ** 20);
      }
    }
    await expect(uploadParts(service.transport, 'k', parts(), { signal: stop.signal })).rejects.toThrow('enough');
    expect(service.counts.inFlight).toBe(0);
    async function* broken(): AsyncGenerator<UploadPart> {
      yield partOf(1, 16 * 2 ** 20);
      throw new Error('no keys');
    }
    await expect(uploadParts(service.transport, 'k', broken())).rejects.toThrow('no keys');
    expect(service.counts.inFlight).toBe(0);
  });
});
