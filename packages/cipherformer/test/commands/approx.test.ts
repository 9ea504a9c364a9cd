import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluate, fromJSON } from '@cipherformer/approx';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { runCli } from '../../src/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'approx-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

/** Runs the verb in this process and returns its exit code and what it wrote. */
async function approx(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const written = { out: '', err: '' };
  const keep = (key: 'out' | 'err') => (chunk: string | Uint8Array) => {
    written[key] += String(chunk);
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(keep('out')),
    vi.spyOn(process.stderr, 'write').mockImplementation(keep('err')),
  ];
  try {
    return { code: await runCli(['approx', ...argv]), ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

describe('cipherformer approx', () => {
  it('prints a table with the certificate and the cost', async () => {
    const { code, out } = await approx('gelu', '--interval', '-6,6', '--degree', '15');
    expect(code).toBe(0);
    expect(out).toMatch(/largest error\S*\s+│ \S*4\.43\de-3 {2}\(proved between the samples\)/);
    expect(out).toMatch(/levels\S*\s+│ \S*4/);
    expect(out).toContain('ciphertext products');
    expect(out).toContain('T14');
  });

  it('--json is an approximation that loads and evaluates, and stdout holds nothing else', async () => {
    const { out } = await approx('tanh', '-i', '-3,3', '-d', '9', '--json');
    const report = JSON.parse(out);
    expect(report.cost.levels).toBe(4);
    expect(Math.abs(evaluate(fromJSON(report.approximation), 0.5) - Math.tanh(0.5))).toBeLessThan(
      report.approximation.certificate.error.bound,
    );
  });

  it('draws function, approximation, error and alternation points, for one interval and for several', async () => {
    for (const [name, ...argv] of [
      ['one', 'gelu', '-i', '-6,6', '-d', '7'],
      ['two', 'sign', '-i', '-1,-0.1', '-i', '0.1,1', '-d', '7'],
      ['log', 'rsqrt', '-i', '0.01,10', '-d', '7', '--relative'],
    ] as const) {
      const path = join(folder, `${name}.svg`);
      expect((await approx(...argv, '--plot', path)).code).toBe(0);
      const svg = readFileSync(path, 'utf8');
      expect(svg).toMatch(/^<svg/);
      expect(svg).toContain('error');
      expect(svg).not.toContain('NaN');
      // One circle an alternation point: path marks of the last layer.
      expect(svg.match(/aria-roledescription="point"/g)!.length).toBeGreaterThanOrEqual(9);
    }
  });

  it('searches and shows the front', async () => {
    const { code, out } = await approx('silu', '-i', '-8,8', '--error', '1e-2');
    expect(code).toBe(0);
    expect(out).toMatch(/minimax, degree \d+\s+│ chosen/);
  });

  it('takes a module, a table, a weight and observed inputs', async () => {
    const module = file('f.mjs', 'export default (x) => Math.atan(x);\n');
    expect((await approx(module, '-i', '-3,3', '-d', '9')).out).toContain('not a proof');
    const table = file('t.csv', 'x,y\n0,0\n1,1\n2,4\n3,9\n');
    expect((await approx(table, '-i', '0,3', '-d', '3')).out).toContain('proved between the samples');
    const weight = file('w.csv', '-6,1\n0,5\n6,1\n');
    expect((await approx('gelu', '-i', '-6,6', '-d', '9', '--weight', weight)).out).toContain('largest weighted error');
    const samples = file('s.csv', Array.from({ length: 100 }, (_, i) => Math.sin(i)).join('\n'));
    expect((await approx('gelu', '-i', '-6,6', '-d', '9', '--density', samples)).out).toContain(
      'mean error over inputs',
    );
    const histogram = file('h.csv', '-1,3\n0,10\n1,3\n');
    expect((await approx('gelu', '-i', '-6,6', '-d', '9', '--density', histogram)).out).toContain('least-squares');
  });

  const wrong: [string, string[], number, RegExp][] = [
    ['no interval', ['gelu', '-d', '5'], 2, /for example --interval -6,6/],
    ['no goal', ['gelu', '-i', '-6,6'], 2, /either --degree, or --error/],
    ['two goals', ['gelu', '-i', '-6,6', '-d', '5', '-e', '1e-3'], 2, /either --degree/],
    ['a bad interval', ['gelu', '-i', '6', '-d', '5'], 2, /not two numbers/],
    ['a reversed interval', ['gelu', '-i', '6,-6', '-d', '5'], 1, /reversed: give it as \[-6, 6\]/],
    ['an unknown function', ['gelo', '-i', '-6,6', '-d', '5'], 1, /no function named "gelo"/],
    ['a pole', ['1/x', '-i', '-1,1', '-d', '5'], 1, /pole at x = 0/],
    ['a missing module', [join(folder, 'none.mjs'), '-i', '0,1', '-d', '3'], 2, /cannot be loaded/],
    ['a module without a default', [file('g.mjs', 'export const y = 1;'), '-i', '0,1', '-d', '3'], 2, /export default/],
    ['a missing weight', ['exp', '-i', '0,1', '-d', '3', '--weight', join(folder, 'none.csv')], 2, /cannot be read/],
    ['a malformed weight', ['exp', '-i', '0,1', '-d', '3', '--weight', file('bad.csv', '0,1\n1,one\n')], 1, /line 2/],
    [
      'a plot elsewhere',
      ['exp', '-i', '0,1', '-d', '3', '--plot', join(folder, 'no', 'x.svg')],
      2,
      /cannot be written/,
    ],
    ['a plot of another kind', ['exp', '-i', '0,1', '-d', '3', '--plot', 'x.png'], 2, /ends in \.svg/],
    ['a method with a search', ['exp', '-i', '0,1', '-e', '1e-3', '--method', 'minimax'], 2, /go with --degree/],
    ['too much asked', ['gelu', '-i', '-8,8', '-e', '1e-9', '-l', '4'], 1, /the nearest is degree 14/],
  ];
  for (const [name, argv, code, message] of wrong) {
    it(`${name}: exit ${code} and a remedy`, async () => {
      const result = await approx(...argv);
      expect(result.code).toBe(code);
      expect(result.err).toMatch(message);
      expect(result.err).not.toMatch(/\n {4}at /);
      expect(result.out).toBe('');
    });
  }

  it('leaves no plot behind when it fails', async () => {
    const path = join(folder, 'never.svg');
    await approx('1/x', '-i', '-1,1', '-d', '5', '--plot', path);
    expect(existsSync(path)).toBe(false);
  });
});
