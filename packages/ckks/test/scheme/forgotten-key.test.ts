// Row 7: a key that its owner forgets to dispose of.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it, vi } from 'vitest';
import { Context, Parameters, randomSeed, SecretKey } from '../../src/index.ts';
import { smallLiteral } from './support.ts';

/** Every copy of a secret that was made to be erased. */
const copies = vi.hoisted((): Uint8Array[] => []);
vi.mock(import('../../src/scheme/seeds/random.ts'), async (original) => {
  const module = await original();
  const erasableCopy = (secret: Uint8Array) => {
    const copy = module.erasableCopy(secret);
    copies.push(copy);
    return copy;
  };
  return { ...module, erasableCopy };
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const context = await Context.create(Parameters.from(smallLiteral, { insecure: true }), { threads: 1, insecure: true });
const isErased = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);

it.each([
  ['of version 1', () => new SecretKey(context, randomSeed()), 1],
  ['with a master', () => SecretKey.fromMaster(context, randomSeed()), 2],
])('row 7: the bytes of a forgotten key %s are erased by the garbage collector', async (_, make, kept) => {
  copies.length = 0;
  const use = () => make().limb();
  use();
  expect(copies.filter((bytes) => !isErased(bytes))).toHaveLength(kept);
  for (let i = 0; i < 50 && !copies.every(isErased); i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(copies.every(isErased)).toBe(true);
});
