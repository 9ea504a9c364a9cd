// The package's loader in a process of its own: another folder, other kernel files, other engine flags.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

export const packageDir = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const hasAddon = existsSync(join(packageDir, 'build/kernels.node'));
export const wasmFiles = ['kernels-wasm.wasm', 'kernels-wasm_relaxed.wasm'] as const;

let work: string | undefined;
let count = 0;

/**
 * A copy of the package with its loader in JavaScript and only the named kernel files: as installed, or as a checkout with the
 * kernels' sources. Gone when the tests end.
 */
export function copyOfPackage(files: readonly string[], kind: 'installed' | 'checkout' = 'installed'): string {
  work ??= mkdtempSync(join(tmpdir(), 'cipherformer-loader-'));
  count += 1;
  const dir = join(work, `copy-${count}`);
  mkdirSync(join(dir, 'build'), { recursive: true });
  writeFileSync(join(dir, 'package.json'), '{"type":"module","version":"1.2.3"}');
  if (kind === 'checkout') mkdirSync(join(dir, 'native'));
  for (const folder of ['errors', 'kernels'])
    writeJavaScript(join(packageDir, 'src', folder), join(dir, 'src', folder));
  // All that the loader imports of other packages.
  const base = join(dir, 'node_modules/@cipherformer/base');
  writeJavaScript(join(packageDir, '../base/src'), base);
  writeFileSync(join(base, 'package.json'), '{"type":"module","exports":"./index.js"}');
  for (const file of files) copyFileSync(join(packageDir, 'build', file), join(dir, 'build', file));
  return dir;
}

function writeJavaScript(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const file of readdirSync(from)) {
    const { outputText } = ts.transpileModule(readFileSync(join(from, file), 'utf8'), {
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2023,
        rewriteRelativeImportExtensions: true,
        verbatimModuleSyntax: true,
      },
    });
    writeFileSync(join(to, file.replace(/\.ts$/, '.js')), outputText);
  }
}

process.on('exit', () => {
  if (work !== undefined) rmSync(work, { recursive: true, force: true });
});

export interface Outcome {
  readonly ok?: unknown;
  readonly error?: { readonly name: string; readonly message: string };
}

export interface ChildOptions {
  readonly flags?: readonly string[];
  readonly env?: Record<string, string>;
}

/** Runs `body` (JavaScript, with `kernels` the package's exports) in a new process and returns what it returns. */
export function inChild(dir: string, body: string, options: ChildOptions = {}): Outcome {
  const script =
    `import * as kernels from ${JSON.stringify(pathToFileURL(join(dir, 'src/kernels/index.js')).href)};\n` +
    `const outcome = await (async () => {\n${body}\n})().then((ok) => ({ ok }), ({ name, message }) => ({ error: { name, message } }));\n` +
    'console.log(JSON.stringify(outcome));\n';
  const env: NodeJS.ProcessEnv = { ...process.env, ...options.env };
  if (!options.env?.CIPHERFORMER_KERNELS) delete env.CIPHERFORMER_KERNELS;
  delete env.NODE_OPTIONS;
  const output = execFileSync(process.execPath, [...(options.flags ?? []), '--input-type=module', '-e', script], {
    env,
  });
  return JSON.parse(output.toString()) as Outcome;
}
