// Writes the table of docs/results.md from the records of conversions and of encrypted answers: npm run docs:results
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSource } from './source.mjs';

const root = join(import.meta.dirname, '..');
const file = join(root, 'docs/results.md');
const start = '<!-- made by npm run docs:results -->';
const end = '<!-- end of what is made -->';

const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));

/** docs/results.md with its table made anew: one row of the paper, or of ours, an entry of docs/results/rows.json. */
export function resultsPage(page, { compareConversions, figureText, gapText, markdownTable }) {
  const [before, rest] = page.split(start);
  const [, after] = rest?.split(end) ?? [];
  if (after === undefined) throw new Error(`docs/results.md has no "${start}" and "${end}" around its table`);

  const ours = ({ row, records, controls = [], encrypted, differs }) => {
    const measured = records.map(read);
    const comparison = compareConversions(measured, controls.map(read));
    const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const continued = comparison.seeds.flatMap((seed) => seed.continued ?? []);
    const gap = comparison.reference === 'continued' ? comparison.toContinued : comparison.toOriginal;
    const outside = measured.map(({ outOfRange }) => outOfRange.test);
    return [
      `here: ${row}`,
      figureText(comparison, comparison.original),
      continued.length > 0 ? figureText(comparison, mean(continued)) : 'not run',
      figureText(comparison, mean(comparison.seeds.map((seed) => seed.polynomial))),
      `${gapText(comparison, gap.mean)} (${gapText(comparison, gap.low)} … ${gapText(comparison, gap.high)})`,
      `${outside.reduce((sum, { any }) => sum + any, 0)} of ${outside.reduce((sum, { examples }) => sum + examples, 0)}`,
      levelsALayer(measured[0]),
      asInClear(encrypted),
      [`${measured.length === 1 ? 'one seed' : `${measured.length} seeds`}`, differs].join('; '),
    ];
  };
  const papers = ({ row, paper }) => [
    `paper: ${row}`, paper.original, '', paper.polynomial, paper.gap, 'not stated', 'not stated', 'not stated', '',
  ]; // biome-ignore format: a row
  const head = [
    'row', 'original', 'continued', 'polynomial', 'gap (95 %)', 'out of range', 'levels a layer', 'encrypted as in clear', 'what differs',
  ]; // biome-ignore format: a row
  const rows = read('docs/results/rows.json').map((entry) => (entry.paper ? papers(entry) : ours(entry)));
  return `${before}${start}\n\n${markdownTable(head, rows)}\n\n${end}${after}`;
}

function levelsALayer({ exported }) {
  const levels = exported.levels.parts.filter(({ name }) => name.startsWith('layers.')).map((part) => part.levels);
  const [least, most] = [Math.min(...levels), Math.max(...levels)];
  return least === most ? `${least}` : `${least} to ${most}`;
}

function asInClear(path) {
  if (path === undefined) return 'not run';
  const { agree, examples, worstDifference } = read(path).summary;
  return `${agree} of ${examples}, within ${worstDifference.toExponential(1)}`;
}

/** What the table is computed and written with. */
export async function loadResultsTools() {
  const [nn, comparison, markdown] = await loadSource(
    'packages/nn/src/index.ts',
    'packages/cipherformer/src/report/comparison.ts',
    'packages/cipherformer/src/terminal/markdown.ts',
  );
  return { ...comparison, ...markdown, compareConversions: nn.compareConversions };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(file, resultsPage(readFileSync(file, 'utf8'), await loadResultsTools()));
  process.exit();
}
