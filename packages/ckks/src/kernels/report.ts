import { node } from './node.ts';

/** What one half of the kernel build did: native or WebAssembly. */
export interface BuildOutcome {
  readonly built: boolean;
  readonly builds?: readonly string[];
  readonly compiler?: string;
  /** Why it was not built. */
  readonly reason?: string;
}

/** What scripts/build-kernels.mjs left behind. */
export interface BuildReport {
  readonly native: BuildOutcome;
  readonly wasm: BuildOutcome;
}

/** The report of the last kernel build, or undefined when there was none. Node only. */
export async function readBuildReport(): Promise<BuildReport | undefined> {
  try {
    const { readFile } = node!.getBuiltinModule('node:fs/promises');
    // Bundlers look for files that are named so; packages have none.
    const file = new URL(/* @vite-ignore */ '../../build/report.json', import.meta.url);
    return JSON.parse(await readFile(file, 'utf8')) as BuildReport;
  } catch {
    return undefined;
  }
}
