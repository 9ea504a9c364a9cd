import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConversionRecord, packBits, vitConfig } from '@cipherformer/nn';
import { afterAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli.ts';
import { conversionReport, readReportSource, reportFigures } from '../../src/report/conversion.ts';
import { activationFunction, polynomialCurve } from '../../src/report/figures/polynomials.ts';
import { densityPoints } from '../../src/report/figures/ranges.ts';
import { stageFigure } from '../../src/report/figures/stages.ts';
import { activationSites } from '../../src/report/summary.ts';
import { site, syntheticRecord } from './record.ts';

const folder = mkdtempSync(join(tmpdir(), 'report-'));
afterAll(() => rmSync(folder, { recursive: true }));

const record = syntheticRecord();
const config = vitConfig({
  image: { channels: 1, height: 28, width: 28 },
  patch: 7,
  width: 16,
  layers: 2,
  heads: 2,
  mlpWidth: 32,
  classes: 10,
  pool: 'mean',
});
const pageText = await conversionReport({ record, config });
/** What a reader sees: no tags, no figures. */
const words = pageText
  .replace(/<svg[\s\S]*?<\/svg>/g, ' ')
  .replace(/<style>[\s\S]*?<\/style>/, ' ')
  .replace(/<[^>]+>/g, ' ')
  .replace(/\s+/g, ' ');

describe('the report of a conversion', () => {
  it('needs nothing from outside: no scripts, no requests', () => {
    const withoutNames = pageText.replaceAll('http://www.w3.org/', '');
    expect(withoutNames).not.toMatch(/https?:|<script|<link|<img|<iframe|url\((?!#)|@import|javascript:/i);
    expect(pageText).toContain("default-src 'none'");
  });

  it('says the numbers that matter', () => {
    for (const text of [
      'tiny-vit in polynomial form',
      '98.50 % → 98.00 %',
      '−0.50 points',
      '0.099',
      '20 right only before, 10 only after, of 2,000',
      '3 of 2,000',
      'most at layer 0 mlp: 3',
      '70 → 5.25',
      'largest variance 900 → 90',
      '123,456 parameters',
      '4 of them for polynomials; 18 in the whole model',
      '2 normalisations, one by one',
    ]) {
      expect(words).toContain(text);
    }
  });

  it.each([
    ['runs/books-lm-8/model', 'books-lm-8'],
    ['recipes/adapters/vit-cifar10.json', 'vit-cifar10'],
  ])('calls %s by its name', async (name, called) => {
    expect(await conversionReport({ record: { ...record, name }, config })).toContain(
      `<title>${called} in polynomial form`,
    );
  });

  it('judges the ranges against the targets', () => {
    // 0.9 of 4.5 and 5.25 are the outer quantiles, 3 of 2,000 are outside.
    expect(words).toMatch(/attention activations but for 1 in 10,000 at either end 8 63 4\.05 layer 0 attention yes/);
    expect(words).toMatch(/MLP activations but for 1 in 10,000 at either end 6 28\.1 4\.73 layer 0 mlp yes/);
    expect(words).toMatch(/test examples out of range, of 1,000 1 – 1\.5 – no/);
  });

  it('leaves out a stage whose figure was not finite, and draws the others', () => {
    const exploded = { ...record, stages: record.stages.map((row, i) => (i === 1 ? { ...row, validation: {}, test: {} } : row)) }; // biome-ignore format: short
    const of = (from: ConversionRecord) => JSON.stringify(stageFigure(from));
    const name = record.stages[1]!.name;
    expect(of(record)).toContain(`"stage":"${name}"`);
    expect(of(exploded)).not.toContain(`"stage":"${name}"`);
    expect(of(exploded)).not.toMatch(/"value":null|NaN/);
  });

  it('sets the original, continued, beside the original', async () => {
    const bits = (right: number) => packBits(Array.from({ length: 2000 }, (_, i) => i < right));
    const kept = (result: number) =>
      ({ kind: 'right', examples: 2000, original: bits(1970), result: bits(result) }) as const;
    const { paired: _, exported: __, ...measured } = record;
    const control = { ...measured, control: true, outcomes: kept(1980) } as const;
    const both = await conversionReport({ record: { ...record, outcomes: kept(1960) }, config, control });
    const seen = both
      .replace(/<svg[\s\S]*?<\/svg>/g, ' ')
      .replace(/<[^>]+>/g, ' ')
      .replace(/\s+/g, ' ');
    expect(seen).toContain('original, continued the same training without any change 97.50 98.00');
    expect(seen).toContain('Gap to the original, continued −1.00 points');
    expect(seen).toContain('polynomial - original: −0.50 points');
    expect(seen).toMatch(/better of the two originals \(the continued one\): −1\.00 points/);
  });

  it('leaves out a control of another recipe, and says so', async () => {
    const bits = packBits(Array.from({ length: 20 }, (_, i) => i < 15));
    const outcomes = { kind: 'right', examples: 20, original: bits, result: bits } as const;
    const grown = join(folder, 'grown');
    const put = (path: string, value: unknown) => {
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, 'conversion.json'), JSON.stringify(value));
    };
    const whole = { ...record, outcomes };
    put(grown, whole);
    const stages = record.recipe.stages.slice(0, -1);
    put(join(grown, 'control'), { ...whole, control: true, recipe: { ...record.recipe, stages } });
    const source = readReportSource(grown);
    expect(source.control).toBeUndefined();
    expect(source.unfitControl).toMatch(/its recipe differs.*--control again/);
    expect(await conversionReport(source)).toContain('was left out: the control of models/tiny-vit');
    put(join(grown, 'control'), { ...whole, control: true });
    expect(readReportSource(grown).control).toBeDefined();
  });

  it('escapes what comes from files', () => {
    expect(pageText).toContain('A made-up conversion &lt;for tests&gt;.');
    expect(pageText).not.toContain('<for tests>');
  });

  it('has every figure, each with a text for who cannot see it', () => {
    const figures = [...pageText.matchAll(/<figure id="([^"]+)"/g)].map((match) => match[1]);
    expect(figures).toEqual([
      'stages',
      'ranges',
      'histograms-attention',
      'histograms-mlp',
      'variances',
      'polynomials',
      'levels',
      'front',
      'curves',
    ]);
    const plots = [...pageText.matchAll(/<div class="plot"([^>]*)>/g)].map((match) => match[1]!);
    expect(plots.length).toBe(1 + 1 + 2 + 2 + 1 + 4 + 1 + 1 + 2);
    for (const plot of plots) expect(plot).toMatch(/role="img" .*aria-label="[^"]{20,}"/);
    const ids = [...pageText.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('draws no figure with undefined coordinates', () => {
    expect(pageText).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('reads as numbers of nats where the model is a language model', async () => {
    const stages = record.stages.map((row) => ({
      ...row,
      figure: 'natsPerCharacter',
      validation: { natsPerCharacter: 1.5, natsPerToken: 3 },
      ...(row.test
        ? {
            test: {
              natsPerCharacter: row.name === 'original' ? 1.5 : 1.55,
              natsPerToken: row.name === 'original' ? 3 : 3.1,
            },
          }
        : {}),
    }));
    const { paired: _, ...rest } = record;
    const language: ConversionRecord = { ...rest, stages };
    const text = await conversionReport({ record: language });
    expect(text).toContain('1.5000 → 1.5500');
    expect(text).toContain('+0.0500');
    // exp(3) = 20.09, exp(3.1) = 22.20, their ratio exp(0.1) = 1.105.
    expect(text).toContain('20.09 → 22.20');
    expect(text).toContain('× 1.105');
    expect(text).not.toContain('McNemar’s exact p');
  });
});

describe('what the figures show', () => {
  it('pairs scores under a softmax with the activation that replaced it', () => {
    const first = activationSites(record)[0]!;
    expect(first).toMatchObject({ before: { name: 'layers.0.attention.softmax', max: 70 }, after: { max: 4.5 } });
  });

  it('densities integrate to one', () => {
    const points = densityPoints(site('x', 'mlp-activation', 3));
    const total = points.slice(0, -1).reduce((sum, { x, y }, i) => sum + y * (points[i + 1]!.x - x), 0);
    expect(total).toBeCloseTo(1, 3);
  });

  it('draws the polynomial that is stored, on its interval', () => {
    const p = polynomialCurve(site('x', 'mlp-activation', 2, 2).polynomial!);
    for (const x of [-2.6, -1, 0, 0.5, 2.6]) expect(p(x)).toBeCloseTo((x * x) / 8 + x / 2, 10);
  });

  it('knows the functions by the names of model configurations', () => {
    expect(activationFunction('gelu')(1)).toBeCloseTo(0.8413447, 6);
    expect(activationFunction('gelu_tanh')(1)).toBeCloseTo(0.841192, 6);
    expect(activationFunction('quick_gelu')(1)).toBeCloseTo(1 / (1 + Math.exp(-1.702)), 12);
    for (const name of ['relu', 'silu', 'tanh']) expect(activationFunction(name)(0)).toBe(0);
  });

  it('are SVG documents of their own for a paper', async () => {
    const figures = await reportFigures({ record, config });
    expect(figures.size).toBe(9);
    for (const svg of figures.values())
      expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"[^>]*><title>\w/);
  });
});

describe('cipherformer report', () => {
  it('makes the page again from a folder', async () => {
    writeFileSync(join(folder, 'conversion.json'), JSON.stringify(record));
    expect(await runCli(['report', folder, '--figures', join(folder, 'figures')])).toBe(0);
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('98.50 % → 98.00 %');
    expect(existsSync(join(folder, 'figures', 'polynomials.svg'))).toBe(true);
  });

  it('says what is missing', () => {
    expect(() => readReportSource(join(folder, 'nothing'))).toThrow(/holds no conversion.json.*cipherformer convert/s);
  });
});
