import { useEffect, useRef } from 'preact/hooks';
import type { PageState } from '../state/page-state.ts';

/** Asks whether more answers out of range may be shown. Closed by Escape it is a no. */
export function AllowDialog({ page }: { readonly page: PageState }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const { value: allowing } = page.allowing;
  useEffect(() => {
    if (allowing === undefined) return;
    dialog.current!.returnValue = '';
    dialog.current!.showModal();
  }, [allowing]);
  return (
    <dialog
      ref={dialog}
      id="allow-dialog"
      aria-labelledby="allow-title"
      onClose={({ currentTarget }) => page.answerAllowing(currentTarget.returnValue === 'yes')}
    >
      <form method="dialog">
        <h2 id="allow-title">Many answers were out of range</h2>
        <p id="allow-text">
          {allowing?.outOfRange} answers were out of range with this key. A service that picks its results could learn
          about the key from each one that you react to. If so many are no surprise, the next {allowing?.step} can be
          shown; otherwise delete the key.
        </p>
        <div class="buttons">
          <button type="submit" value="no" autofocus>
            Stop here
          </button>
          <button type="submit" value="yes">
            Show more
          </button>
        </div>
      </form>
    </dialog>
  );
}
