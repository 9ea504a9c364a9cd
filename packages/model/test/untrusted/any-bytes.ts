// What a reader of foreign JSON may be given.
import fc from 'fast-check';

export const bytesOf = (text: string) => new TextEncoder().encode(text);
/** Any bytes, JSON of any shape, JSON cut or with bytes changed. */
export const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.json({ maxDepth: 6 }).map(bytesOf),
  fc.constantFrom('null', '[]', '""', '0', '', '{"__proto__": null}', '\ufeff{}', '{"name":"\\ud800","list":[]}', '['.repeat(500)).map(bytesOf),
  fc.tuple(fc.json(), fc.nat(), fc.nat(255)).map(([text, at, byte]) => {
    const bytes = bytesOf(text);
    bytes[at % Math.max(1, bytes.length)] = byte;
    return bytes;
  }),
); // biome-ignore format: a list
