// How long a division takes depends on its operands, on nearly every processor. So the machine code of every build is read:
// none has an integer division or calls one, and those of doubles are where no secret is (docs/kernels.md, "Secrets").
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasAddon, packageDir } from './package-copy.ts';
import { builds } from './support.ts';

const native = builds.filter((build) => !build.startsWith('wasm'));
const hasObjdump = spawnSync('objdump', ['--version']).status === 0;

interface Instruction {
  /** The function it belongs to, as C++ writes it. */
  readonly in: string;
  readonly text: string;
}

function disassemble(file: string): Instruction[] {
  const text = execFileSync('objdump', ['-d', '-C', '--no-show-raw-insn', file], { maxBuffer: 2 ** 30 }).toString();
  const found: Instruction[] = [];
  let current = '';
  for (const line of text.split('\n')) {
    const symbol = /^[0-9a-f]+ <(.*)>:$/.exec(line);
    if (symbol) current = symbol[1]!;
    else if (line.includes('\t')) found.push({ in: current, text: line.split('\t').slice(1).join(' ').trim() });
  }
  return found;
}

/** x86 and ARM: integer division, and the functions of a compiler's runtime that divide. */
const dividesIntegers = ({ text }: Instruction) =>
  /^(i?div[bwlq]?|[us]div)\s/.test(text) || /\b__(u?div|u?mod)(mod)?[dst]i[34]\b/.test(text);
/** Divisions and roots of doubles, and calls of the library that may branch on their argument. */
const dividesDoubles = ({ text }: Instruction) =>
  /^(v?div[sp][sd]|v?sqrt[sp][sd]|fdiv|fsqrt)\s/.test(text) ||
  /<(fmod|remainder|fmax|fmin|nearbyint|l?l?rint|l?l?round|floor|ceil|trunc|exp|log|pow|sin|cos|sqrt)[fl]?(@plt)?>/.test(
    text,
  );

/** Functions that may divide doubles: roots of unity, and the noise that floods a shared result. */
const mayDivideDoubles = /::(EncodingTable::octant|sampleGaussian)\(/;

describe.runIf(hasAddon && hasObjdump)('row 11: machine code', () => {
  const code = hasAddon && hasObjdump ? disassemble(join(packageDir, 'build/kernels.node')) : [];

  it('is read: the divisions of set-up are seen', () => {
    const divided = new Set(code.filter(dividesIntegers).map((i) => /^cf::(\w+)\(/.exec(i.in)?.[1]));
    for (const name of ['modulo', 'mulMod', 'shiftedQuotient']) expect(divided).toContain(name);
    expect(code.filter((i) => dividesDoubles(i) && i.in.startsWith('cf::quotient('))).not.toEqual([]);
  });

  it.each(native)('the %s build divides nothing', (build) => {
    const own = code.filter((i) => i.in.includes(`cf::${build}::`));
    expect(own.length).toBeGreaterThan(10_000);
    expect(own.filter(dividesIntegers)).toEqual([]);
    const doubles = own.filter(dividesDoubles).map((i) => i.in);
    expect(doubles.filter((name) => !mayDivideDoubles.test(name))).toEqual([]);
  });
});
