import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { commandLine, typedAgain, typedOptions } from '../../src/terminal/command-line.ts';
import { Verb } from '../../src/terminal/verb.ts';

/** The words of a command as a shell has them. */
const asShellReads = (command: string): string[] =>
  execFileSync('sh', ['-c', `printf '%s\\0' ${command}`], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1);

const strange = ["it's", 'two words', '$(rm -rf x)', '`x`', 'a"b', '*', '~/x', '', '-x', 'a;b', 'a\\b', 'ä'];

/** A verb with these words typed after its name. */
function verbOf(...typed: string[]) {
  const verb = new Verb('cipherformer', ['convert', ...typed]).command('convert').argument('<model>');
  return verb.option('--dry-run').option('-o, --out <folder>').option('--hours <n>').option('--quick');
}

describe('a command to copy', () => {
  it('is read by a shell as it was meant, whatever the names in it are', () => {
    expect(asShellReads(commandLine`run ${strange} --out ${'a b'}.result`)).toEqual(['run', ...strange, '--out', 'a b.result']);
  }); // biome-ignore format: short

  it('is what was typed, without the options that have done their part', () => {
    const typed = ['my model', '--hours=0.5', '--dry-run', '-o', '--dry-run', '--quick'];
    expect(asShellReads(typedAgain(verbOf(...typed), ['--dry-run']))).toEqual(['cipherformer', 'convert', 'my model', '--hours=0.5', '-o', '--dry-run', '--quick']);
    const more = typedAgain(verbOf('m', '--hours', '2', '--out', 'a'), ['--hours'], commandLine`--recipe ${'r s.json'}`);
    expect(more).toBe("cipherformer convert m --out a --recipe 'r s.json'");
  }); // biome-ignore format: short

  it('of another verb takes the options along, not the arguments', () => {
    expect(typedOptions(verbOf('m', '--quick', '--out', 'o'))).toEqual(['--quick', '--out', 'o']);
    expect(commandLine`cipherformer token list ${[]}`).toBe('cipherformer token list');
  });
});
