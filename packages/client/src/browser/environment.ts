import { BrowserError } from './failure.ts';

const newer = 'open it in a current Chrome, Edge, Firefox or Safari';

/** (module (func (result v128) (v128.const i32x4 0 0 0 0))): engines without SIMD refuse it. */
const simdProbe = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 22, 1, 20, 0, 253, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 11,
]);

/**
 * What this page cannot do in this browser, in words; undefined where everything is there. Asks nothing and keeps nothing.
 */
export function lackingFeature(): BrowserError | undefined {
  const lacks = (message: string, hint: string) => new BrowserError(message, { hint });
  if (!isSecureContext || globalThis.crypto?.subtle === undefined)
    return lacks(
      'This page came over plain http from another machine, where browsers have no encryption',
      'open it at https://, or on the machine itself at http://localhost (ssh -L 8080:localhost:8080 does that from afar)',
    );
  if (!('indexedDB' in globalThis) || !('locks' in navigator))
    return lacks('This browser keeps no keys for pages', newer);
  if (!('Worker' in globalThis) || !('WebAssembly' in globalThis))
    return lacks('This browser has no WebAssembly, or blocks it', `${newer}, without a mode that switches it off`);
  if (!WebAssembly.validate(simdProbe))
    return lacks('This browser’s WebAssembly has no SIMD, without which keys would take an hour', newer);
  return undefined;
}
