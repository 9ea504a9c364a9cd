// The desk of the worker with the secret key: what a stop ends, what it does not, and what a page is told.
import { SecretKey } from '@cipherformer/ckks';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { serveDesk } from '../../src/browser/desk.ts';
import type { CallName, News, Order } from '../../src/browser/messages.ts';
import { ServiceError } from '../../src/errors.ts';
import { ServiceSession, type SessionOptions } from '../../src/session.ts';
import { Transport } from '../../src/transport.ts';

interface Asked {
  readonly signal: AbortSignal;
}
const session = vi.hoisted(() => ({
  opened: 0,
  keys: async (_: SessionOptions): Promise<void> => {},
  answer: async (_: Asked): Promise<void> => {},
}));
const vault = vi.hoisted(() => ({ questions: [] as { submitted: { job: string }; program: string; asked: number }[] }));
vi.mock('../../src/browser/vault.ts', () => ({
  Vault: {
    open: async () => ({
      owner: async () => ({ name: 'owner', sealed: {} }),
      memory: async () => ({ written: async () => {} }),
      ledger: () => ({}),
      programs: () => ({}),
      tokens: () => ({ get: async () => undefined, keep: async () => {} }),
      questions: async () => vault.questions,
      keepQuestion: async (_: unknown, question: (typeof vault.questions)[number]) => {
        vault.questions.push(question);
      },
      dropQuestion: async (_: unknown, job: string) => {
        vault.questions = vault.questions.filter(({ submitted }) => submitted.job !== job);
      },
    }),
  },
}));
vi.mock('../../src/browser/sealing.ts', () => ({ openMaster: async () => new Uint8Array(32) }));
const program = 'a'.repeat(64);
vi.spyOn(Transport.prototype, 'programs').mockImplementation(async () => [{ digest: program, plan: program, summary: {}, files: [] }]); // biome-ignore format: one call
vi.spyOn(ServiceSession, 'open').mockImplementation(async () => {
  session.opened++;
  return {
    program: { digest: program },
    client: { manifest: { model: {} } },
    ensureKeys: async (_: unknown, options: Asked & SessionOptions) => {
      options.signal.throwIfAborted();
      await session.keys(options);
    },
    submit: async () => ({ job: 'b'.repeat(64), request: {}, requestBytes: 1 }),
    answer: async (_: unknown, __: unknown, options: Asked) => {
      options.signal.throwIfAborted();
      await session.answer(options);
      return { answers: [{ label: '7' }], requestBytes: 1, resultBytes: 1 };
    },
    close: () => {},
  } as unknown as ServiceSession;
});
vi.spyOn(SecretKey, 'fromMaster').mockReturnValue({ id: 'a key', [Symbol.dispose]: () => {} } as SecretKey);
vi.stubGlobal('navigator', {
  onLine: true,
  locks: {
    request: (_: string, ...more: unknown[]) => (more.at(-1) as () => unknown)(),
  },
});
vi.stubGlobal('BroadcastChannel', class { postMessage() {} }); // biome-ignore format: short
afterAll(() => vi.unstubAllGlobals());

const heard: News[] = [];
let order: (order: Order) => void;
let calls = 0;
beforeEach(async () => {
  heard.length = 0;
  session.opened = 0;
  session.answer = async () => {};
  session.keys = async () => {};
  vault.questions = [];
  serveDesk({
    postMessage: (news) => heard.push(news),
    addEventListener: (_, listener) => {
      order = (data) => listener({ data } as MessageEvent<Order>);
    },
  });
  await call('open', { service: 'http://localhost' });
});

/** Gives an order. @returns its number */
function give(name: CallName, given: unknown): number {
  order({ type: 'call', call: ++calls, name, given } as Order);
  return calls;
}

/** What an order ends with. */
async function ended(number: number): Promise<News> {
  const mine = (news: News) => 'call' in news && news.call === number && news.type !== 'progress';
  await vi.waitFor(() => expect(heard.some(mine)).toBe(true));
  return heard.find(mine)!;
}

const call = (name: CallName, given: unknown) => ended(give(name, given));
const question = { program, question: { pixels: new Uint8Array(784) } };
const answered = { type: 'done', value: { label: '7', requestBytes: 1, resultBytes: 1 } };

describe('a stop', () => {
  it('that comes after the answer does not stop the next question', async () => {
    const first = give('ask', question);
    expect(await ended(first)).toMatchObject(answered);
    order({ type: 'stop', call: first });
    expect(await call('ask', question)).toMatchObject(answered);
  });

  it('that comes in time ends the question, and the next one begins with a new connection', async () => {
    session.answer = async ({ signal }) => {
      order({ type: 'stop', call: calls });
      signal.throwIfAborted();
    };
    expect(await call('ask', question)).toMatchObject({ type: 'failed', failure: { code: 'interrupted' } });
    expect(vault.questions).toEqual([]);
    const { opened } = session;
    session.answer = async () => {};
    expect(await call('ask', question)).toMatchObject(answered);
    expect(session.opened).toBe(opened + 1);
  });
});

it.each([true, false])(
  'a program in the place of another is asked about, and used where the answer is %s',
  async (yes) => {
    const [before, now] = ['1', '2'].map((digit) => ({ digest: digit.repeat(64), plan: program }));
    const change = { name: 'digits', before: before!, now: now!, keptParts: 1, newParts: 2, newBytes: 3 };
    session.keys = async ({ agreeChange }) => agreeChange!(change);
    const asked = give('ask', question);
    const about = () => heard.find((news) => news.type === 'allow?');
    await vi.waitFor(() => expect(about()).toMatchObject({ about: { what: 'change', change } }));
    order({ type: 'allow', question: about()!.question, yes });
    expect(await ended(asked)).toMatchObject(yes ? answered : { type: 'failed', failure: { code: 'program-changed' } });
  },
);

describe('a question', () => {
  it('stays noted while the line is broken, and is read later', async () => {
    const { ConnectionLost } = await import('../../src/errors.ts');
    session.answer = async () => {
      throw new ConnectionLost('gone');
    };
    expect(await call('ask', question)).toMatchObject({ type: 'failed', failure: { code: 'connection-lost' } });
    const pending = await call('pending', {});
    expect(pending).toMatchObject({ value: [{ job: 'b'.repeat(64), program }] });
    session.answer = async () => {};
    expect(await call('resume', { job: 'b'.repeat(64) })).toMatchObject(answered);
    expect(await call('pending', {})).toMatchObject({ value: [] });
  });

  it('that the service refused is forgotten, with what the service said', async () => {
    session.answer = async () => {
      throw new ServiceError({ message: 'no', problem: 'no-room', status: 507, hint: 'wait', fields: { free: 3 } });
    };
    const failed = await call('ask', question);
    expect(failed).toMatchObject({ failure: { code: 'service-refused', problem: 'no-room', fields: { free: 3 }, hint: 'wait' } });
    expect(vault.questions).toEqual([]);
  }); // biome-ignore format: one line each
});
