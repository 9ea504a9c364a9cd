/**
 * What a terminal would act on instead of showing it: control characters (C0, DEL, C1), characters that reverse the
 * direction of the text around them, line separators, halves of surrogate pairs.
 */
const control = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** Text of unknown origin, safe to show: each control character as "\u001b". Those of `keep` (a line feed, say) stay. */
export function escapeControls(text: string, keep = ''): string {
  return text.replace(control, (character) =>
    keep.includes(character) ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
