import type { ConversionRecord, MeasuredConversion, ModelConfig, SiteRecord, StageRecord } from '@cipherformer/nn';

/** What a report is made from: the record, and the configuration of the model where it is at hand. */
export interface ReportSource {
  readonly record: ConversionRecord;
  /** Names the functions that polynomials replaced, which the record leaves out. */
  readonly config?: ModelConfig;
  /** The original trained on by the same recipe, where that was done. */
  readonly control?: MeasuredConversion;
  /** Why the control that lies there was left out: it is of the recipe before stages were added, say. */
  readonly unfitControl?: string;
}

/** A site before and after: the last stage's record, and the original's where the original has the place. */
export interface SiteChange {
  readonly name: string;
  readonly before?: SiteRecord;
  readonly after: SiteRecord;
}

/** Whether people read a figure in percent. */
export const isShare = (figure: string): boolean => figure === 'accuracy' || figure === 'agreement';

export const completeStages = ({ stages }: ConversionRecord): readonly StageRecord[] =>
  stages.filter(({ complete }) => complete);

export const lastStage = (record: ConversionRecord): StageRecord => completeStages(record).at(-1)!;

/** The activations, as they are after the last stage. Scores under a softmax become inputs of an activation. */
export function activationSites(record: ConversionRecord): SiteChange[] {
  return changes(record, ({ kind }) => kind !== 'norm-variance' && kind !== 'attention-softmax');
}

/** The variances at normalisations; at a frozen one nothing is divided by them any more. */
export function varianceSites(record: ConversionRecord): SiteChange[] {
  return changes(record, ({ kind }) => kind === 'norm-variance');
}

function changes(record: ConversionRecord, wanted: (site: SiteRecord) => boolean): SiteChange[] {
  const original = new Map(record.stages[0]!.sites.map((site) => [site.name, site]));
  return lastStage(record)
    .sites.filter(wanted)
    .map((after) => {
      const { name } = after;
      const before = original.get(name) ?? original.get(name.replace(/\.activation$/, '.softmax'));
      return { name, after, ...(before ? { before } : {}) };
    });
}

/** "layers.3.attention.activation" -> "layer 3 attention" */
export function siteLabel(name: string): string {
  return name
    .replace(/^layers\.(\d+)\./, 'layer $1 ')
    .replace(/\.(activation|softmax|variance)$/, '')
    .replace(/\./g, ' ');
}

/** The name of the function that a site's polynomial stands for, if it is known. */
export function functionAt({ config }: ReportSource, { kind }: Pick<SiteRecord, 'kind'>): string | undefined {
  if (!config) return undefined;
  const activation =
    kind === 'attention-activation'
      ? config.attention.activation
      : kind === 'mlp-activation'
        ? config.mlp.activation
        : config.head.hidden?.activation;
  return typeof activation === 'string' ? activation : undefined;
}

/** Part of a figure's value a reader compares: percent of an accuracy, nats otherwise. */
export interface Gap {
  readonly original: number;
  readonly polynomial: number;
  readonly split: 'test' | 'validation';
}

/** The figure of the original and of the result, on test data where they were measured there. */
export function gap(record: ConversionRecord): Gap {
  const first = record.stages[0]!;
  const last = lastStage(record);
  const split = first.test && last.test ? 'test' : 'validation';
  const of = (row: StageRecord) => (split === 'test' ? row.test! : row.validation)[row.figure] ?? Number.NaN;
  return { original: of(first), polynomial: of(last), split };
}

/** The widest |value| at a kind of site, before and after. */
export function largest(sites: readonly SiteChange[]): { readonly before: number; readonly after: number } {
  const reach = (site: SiteRecord | undefined) => (site ? Math.max(Math.abs(site.min), Math.abs(site.max)) : 0);
  return {
    before: Math.max(0, ...sites.map(({ before }) => reach(before))),
    after: Math.max(0, ...sites.map(({ after }) => reach(after))),
  };
}
