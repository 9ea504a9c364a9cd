// npm run docs:summary -- <record.json> [out.json]: what git keeps of a conversion (conversion.json) or of encrypted answers
// (`eval --encrypted --out`): all figures that tables, `compare` and `ranges` are made of, without curves, histograms and logits.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Without the points of curves and the bars of histograms, which only a conversion's own page draws. */
const conversion = (record) => ({
  ...record,
  stages: record.stages.map((stage) => ({
    ...stage,
    curve: [],
    sites: stage.sites.map((site) => ({ ...site, histogram: { ...site.histogram, counts: [] } })),
  })),
});

/** Largest difference to the answer in clear that a trusted answer has in any logit. */
function largestError(examples) {
  const trusted = examples.filter(({ polynomial, encrypted }) => polynomial && encrypted.trusted);
  const errors = trusted.flatMap(({ polynomial, encrypted }) =>
    polynomial.map((value, k) => Math.abs(value - encrypted.logits[k])),
  );
  return errors.length > 0 ? { largestError: Math.max(...errors) } : {};
}

const answers = ({ examples, ...record }) => ({
  ...record,
  summary: { ...record.summary, ...largestError(examples) },
});

/** A record in short; one that is short already stays as it is. */
export function summaryOf(record) {
  if (record.stages) return conversion(record);
  return record.examples ? answers(record) : record;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [from, to = from] = process.argv.slice(2);
  writeFileSync(to, `${JSON.stringify(summaryOf(JSON.parse(readFileSync(from, 'utf8'))), null, 2)}\n`);
}
