import type { ProgramChange } from '@cipherformer/client/browser';
import { useEffect, useRef } from 'preact/hooks';
import type { Allowing, PageState } from '../state/page-state.ts';
import { bytesText } from '../units.ts';

/** Asks whether more answers out of range may be shown, or another program than before be used. Closed by Escape it is a no. */
export function AllowDialog({ page }: { readonly page: PageState }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const { value: allowing } = page.allowing;
  useEffect(() => {
    if (allowing === undefined) return;
    dialog.current!.returnValue = '';
    dialog.current!.showModal();
  }, [allowing]);
  const words = allowing && wordsOf(allowing);
  return (
    <dialog
      ref={dialog}
      id="allow-dialog"
      aria-labelledby="allow-title"
      onClose={({ currentTarget }) => page.answerAllowing(currentTarget.returnValue === 'yes')}
    >
      <form method="dialog">
        <h2 id="allow-title">{words?.title}</h2>
        <p id="allow-text">{words?.text}</p>
        <div class="buttons">
          <button type="submit" value="no">
            Stop here
          </button>
          <button type="submit" value="yes">
            {words?.yes}
          </button>
        </div>
      </form>
    </dialog>
  );
}

function wordsOf(allowing: Allowing): { readonly title: string; readonly text: string; readonly yes: string } {
  if (allowing.what === 'change')
    return { title: 'The service changed its program', text: changeText(allowing.change), yes: 'Use the new one' };
  const { outOfRange, step } = allowing;
  return {
    title: 'Many answers were out of range',
    text:
      `${outOfRange} answers were out of range with this key. A service that picks its results could learn about the key from ` +
      `each one that you react to. If so many are no surprise, the next ${step} can be shown; otherwise delete the key.`,
    yes: 'Show more',
  };
}

function changeText({ name, before, now, keptParts, newParts, newBytes }: ProgramChange): string {
  const [was, is] = [before, now].map(({ digest }) => digest.slice(0, 12));
  const keys =
    newParts === 0
      ? 'Your keys serve it as they are.'
      : `Of its keys ${keptParts} parts are at the service already; ${newParts} (${bytesText(newBytes)}) would be made and sent.`;
  return (
    `Under the name ${name} it has the program ${is} now, in the place of ${was}, which you have asked before. ${keys} ` +
    'Nothing was made or sent yet. If you do not know why it changed, ask whoever runs the service.'
  );
}
