// What divides takes a time that depends on its operands, and stands in modulus.cpp. Kernels call it for tables of primes: every
// such call in their sources is listed here, with what it is given, so that none is added without this question.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageDir } from './package-copy.ts';

/** Calls by file: primes, roots of unity, numbers of limbs, scales and the scalars of an argument list, all public. */
const publicCalls: Readonly<Record<string, readonly string[]>> = {
  'arith/double.hpp': [
    'modulo(u64{1} << 50, p_)',
    'quotient(1.0, static_cast<double>(p_))',
    'quotient(top[0], static_cast<double>(p_))',
    'cf::mulMod(u64{1} << 51, u64{1} << 52, p_)',
    'quotient(static_cast<double>(w), static_cast<double>(p))',
  ],
  'arith/ifma.hpp': [
    'modulo(u64{1} << 52, p_)',
    'shiftedQuotient(1, 52, p_)',
    'shiftedQuotient(modulo(u64{1} << 52, p_), 52, p_)',
    'quotient(1.0, static_cast<double>(p_))',
    'shiftedQuotient(w, 52, p)',
  ],
  'arith/scalar.hpp': ['shiftedQuotient(w, 64, p)'],
  'arith/wasm.hpp': [
    'modulo(u64{1} << 32, p_)',
    'quotient(toDouble(w), toDouble(p))',
    'quotient(1.0, toDouble(p_))',
    'makeFactor(cf::mulMod(u64{1} << 32, u64{1} << 32, p_), p_)',
    'cf::mulMod(u64{1} << 32, u64{1} << 32, p_)',
    'makeFactor(modulo(u64{1} << 32, p_), p_)',
  ],
  'ntt/double.hpp': ['quotient(1.0, static_cast<double>(p_))'],
  'ntt/passes.hpp': ['cf::mulMod(power, psi, p)', 'inverseMod(u64{1} << logN_, p_)', 'cf::mulMod(w[1], inverseN, p_)'],
  'ntt/scalar.hpp': [
    'makeFactor(inverseMod(u64{1} << logN_, p_), p_)',
    'inverseMod(u64{1} << logN_, p_)',
    'inverseMod(psi, p)',
    'makeFactor(power, p)',
    'makeFactor(inversePower, p)',
    'cf::mulMod(power, psi, p)',
    'cf::mulMod(inversePower, psiInverse, p)',
  ],
  'ntt/wasm.hpp': [
    'quotient(static_cast<double>(value), static_cast<double>(p))',
    'quotient(1.0, static_cast<double>(p_))',
  ],
  'ops/basis.hpp': [
    'cf::mulMod(converters_[d]->product[t], k, p)',
    'cf::mulMod(twice, half, p)',
    'makeFactor(1, q)',
    'cf::modulo(half, p)',
  ],
  'ops/encoding.hpp': [
    'powMod(2, shift, p)',
    'makeFactor(cf::mulMod(unit, powMod(2, 32, p), p), p)',
    'cf::mulMod(unit, powMod(2, 32, p), p)',
    'powMod(2, 32, p)',
    'makeFactor(unit, p)',
    'cf::mulMod(unit, kOffset, p)',
    'cf::modulo(below, p)',
    'makeFactor(ring.primeInverse(moduli[k], moduli[j]), p)',
    'quotient(1, scale)',
  ],
  'ops/keyswitch.hpp': ['makeFactor(specialProduct.product[t], p)'],
  'ops/linear.hpp': ['makeFactor(specialModP, p)'],
  'ops/pointwise.hpp': [
    'makeFactor(cf::modulo(scalars[j], p), p)',
    'cf::modulo(scalars[j], p)',
    'cf::modulo(scalars[j], ring.primes[moduli[j]])',
  ],
  'ops/sampling.hpp': ['cf::modulo(bias, p)', 'cf::mulMod(product, ring.primes[i], p)', 'makeFactor(product, p)'],
  'ring.hpp': [
    'powMod(smallestPrimitiveRoot(primes[i], logN), n >> logSmall, primes[i])',
    'cf::mulMod(product, primes[from[j]], modulus)',
    'makeFactor(inverseMod(productWithout(j, f), f), f)',
    'inverseMod(productWithout(j, f), f)',
    'quotient(1.0, static_cast<double>(f))',
    'makeFactor(product == 0 ? 0 : inverseMod(product, modulus), modulus)',
    'inverseMod(product, modulus)',
  ],
};

/** `mulMod` without a namespace is a build's own, which multiplies. */
const dividing = /(?<![\w.])(?:cf::mulMod|(?:cf::)?modulo|powMod|inverseMod|shiftedQuotient|quotient|makeFactor)\(/g;

/** A call's text from its name to its last bracket; undefined where a function is defined. */
function callAt(text: string, from: number): string | undefined {
  let at = text.indexOf('(', from) + 1;
  for (let open = 1; open > 0; at++) open += text[at] === '(' ? 1 : text[at] === ')' ? -1 : 0;
  const call = text.slice(from, at).replaceAll(/\s+/g, ' ');
  return /\((?:u64|double) \w+,/.test(call) ? undefined : call;
}

function dividingCalls(source: string): string[] {
  const text = source.replaceAll(/\/\/.*$/gm, '');
  const calls = [...text.matchAll(dividing)].map(({ index }) => callAt(text, index));
  return [...new Set(calls.filter((call) => call !== undefined))].sort();
}

describe('row 11: what divides', () => {
  const folder = join(packageDir, 'native');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.[ch]pp$/.test(file) && !file.startsWith('modulus.'))
    .map((file) => file.replaceAll('\\', '/'));

  it('is given public numbers alone, in calls that were looked at', () => {
    const found = files.flatMap((file) => {
      const calls = dividingCalls(readFileSync(join(folder, file), 'utf8'));
      return calls.length > 0 ? [[file, calls] as const] : [];
    });
    const wanted = Object.fromEntries(Object.entries(publicCalls).map(([file, calls]) => [file, [...calls].sort()]));
    expect(Object.fromEntries(found)).toEqual(wanted);
  });

  it('is found in any call', () => {
    const source =
      'u64 powMod(u64 a, u64 b);\nx = cf::modulo(secret[i], p); // cf::mulMod(a, b, p)\ny = mulMod(a, b, m);';
    expect(dividingCalls(source)).toEqual(['cf::modulo(secret[i], p)']);
  });
});
