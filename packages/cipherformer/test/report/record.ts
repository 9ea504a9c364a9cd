import { type ConversionRecord, conversionFormat, parseConversion, type SiteRecord } from '@cipherformer/nn';

/** A site with a bell-shaped histogram from -reach to reach. */
export function site(name: string, kind: SiteRecord['kind'], reach: number, degree?: number): SiteRecord {
  const counts = Array.from({ length: 64 }, (_, i) => Math.round(1e5 * Math.exp(-(((i - 31.5) / 10) ** 2) / 2)));
  const low = kind === 'norm-variance' ? reach / 9 : -reach;
  return {
    name,
    kind,
    min: low,
    max: reach,
    mean: (low + reach) / 2,
    deviation: reach / 3,
    quantiles: { low4: 0.9 * low, low2: 0.6 * low, median: 0, high2: 0.6 * reach, high4: 0.9 * reach },
    histogram: { low, high: reach, counts },
    ...(degree !== undefined && {
      polynomial: {
        low: -1.3 * reach,
        high: 1.3 * reach,
        // x^2 / 8 + x / 2 and nothing above.
        coefficients: [(1.69 * reach ** 2) / 16, 0.65 * reach, (1.69 * reach ** 2) / 16].slice(0, degree + 1),
        degree,
        levels: 2,
        largestError: 0.25,
        meanError: 0.0125,
      },
    }),
  };
}

const curve = Array.from({ length: 5 }, (_, i) => ({
  step: 20 * (i + 1),
  loss: 1 / (i + 1),
  learningRate: 1e-3,
  gradientNorm: 1,
  terms: { task: 0.5 / (i + 1), distillation: 0.3 / (i + 1), range: 0 },
}));

/** Two layers; every value was chosen by hand, so that tests can name what the page has to say. */
export function syntheticRecord(): ConversionRecord {
  const row = { change: 'a change', complete: true, steps: 100, seconds: 61, rollbacks: 0, figure: 'accuracy', curve };
  const layers = [0, 1];
  const before = layers.flatMap((l) => [
    site(`layers.${l}.norm1.variance`, 'norm-variance', 900),
    site(`layers.${l}.attention.softmax`, 'attention-softmax', 70),
    site(`layers.${l}.mlp.activation`, 'mlp-activation', 31.25),
  ]);
  const after = (degree?: number) =>
    layers.flatMap((l) => [
      site(`layers.${l}.norm1.variance`, 'norm-variance', 90),
      site(`layers.${l}.attention.activation`, 'attention-activation', 4.5, degree),
      site(`layers.${l}.mlp.activation`, 'mlp-activation', 5.25, degree),
    ]);
  const degrees = { 'layers.0.attention.activation': 2, 'layers.0.mlp.activation': 2 };
  return {
    format: conversionFormat,
    name: 'models/tiny-vit',
    recipe: parseConversion(
      {
        name: 'tiny-vit-polynomial',
        description: 'A made-up conversion <for tests>.',
        data: {
          kind: 'mnist',
          train: { images: 'a', labels: 'b' },
          test: { images: 'a', labels: 'b' },
          validation: 20,
          normalise: { mean: [0.1], deviation: [0.3] },
        },
        batch: 20,
        stages: [
          { name: 'attention', change: { kind: 'attention' }, train: { epochs: 2 } },
          { name: 'norms', change: { kind: 'freeze-norms' }, train: { epochs: 1 } },
          { name: 'polynomials', description: 'Degree 2 everywhere.', change: { kind: 'substitute' } },
        ],
      },
      'test',
    ),
    machine: 'a machine, Node v20',
    parameters: 123456,
    stages: [
      {
        ...row,
        name: 'original',
        change: '',
        steps: 0,
        curve: [],
        validation: { accuracy: 0.99, loss: 0.03 },
        test: { accuracy: 0.985, loss: 0.04 },
        sites: before,
      },
      {
        ...row,
        name: 'attention',
        rollbacks: 2,
        validation: { accuracy: 0.98, loss: 0.05 },
        test: { accuracy: 0.975, loss: 0.06 },
        sites: after(),
      },
      { ...row, name: 'norms/layers.0.norm1', complete: false, validation: { accuracy: 0.97, loss: 0.07 }, sites: [] },
      {
        ...row,
        name: 'norms/layers.1.norm1',
        validation: { accuracy: 0.97, loss: 0.07 },
        test: { accuracy: 0.968, loss: 0.07 },
        sites: after(),
      },
      {
        ...row,
        name: 'polynomials',
        curve: [],
        validation: { accuracy: 0.975, loss: 0.06 },
        test: { accuracy: 0.98, loss: 0.05 },
        sites: after(2),
        front: [
          { levels: 8, loss: 0.05, degrees },
          { levels: 12, loss: 0.04, degrees: { ...degrees, 'layers.0.mlp.activation': 5 } },
        ],
      },
    ],
    levels: { 'layers.0': 4, 'layers.1': 4 },
    outOfRange: {
      validation: { examples: 20, any: 0, sites: { 'layers.0.mlp.activation': 0, 'layers.1.mlp.activation': 0 } },
      test: { examples: 2000, any: 3, sites: { 'layers.0.mlp.activation': 3, 'layers.1.mlp.activation': 0 } },
    },
    exported: { levels: { total: 18, parts: [{ name: 'layers.0', levels: 8 }] }, logitDifference: 1e-6 },
    paired: { examples: 2000, onlyOriginal: 20, onlyPolynomial: 10, p: 0.0987 },
    seconds: 244,
  };
}
