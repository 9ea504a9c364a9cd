// Where kernels come from: built in a checkout of the repository, or installed with packages. And so how missing ones are had.
import { node } from './node.ts';

/** Platforms for which native kernels are packed (scripts/pack.mjs), as `process.platform`-`process.arch`-libc. */
export const packedPlatforms = ['linux-x64-gnu', 'linux-arm64-gnu'] as const;

/** The package with this platform's native kernels; undefined where there is none. */
export function platformPackage(
  { platform, arch }: { readonly platform: string; readonly arch: string } = node!,
): string | undefined {
  const found = packedPlatforms.find((name) => name.startsWith(`${platform}-${arch}-`));
  return found && `@cipherformer/ckks-${found}`;
}

/** By a name, so that bundlers do not look for it. */
const sources = '../../native/';

/** Whether this is a checkout, with the sources of the kernels. */
function inCheckout(): boolean {
  return node!.getBuiltinModule('node:fs').existsSync(new URL(sources, import.meta.url));
}

/** How native kernels are had here. */
export function nativeFix(): string {
  if (inCheckout()) return 'install a C++ compiler (Debian: apt-get install g++) and run npm run build';
  const name = platformPackage();
  if (name === undefined)
    return `there are none for ${node!.platform}-${node!.arch}, so WebAssembly is used, several times slower`;
  const { createRequire } = node!.getBuiltinModule('node:module');
  const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };
  return `npm install ${name}@${version} (it needs glibc 2.28 or newer)`;
}

/** How WebAssembly kernels are had again. */
export function wasmFix(): string {
  if (!node) return 'serve its file whole, beside this module';
  return inCheckout() ? 'run npm run build' : 'install @cipherformer/ckks again';
}
