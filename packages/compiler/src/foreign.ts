/** For whoever reads what strangers wrote: JSON checked before it is used, text escaped before it is shown. */
export { type ForeignJsonOptions, findings, parseForeignJson } from './files/foreign-json.ts';
export { escapeControls, excerpt, isPrintable } from './files/printable.ts';
