// How much of one addon's arithmetic another has, instruction by instruction, wherever it lies.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Instructions on vector registers and wide products, in order, without the addresses of constants. */
async function arithmetic(addon) {
  const { stdout } = await run('objdump', ['-d', '-j', '.text', '--no-show-raw-insn', addon], { maxBuffer: 1 << 29 });
  return stdout
    .split('\n')
    .map((line) => line.replace(/^\s*[0-9a-f]+:\s*|\s*#.*$/g, '').replace(/-?0x[0-9a-f]+\(%rip\)/, '(%rip)').trim())
    .filter((line) => /%[xyz]mm\d|^(i?mul|mulx|adc|sbb|shld|shrd)/.test(line)); // biome-ignore format: a chain
}

/** The share of runs of 16 such instructions in the first addon that the second has, too. */
export async function sameArithmetic(first, second, length = 16) {
  const windows = (list) => list.slice(length - 1).map((_, i) => list.slice(i, i + length).join('\n'));
  const there = new Set(windows(await arithmetic(second)));
  const here = windows(await arithmetic(first));
  return here.filter((window) => there.has(window)).length / here.length;
}
