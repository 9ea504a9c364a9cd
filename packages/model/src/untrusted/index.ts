/** For whoever reads what strangers wrote: text and JSON checked before they are used, escaped before they are shown. Browsers and Node. */
export {
  checkForeign,
  type ForeignJsonOptions,
  parseForeignJson,
  parseJson,
  parseMetadata,
  problems,
  words,
} from './json.ts';
export { excerpt, isPrintable, listed, shown } from './printable.ts';
export { decodeUtf8, type Line, loneReturn, type NamedBytes, splitLines } from './text.ts';
