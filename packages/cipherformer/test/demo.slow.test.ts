import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { DemoResult } from '../src/demo/result.ts';

// The built command line at 128-bit security, in the processes that a person would start.
const out = mkdtempSync(join(tmpdir(), 'demo-'));
afterAll(() => rmSync(out, { recursive: true, force: true }));

it('demo: an encrypted digit is answered as in clear', () => {
  const bin = join(import.meta.dirname, '../bin/cipherformer.js');
  const text = execFileSync(process.execPath, [bin, 'demo', '--images', '1', '--out', out, '--json'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const result = JSON.parse(text) as DemoResult;
  expect(result.images).toHaveLength(1);
  const [{ agrees, difference, encrypted, label, original }] = result.images as [DemoResult['images'][0]];
  expect(agrees).toBe(true);
  expect(encrypted.trusted).toBe(true);
  expect(difference).toBeLessThan(1e-2);
  // What is predicted is a bound.
  expect(encrypted.peakRssBytes).toBeLessThanOrEqual(result.program.predictedPeakBytes);
  expect(original!.indexOf(Math.max(...original!))).toBe(label);
  expect(result.polynomial.accuracy).toBeGreaterThan(result.original!.accuracy - 0.01);
  expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('as in clear');
  // Keys and ciphertexts are gigabytes: only the report and the live conversion stay.
  for (const part of ['keys', 'program', 'data']) expect(existsSync(join(out, part))).toBe(false);
});
