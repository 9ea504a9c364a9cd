import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluate, prepareInput } from '@cipherformer/model';
import { savePolynomialModel } from '@cipherformer/model/files';
import { tinyModel } from '../commands/tiny-model.ts';

export const model = tinyModel(3);
export const pixels = Array.from({ length: 16 }, (_, i) => (i * 37) % 256);
export const inClear = [...evaluate(model.graph, prepareInput(model, { pixels }))];
export const best = model.classes![inClear.indexOf(Math.max(...inClear))]!;
/** Differences of logits by the noise of a small ring. */
export const tolerance = 1e-3 * Math.max(...inClear.map(Math.abs));

/** A folder of its own for a file of tests. */
export function scratch() {
  const folder = mkdtempSync(join(tmpdir(), 'door-'));
  const at = (name: string) => join(folder, name);
  savePolynomialModel(at('model'), model);
  return { folder, at, dispose: () => rmSync(folder, { recursive: true }) };
}
