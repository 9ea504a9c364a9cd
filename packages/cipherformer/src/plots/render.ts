import { writeFile } from 'node:fs/promises';
import { optionalPackage, UsageError } from '@cipherformer/base';
import type { TopLevelSpec } from 'vega-lite';

const load = () => Promise.all([import('vega'), import('vega-lite')]);

/**
 * Draws a Vega-Lite specification as a self-contained SVG document.
 * @throws MissingPackageError where vega is not installed: reports and plots alone need its 19 MB
 */
export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  const [{ parse, View }, { compile }] = await optionalPackage(load, {
    name: 'vega',
    purpose: 'Plots are drawn by vega',
    install: 'npm install vega@6 vega-lite@6',
  });
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

/** Writes a drawing. @throws UsageError where it cannot be written */
export async function savePlot(path: string, svg: string): Promise<void> {
  try {
    await writeFile(path, svg);
  } catch (error) {
    throw new UsageError(`the plot cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}
