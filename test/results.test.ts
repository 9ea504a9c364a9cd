// The table of docs/results.md says what the records hold.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as comparison from '../packages/cipherformer/src/report/comparison.ts';
import { markdownTable } from '../packages/cipherformer/src/terminal/markdown.ts';
import { compareConversions } from '../packages/nn/src/index.ts';
import { resultsPage } from '../scripts/docs-results.mjs';
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
