// Encrypted keys and values between the steps of generations: whose they are, how long and how many there may be.
import type { Ciphertext } from '@cipherformer/ckks';
import { describe, expect, it } from 'vitest';
import { CacheError } from '../../src/errors.ts';
import { KeptCaches } from '../../src/server/kept-caches.ts';

/** What of ciphertexts is needed here. */
function ciphertexts(bytes: number) {
  const state = { disposed: 0 };
  const one = { bytes, [Symbol.dispose]: () => void state.disposed++ } as unknown as Ciphertext;
  return { kept: [one, one], state };
}

const name = { keys: 'a'.repeat(32), prompt: 'b'.repeat(64) };
const code = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof CacheError) return error.code;
    throw error;
  }
  return 'none';
};

describe('what is kept', () => {
  it('is given for the next token alone, and what it replaces is released', () => {
    using caches = new KeptCaches();
    const [first, second] = [ciphertexts(10), ciphertexts(10)];
    caches.set(name, 3, first.kept);
    expect(caches.get(name, 3)).toBe(first.kept);
    for (const position of [0, 2, 4]) expect(code(() => caches.get(name, position))).toBe('wrong-step');
    caches.set(name, 4, second.kept);
    expect(first.state.disposed).toBe(2);
    expect(code(() => caches.get(name, 3))).toBe('wrong-step');
    expect(caches.get(name, 4)).toBe(second.kept);
    expect(caches.bytes).toBe(20);
  });

  it('goes with its keys, and not with others', () => {
    using caches = new KeptCaches();
    const [own, other] = [ciphertexts(10), ciphertexts(10)];
    caches.set(name, 3, own.kept);
    caches.set({ ...name, keys: `${name.keys}a` }, 3, other.kept);
    caches.forget(name.keys);
    expect([own.state.disposed, other.state.disposed]).toEqual([2, 0]);
    expect(code(() => caches.get(name, 3))).toBe('cache-gone');
    expect(caches.get({ ...name, keys: `${name.keys}a` }, 3)).toBe(other.kept);
  });

  it('is not there for other keys, and what is not there looks like what expired', () => {
    let now = 0;
    using caches = new KeptCaches({ idleMs: 100, now: () => now });
    const { kept, state } = ciphertexts(1);
    caches.set(name, 3, kept);
    const message = (prompt: string, keys = name.keys) => {
      try {
        caches.get({ keys, prompt }, 3);
      } catch (error) {
        return (error as CacheError).message.replace(/prompt \w+/, 'prompt');
      }
      return 'given';
    };
    const other = message(name.prompt, 'c'.repeat(32));
    expect(other).toMatch(/nothing is kept/);
    now = 100;
    expect(message(name.prompt)).toBe('given');
    now = 101;
    expect(message(name.prompt)).toBe(other);
    expect(state.disposed).toBe(2);
  });

  it('keeps to a budget: a new one is refused, those under way go on', () => {
    let now = 0;
    using caches = new KeptCaches({ maxBytes: 45, idleMs: 100, now: () => now });
    caches.reserve(20);
    caches.set(name, 1, ciphertexts(10).kept);
    caches.reserve(25);
    expect(code(() => caches.reserve(26))).toBe('cache-full');
    expect(caches.get(name, 1)).toHaveLength(2);
    now = 101;
    caches.reserve(45);
    expect(code(() => caches.get(name, 1))).toBe('cache-gone');
  });
});
