// The owner's desk of the page's worker: what a stop ends, and what it does not.
import { SecretKey } from '@cipherformer/ckks';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { News, Order } from '../src/messages.ts';
import { serveOwner } from '../src/owner.ts';

interface Asked {
  readonly signal: AbortSignal;
}
const session = vi.hoisted(() => ({
  opened: 0,
  ask: async (_: { signal: AbortSignal }): Promise<void> => {},
}));
vi.mock('@cipherformer/client', async (original) => ({
  ...(await original<typeof import('@cipherformer/client')>()),
  ServiceSession: {
    open: async () => {
      session.opened++;
      return {
        client: { manifest: { model: {} } },
        ensureKeys: async (_: unknown, { signal }: Asked) => signal.throwIfAborted(),
        ask: async (_: unknown, __: unknown, options: Asked) => {
          options.signal.throwIfAborted();
          await session.ask(options);
          return { answers: [{ label: '7' }], requestBytes: 1, resultBytes: 1 };
        },
        close: () => {},
      };
    },
  },
}));
vi.mock('../src/store.ts', () => ({
  KeyDeleted: class extends Error {},
  OwnerStore: {
    open: async () => ({
      keepOwner: async () => ({ master: new Uint8Array(32) }),
      memory: async () => ({ written: async () => {} }),
      ledger: () => ({}),
      tokens: () => ({ get: async () => undefined, keep: async () => {} }),
    }),
  },
}));
vi.spyOn(SecretKey, 'fromMaster').mockReturnValue({ id: 'a key', [Symbol.dispose]: () => {} } as SecretKey);
vi.stubGlobal('navigator', {
  locks: { request: (_: string, { signal }: Asked, act: () => unknown) => { signal.throwIfAborted(); return act(); } }, // biome-ignore format: short
});
vi.stubGlobal('BroadcastChannel', class { postMessage() {} }); // biome-ignore format: short
afterAll(() => vi.unstubAllGlobals());

const heard: News[] = [];
let order: (order: Order) => void;
beforeEach(() => {
  heard.length = 0;
  session.opened = 0;
  session.ask = async () => {};
  serveOwner({
    postMessage: (news) => heard.push(news),
    addEventListener: (_, listener) => {
      order = (data) => listener({ data } as MessageEvent<Order>);
    },
  });
  // The address; it answers with facts, or says that it cannot, as this test's program has few.
  order({ type: 'open', service: 'http://localhost' });
});

/** What a question ends with. */
async function outcome(): Promise<string> {
  await vi.waitFor(() => expect(heard.at(-1)?.type).toMatch(/answer|stopped|failed/));
  // Orders are tasks: what follows the news at once is done before the next comes.
  await new Promise((resolve) => setTimeout(resolve, 0));
  return heard.splice(0).at(-1)!.type;
}

describe('a stop', () => {
  const question: Order = { type: 'ask', pixels: new Uint8Array(784) };

  it('that comes just after the answer does not stop the next question', async () => {
    await outcome();
    order(question);
    expect(await outcome()).toBe('answer');
    order({ type: 'stop' });
    order(question);
    expect(await outcome()).toBe('answer');
  });

  it('that comes too late for this question does not stop the next one', async () => {
    await outcome();
    session.ask = async () => order({ type: 'stop' });
    order(question);
    expect(await outcome()).toBe('answer');
    session.ask = async () => {};
    order(question);
    expect(await outcome()).toBe('answer');
  });

  it('that comes in time ends the question, and the next one begins with a new connection', async () => {
    await outcome();
    session.ask = async ({ signal }) => {
      order({ type: 'stop' });
      signal.throwIfAborted();
    };
    order(question);
    expect(await outcome()).toBe('stopped');
    const { opened } = session;
    session.ask = async () => {};
    order(question);
    expect(await outcome()).toBe('answer');
    expect(session.opened).toBe(opened + 1);
  });
});
