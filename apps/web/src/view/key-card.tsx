import type { KeyState } from '@cipherformer/client/browser';
import type { PageState } from '../state/page-state.ts';
import type { DialogReference, KeyDialogReferences } from './key-dialogs.tsx';

/** The secret key: what there is of it, and what can be done with it. */
export function KeyCard({ page, dialogs }: { readonly page: PageState; readonly dialogs: KeyDialogReferences }) {
  const { value: program } = page.current;
  const busy = program?.busy.value ?? true;
  const has = page.hasSecret.value;
  const sealed = page.sealed.value;
  const show = ({ current }: DialogReference) => current!.showModal();
  return (
    <section class="card" aria-labelledby="key-title">
      <h2 id="key-title">Your key</h2>
      <p id="key-state">
        {keyText(program?.keys.value, has)}
        {sealed && ' A passphrase seals it.'}
      </p>
      <p class="quiet" role="status">
        {page.keyNote.value}
      </p>
      <div class="buttons">
        <button type="button" id="seal" disabled={busy} onClick={() => show(dialogs.sealing)}>
          Passphrase …
        </button>
        <button type="button" id="take-along" disabled={busy || !has} onClick={() => show(dialogs.exporting)}>
          Export …
        </button>
        <button type="button" id="take-in" disabled={busy} onClick={() => show(dialogs.importing)}>
          Import …
        </button>
        <button
          type="button"
          id="forget"
          class="danger"
          disabled={busy || !has}
          onClick={() => show(dialogs.forgetting)}
        >
          Delete …
        </button>
      </div>
    </section>
  );
}

function keyText(keys: KeyState | undefined, has: boolean): string {
  if (keys === 'nothing') return 'There is none yet. It is made in this browser when you ask for the first time.';
  if (keys === 'ready') return 'It is in this browser, and its evaluation keys are at the service.';
  if (keys === 'unfinished')
    return 'It is in this browser. Its evaluation keys are not all at the service yet: the next question goes on where it stopped.';
  return has ? 'It is in this browser.' : 'Looking whether there is one …';
}
