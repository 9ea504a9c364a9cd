// The table of docs/results.md says what the records hold.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as comparison from '../packages/cipherformer/src/report/comparison.ts';
import { markdownTable } from '../packages/cipherformer/src/terminal/markdown.ts';
import { compareConversions } from '../packages/nn/src/index.ts';
import { resultsPage } from '../scripts/docs-results.mjs';
import { summaryOf } from '../scripts/summarise.mjs';
import { root } from './source-graph.ts';

const tools = { ...comparison, markdownTable, compareConversions };
const page = readFileSync(join(root, 'docs/results.md'), 'utf8');

describe('docs/results.md', () => {
  it('has the table that npm run docs:results makes of the records', () => {
    expect(resultsPage(page, tools)).toBe(page);
  });

  it('would be made anew where a figure differs', () => {
    expect(resultsPage(page.replace('99.18 %', '99.28 %'), tools)).toBe(page);
  });

  it('keeps its marks', () => {
    expect(() => resultsPage('# Results', tools)).toThrow('docs/results.md has no');
  });
});

describe('records in git', () => {
  const files = ['recipes/convert/records/*.json', 'docs/benchmarks/encrypted*.json'];
  const records = execFileSync('git', ['ls-files', ...files], { cwd: root, encoding: 'utf8' })
    .trim()
    .split('\n');

  it('are summaries', () => {
    expect(records.length).toBeGreaterThan(20);
    for (const file of records) {
      const record = JSON.parse(readFileSync(join(root, file), 'utf8'));
      expect(summaryOf(record), `${file}: npm run docs:summary -- ${file}`).toEqual(record);
    }
  });

  it('would be, of a record with a curve, and of answers with logits', () => {
    const site = { name: 'a', histogram: { low: 0, high: 1, counts: [1, 2] } };
    const stages = [{ name: 's', curve: [{ step: 1 }], sites: [site] }];
    expect(summaryOf({ stages })).toEqual({
      stages: [{ name: 's', curve: [], sites: [{ name: 'a', histogram: { low: 0, high: 1, counts: [] } }] }],
    });
    const answer = (x: number, trusted: boolean) => ({ polynomial: [1, 2], encrypted: { logits: [1, x], trusted } });
    expect(summaryOf({ summary: { agree: 2 }, examples: [answer(2.5, true), answer(9, false)] })).toEqual({
      summary: { agree: 2, largestError: 0.5 },
    });
  });
});
