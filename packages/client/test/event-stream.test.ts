import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TransportError } from '../src/errors.ts';
import { readEvents, type StreamEvent } from '../src/event-stream.ts';

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes.length === 0 ? bytes.length : sizes[i % sizes.length]!;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function eventsOf(text: string, sizes: readonly number[] = []): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const event of readEvents(cut(new TextEncoder().encode(text), sizes))) events.push(event);
  return events;
}

describe('events', () => {
  it.each([
    ['data: a\n\n', [{ id: undefined, event: 'message', data: 'a' }]],
    ['id: 1\nevent: job\ndata: a\ndata: b\n\n', [{ id: '1', event: 'job', data: 'a\nb' }]],
    ['id: 1\ndata: a\n\ndata: b\n\n', [{ id: '1', event: 'message', data: 'a' }, { id: '1', event: 'message', data: 'b' }]],
    [': a comment\nretry: 10\n\nid: 7\n\ndata:b\n\n', [{ id: '7', event: 'message', data: 'b' }]],
    ['data\n\n', [{ id: undefined, event: 'message', data: '' }]],
    ['data: cut short\n', []],
    ['data: cut short', []],
    ['data:  two spaces: and a colon\n\n', [{ id: undefined, event: 'message', data: ' two spaces: and a colon' }]],
  ])('%j', async (text, events) => {
    expect(await eventsOf(text)).toEqual(events);
  }); // biome-ignore format: a table

  it('are the same wherever the stream is cut, and for every line end', async () => {
    const line = fc.oneof(
      fc.constantFrom('', 'data: x', 'data', 'id: 5', 'id', ':comment', 'event: job', 'event', 'other: y'),
      fc.string({ unit: 'grapheme' }).map((text) => `data: ${text.replace(/[\r\n]/g, '')}`),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(line),
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        async (lines, end, sizes) => {
          const text = lines.map((one) => one + end).join('');
          const whole = await eventsOf(lines.map((one) => `${one}\n`).join(''));
          // A lone carriage return at the very end waits for what may follow.
          const tail = end === '\r' ? ': end\n' : '';
          expect(await eventsOf(text + tail, sizes)).toEqual(whole);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('without an end are refused, not collected', async () => {
    async function* endless(chunk: string) {
      const bytes = new TextEncoder().encode(chunk);
      for (;;) yield bytes;
    }
    for (const chunk of ['x'.repeat(1000), 'data: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\n']) {
      const reading = (async () => {
        for await (const _ of readEvents(endless(chunk)));
      })();
      await expect(reading).rejects.toThrow(TransportError);
    }
  });
});
