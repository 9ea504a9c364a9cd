// Writes the tables of docs/results.md from the records of trainings, conversions, ablations and encrypted answers:
// npm run docs:results
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadSource } from './source.mjs';

const root = join(import.meta.dirname, '..');
const file = join(root, 'docs/results.md');
const start = '<!-- made by npm run docs:results -->';
const scalingStart = '<!-- made by npm run docs:results: length scaling -->';
const end = '<!-- end of what is made -->';

const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));

/** docs/results.md with its tables made anew: a row of the paper or of ours is an entry of docs/results/rows.json or scaling.json. */
export function resultsPage(page, tools) {
  const conversions = withTable(page, start, conversionTable(tools));
  return withTable(conversions, scalingStart, scalingTable(tools));
}

/** The page with what stands between a mark and the next end exchanged. */
function withTable(page, mark, table) {
  const from = page.indexOf(mark);
  const to = page.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`docs/results.md has no "${mark}" and "${end}" around its table`);
  return `${page.slice(0, from)}${mark}\n\n${table}\n\n${page.slice(to)}`;
}

function conversionTable({ compareConversions, figureText, gapText, markdownTable }) {
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
  return markdownTable(head, rows);
}

/** What the factor on the maps of attention does: the paper's Table 3, and ours from the cells of ablations. */
function scalingTable({ markdownTable }) {
  const factors = ['softmax', 'none', '1/L', '1/sqrt(L)'];
  const percent = (values) => `${((100 * values.reduce((sum, value) => sum + value, 0)) / values.length).toFixed(2)} %`;
  const measured = ({ cells, variants }) => {
    const [head, ...lines] = readFileSync(join(root, cells), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    const column = (name) => head.indexOf(name);
    const of = (variant, name) =>
      lines.filter((line) => line[column('variant')] === variant).map((line) => Number(line[column(name)]));
    const converted = Object.entries(variants).map(([factor, variant]) => [factor, percent(of(variant, 'result'))]);
    return Object.fromEntries([['softmax', percent(of(variants['1/sqrt(L)'], 'original'))], ...converted]);
  };
  const rows = read('docs/results/scaling.json').map((entry) => {
    const figures = entry.figures ?? measured(entry);
    return [entry.row, ...factors.map((factor) => figures[factor] ?? 'not stated'), entry.differs];
  });
  return markdownTable(['row', 'softmax', 'no scale', '1/L', '1/sqrt(L)', 'what differs'], rows);
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
