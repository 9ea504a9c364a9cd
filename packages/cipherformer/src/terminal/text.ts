import { escapeControls } from '@cipherformer/base';

const esc = String.fromCharCode(27);
/** Bold, dim and the colours, as we write them: nothing that moves, hides or asks. */
const styles = new RegExp(`(${esc}\\[(?:1|2|22|3\\d)m)`, 'u');

/**
 * Text for a terminal in which names of strangers may stand (files, models, parts of programs): their control characters are
 * shown, not obeyed. Line feeds, tabs and our own styles stay.
 */
export function showable(text: string): string {
  return text
    .split(styles)
    .map((part, i) => (i % 2 === 1 ? part : escapeControls(part, '\n\t')))
    .join('');
}
