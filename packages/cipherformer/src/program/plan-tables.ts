import type { Plan, PlanRow } from '@cipherformer/compiler';
import { renderTable } from '../terminal/table.ts';

/** A plan part by part. */
export function partTable({ rows, total }: Plan): string {
  const head = [
    'part',
    'level in',
    'out',
    'ciphertexts',
    'rotations',
    'products',
    'plaintexts',
    'bootstraps',
    'seconds',
  ];
  const cells = ({ rotations, products, plaintexts, bootstraps, seconds }: Omit<PlanRow, 'source'> | Plan['total']) => [
    rotations,
    products,
    plaintexts,
    bootstraps,
    seconds.toFixed(2),
  ];
  return renderTable(head, [
    ...rows.map((row) => [row.source, row.levelIn, row.levelOut, row.ciphertexts, ...cells(row)]),
    ['total', '', '', '', ...cells(total)],
  ]);
}

/** A plan layer by layer. */
export function layerTable({ layers, total }: Plan): string {
  const rows = [...layers, ['total', total] as const].map(([name, counts]) => [
    name,
    counts.rotations,
    counts.products,
    counts.plaintexts,
    counts.bootstraps,
    counts.seconds.toFixed(2),
  ]);
  return renderTable(['layer', 'rotations', 'products', 'plaintexts', 'bootstraps', 'seconds'], rows);
}
