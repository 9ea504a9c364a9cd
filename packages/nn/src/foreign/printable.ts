/**
 * What a terminal would act on instead of showing it: control characters (C0, DEL, C1), characters that reverse the
 * direction of the text around them, line separators, halves of surrogate pairs.
 */
const control = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** Whether text can be shown as it is, on one line. */
export function isPrintable(text: string): boolean {
  return text.search(control) < 0;
}

/** Text of unknown origin, safe to show: each control character as "\u001b". Those of `keep` (a line feed, say) stay. */
export function escapeControls(text: string, keep = ''): string {
  return text.replace(control, (character) =>
    keep.includes(character) ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Escaped and, where it is longer than `most` characters, cut: a stranger's text inside a message of ours. */
export function excerpt(text: string, most = 200): string {
  return escapeControls(text.length > most ? `${text.slice(0, most)}...` : text);
}
