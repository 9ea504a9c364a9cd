import { programCost } from '@cipherformer/approx';
import { modelLevels } from './graph/levels.ts';
import type { PolynomialModel } from './polynomial-model.ts';

/** The interval, degree and levels of one polynomial of a model, and what it stands for where that is known. */
export interface PolynomialSite {
  readonly name: string;
  readonly function?: string;
  readonly interval: readonly [number, number];
  /** Degrees of the program's polynomials in order, as text: "7", or "15, 3, 3" for a composition. */
  readonly degrees: string;
  readonly levels: number;
  readonly error?: number;
}

export function polynomialSites({ graph, card }: Pick<PolynomialModel, 'graph' | 'card'>): PolynomialSite[] {
  const facts = new Map((card.sites ?? []).map((site) => [site.name, site]));
  return graph.nodes.flatMap((node): PolynomialSite[] => {
    if (node.op !== 'polynomial') return [];
    const { interval, steps } = node.program;
    const degrees = steps.flatMap((step) =>
      step.op === 'polynomial' ? [step.coefficients.length - 1] : step.op === 'square' ? [2] : [],
    );
    const known = facts.get(node.name);
    return [
      {
        name: node.name,
        interval,
        degrees: degrees.join(', '),
        levels: programCost(node.program).levels,
        ...(known && { function: known.function }),
        ...(known?.error !== undefined && { error: known.error }),
      },
    ];
  });
}

const short = (value: number) => `${Number(value.toPrecision(4))}`;
const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');

/** README.md of a polynomial model. */
export function modelCard(model: PolynomialModel): string {
  const { card, graph, task, problem, preprocess, classes, documents } = model;
  const levels = modelLevels(graph);
  const sites = polynomialSites(model).map((site) => [
    site.name,
    site.function ?? 'not stated',
    `[${short(site.interval[0])}, ${short(site.interval[1])}]`,
    site.degrees,
    `${site.levels}`,
    site.error === undefined ? 'not stated' : short(site.error),
  ]);
  const stages = (card.stages ?? []).map(({ stage, metric, value }) => [stage, metric, short(value)]);
  return `# ${card.name}

${card.description ?? 'A transformer in polynomial form: additions and multiplications only, for inference on encrypted input.'}

- Task: ${task}${problem ? `, ${problem}` : ''}${classes ? ` (${classes.length} classes)` : ''}${documents ? `, in the place of its head the scores of ${documents.length} documents` : ''}
- Data: ${card.data ?? 'not stated'}
- Sequence: ${graph.tokens} tokens
- Levels of the model alone: ${levels.total} (${levels.parts.map((part) => `${part.name} ${part.levels}`).join(', ')})
- Margin of the bounds over calibration: ${card.margin === undefined ? 'not stated' : short(card.margin)}

## Results

${stages.length > 0 ? table(['stage', 'metric', 'value'], stages) : 'No result is stated.'}

## Polynomials

An input that leaves an interval gives a meaningless answer. The interval, and the largest error on it:

${table(['site', 'function', 'interval', 'degree', 'levels', 'error'], sites)}

## What is public

Everything in this folder. ${publicParts(preprocess, graph.tokens)}

Who can query the model and see its logits can train a copy of it (model extraction): limit and log queries where the
model itself is worth protecting.

## Files

\`polynomial.json\` (structure, polynomials, bounds, preparation), \`model.safetensors\` (weights and tables)${
    preprocess.kind === 'text' && preprocess.tokenizer ? ', `tokenizer.json` and `tokenizer_config.json`' : ''
  }${documents ? ', `documents.json`' : ''}.
`;
}

function publicParts(preprocess: PolynomialModel['preprocess'], tokens: number): string {
  if (preprocess.kind === 'image') {
    const { contrast } = preprocess.normalise;
    const limit = contrast === undefined ? '' : `; an image of a standard deviation above ${contrast} is scaled to it`;
    const embeds = preprocess.embedding ? ' The client embeds patches itself, so that map and its normalisation are published.' : ''; // biome-ignore format: short
    return `The size of the image and the normalisation of its pixels are fixed${limit}. The pixels stay with the client.${embeds}`;
  }
  return (
    `Texts are padded or cut to ${tokens} tokens, so the server learns that length and no other; which tokens are ` +
    'padding is encrypted. The client embeds tokens itself, so embeddings, positions and their normalisation are published.'
  );
}
