import type { ConversionRecord, StageRecord } from '@cipherformer/nn';
import type { Figure, Panel } from '../../page/figure.ts';
import { plotColours } from '../../plots/theme.ts';
import { activationSites } from '../summary.ts';

const parts = ['attention', 'MLP', 'head', 'linear maps and products'] as const;
const partColours = [plotColours.main, '#00795a', '#8a4b00', '#6b6b6b'];

/** The levels that the polynomials of each layer take. */
export function levelsFigure(record: ConversionRecord): Figure | undefined {
  const values = activationSites(record).flatMap(({ name, after: { kind, polynomial } }) => {
    if (!polynomial) return [];
    const part = kind === 'attention-activation' ? parts[0] : kind === 'mlp-activation' ? parts[1] : parts[2];
    const place = /^layers\.(\d+)/.exec(name)?.[1];
    const label = `${polynomial.levels} (degree ${polynomial.degree})`;
    return [{ place: place === undefined ? 'head' : `layer ${place}`, part, levels: polynomial.levels, label }];
  });
  if (values.length === 0) return undefined;
  const total = values.reduce((sum, { levels }) => sum + levels, 0);
  // The exported graph knows what a layer takes in all; the rest of it are linear maps and products.
  const { exported } = record;
  const others = (exported?.levels.parts ?? []).flatMap(({ name, levels }) => {
    const layer = /^layers\.(\d+)/.exec(name)?.[1];
    const place = layer === undefined ? name : `layer ${layer}`;
    const own = values.reduce((sum, value) => sum + (value.place === place ? value.levels : 0), 0);
    return levels > own ? [{ place, part: parts[3], levels: levels - own, label: `${levels - own}` }] : [];
  });
  const places = [...new Set([...others, ...values].map(({ place }) => place))];
  const used = parts.filter((part) => [...values, ...others].some((value) => value.part === part));
  const x = { field: 'from', type: 'quantitative' as const };
  let before = '';
  let at = 0;
  const inOrder = places.flatMap((place) => [...values, ...others].filter((value) => value.place === place));
  const placed = inOrder.map((value) => {
    at = value.place === before ? at : 0;
    before = value.place;
    const from = at;
    at += value.levels;
    return { ...value, from, to: at, middle: (from + at) / 2 };
  });
  return {
    id: 'levels',
    caption: `Levels (multiplications one after another) of the polynomials of each layer, ${total} in all${exported ? `, and of what is between them: ${exported.levels.total} for the whole model` : ''}; packing and bootstrapping add theirs.`,
    alt: `Levels of the polynomials: ${values.map((v) => `${v.place} ${v.part} ${v.label}`).join(', ')}.`,
    columns: 1,
    panelWidth: 640,
    panels: [
      {
        name: '',
        panel: {
          width: 520,
          height: { step: 24 },
          data: { values: placed },
          encoding: { y: { field: 'place', type: 'nominal', sort: null, axis: { title: null, ticks: false } } },
          layer: [
            {
              mark: { type: 'bar', opacity: 1, stroke: '#ffffff', strokeWidth: 1 },
              encoding: {
                x: { ...x, axis: { title: 'levels', tickMinStep: 1, format: 'd' } },
                x2: { field: 'to' },
                color: {
                  field: 'part',
                  type: 'nominal',
                  scale: { domain: used, range: used.map((part) => partColours[parts.indexOf(part)]!) },
                },
              },
            },
            {
              mark: { type: 'text', color: '#fefefe', fontSize: 11 },
              encoding: { x: { field: 'middle', type: 'quantitative' }, text: { field: 'label' } },
            },
          ],
        },
      },
    ],
  };
}

/** The choices of degrees that no other beats: fewer levels to the left, lower loss below; the chosen one filled. */
export function frontFigure(record: ConversionRecord): Figure | undefined {
  const searched = record.stages.filter(({ front }) => front !== undefined && front.length > 0);
  if (searched.length === 0) return undefined;
  return {
    id: 'front',
    caption:
      'The search for degrees: validation loss right after substitution, before fine-tuning, against the levels of all polynomials together. ' +
      'Each point is a choice of degrees that no other beats; filled, the one taken.',
    alt: 'Validation loss against levels of the choices of degrees,',
    columns: 1,
    panelWidth: 640,
    panels: searched.map((row) => ({ name: `stage ${row.name}`, panel: frontPanel(row) })),
  };
}

function frontPanel({ name, sites, front }: StageRecord): Panel {
  const taken = new Map(sites.flatMap((site) => (site.polynomial ? [[site.name, site.polynomial.degree]] : [])));
  const values = front!.map(({ levels, loss, degrees }) => ({
    levels,
    loss,
    taken: Object.entries(degrees).every(([site, degree]) => taken.get(site) === degree),
  }));
  const encoding = {
    x: {
      field: 'levels',
      type: 'quantitative' as const,
      scale: { zero: false },
      axis: { title: 'levels of all polynomials', tickMinStep: 1, format: 'd' },
    },
    y: {
      field: 'loss',
      type: 'quantitative' as const,
      scale: { zero: false },
      axis: { title: 'validation loss (nats)', tickCount: 6 },
    },
  };
  return {
    width: 520,
    height: 220,
    ...(front!.length > 0 ? { title: { text: name, fontSize: 12, offset: 4 } } : {}),
    layer: [
      {
        data: { values },
        mark: { type: 'line', interpolate: 'step-after', color: plotColours.reference, strokeWidth: 1.2 },
        encoding,
      },
      {
        data: { values: values.filter((point) => !point.taken) },
        mark: { type: 'point', filled: true, color: '#ffffff', stroke: plotColours.main, size: 50, opacity: 1 },
        encoding,
      },
      {
        data: { values: values.filter((point) => point.taken) },
        mark: { type: 'point', filled: true, color: plotColours.error, size: 95, opacity: 1 },
        encoding,
      },
    ],
  };
}
