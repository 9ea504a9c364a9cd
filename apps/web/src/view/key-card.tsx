import type { KeyState } from '@cipherformer/client/browser';
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { PageState } from '../state/page-state.ts';
import { bytesText } from '../units.ts';

/** Shortest passphrase of an export. */
const minPassphrase = 12;

/** The secret key: what there is of it, and what can be done with it. */
export function KeyCard({ page }: { readonly page: PageState }) {
  const { value: program } = page.current;
  const busy = program?.busy.value ?? true;
  const has = page.hasSecret.value;
  const exporting = useRef<HTMLDialogElement>(null);
  const importing = useRef<HTMLDialogElement>(null);
  const forgetting = useRef<HTMLDialogElement>(null);
  return (
    <section class="card" aria-labelledby="key-title">
      <h2 id="key-title">Your key</h2>
      <p id="key-state">{keyText(program?.keys.value)}</p>
      <p class="quiet" role="status">{page.keyNote.value}</p>
      <div class="buttons">
        <button type="button" id="take-along" disabled={busy || !has} onClick={() => exporting.current!.showModal()}>Export …</button>
        <button type="button" id="take-in" disabled={busy} onClick={() => importing.current!.showModal()}>Import …</button>
        <button type="button" id="forget" class="danger" disabled={busy || !has} onClick={() => forgetting.current!.showModal()}>Delete …</button>
      </div>
      <PassphraseDialog dialog={exporting} id="export-dialog" title="Take your key along" action="Save the file"
        text={`The key is sealed with a passphrase of your choice, at least ${minPassphrase} characters, and saved as a file. With both it can be used in another browser.`}
        onPassphrase={(passphrase) => void page.exportKey(passphrase)} />
      <ImportDialog dialog={importing} page={page} />
      <dialog ref={forgetting} id="forget-dialog" aria-labelledby="forget-title" onClose={({ currentTarget }) => {
        if (currentTarget.returnValue === 'yes') void page.deleteKey();
        currentTarget.returnValue = '';
      }}>
        <form method="dialog">
          <h2 id="forget-title">Delete your key?</h2>
          <p>
            The secret key is erased from this browser and your evaluation keys from the service. Nothing encrypted with it can ever be
            opened again. Your next question makes a new key and sends{' '}
            {program?.facts.value ? `${bytesText(program.facts.value.keyBytes)} of evaluation keys` : 'its evaluation keys'} again.
          </p>
          <div class="buttons">
            <button type="submit" value="no" autofocus>Keep it</button>
            <button type="submit" value="yes" class="danger">Delete it</button>
          </div>
        </form>
      </dialog>
    </section>
  );
} // biome-ignore format: markup

interface PassphraseDialogProps {
  readonly dialog: { current: HTMLDialogElement | null };
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly action: string;
  readonly onPassphrase: (passphrase: string) => void;
}

function PassphraseDialog({ dialog, id, title, text, action, onPassphrase }: PassphraseDialogProps) {
  const passphrase = useSignal('');
  return (
    <dialog ref={dialog} id={id} aria-labelledby={`${id}-title`}>
      <form method="dialog" onSubmit={() => {
        onPassphrase(passphrase.value);
        passphrase.value = '';
      }}>
        <h2 id={`${id}-title`}>{title}</h2>
        <p>{text}</p>
        <label class="field" for={`${id}-passphrase`}>Passphrase</label>
        <input id={`${id}-passphrase`} type="password" required minLength={minPassphrase} autocomplete="new-password" value={passphrase.value} onInput={({ currentTarget }) => { passphrase.value = currentTarget.value; }} />
        <div class="buttons">
          <button type="button" onClick={() => dialog.current!.close()}>Cancel</button>
          <button type="submit" class="primary">{action}</button>
        </div>
      </form>
    </dialog>
  );
} // biome-ignore format: markup

function ImportDialog({ dialog, page }: { readonly dialog: { current: HTMLDialogElement | null }; readonly page: PageState }) {
  const file = useRef<HTMLInputElement>(null);
  const passphrase = useSignal('');
  return (
    <dialog ref={dialog} id="import-dialog" aria-labelledby="import-title">
      <form method="dialog" onSubmit={() => {
        const [chosen] = file.current!.files ?? [];
        if (chosen !== undefined) void page.importKey(chosen, passphrase.value);
        passphrase.value = '';
      }}>
        <h2 id="import-title">Take a key in</h2>
        <p>The key of the file takes the place of the one that is here, which is erased.</p>
        <label class="field" for="import-file">File</label>
        <input id="import-file" ref={file} type="file" required />
        <label class="field" for="import-passphrase">Passphrase</label>
        <input id="import-passphrase" type="password" required autocomplete="off" value={passphrase.value} onInput={({ currentTarget }) => { passphrase.value = currentTarget.value; }} />
        <div class="buttons">
          <button type="button" onClick={() => dialog.current!.close()}>Cancel</button>
          <button type="submit" class="primary">Take it in</button>
        </div>
      </form>
    </dialog>
  );
} // biome-ignore format: markup

function keyText(keys: KeyState | undefined): string {
  if (keys === undefined) return 'Looking whether there is one …';
  if (keys === 'nothing') return 'There is none yet. It is made in this browser when you ask for the first time.';
  if (keys === 'ready') return 'It is in this browser, and its evaluation keys are at the service.';
  return 'It is in this browser. Its evaluation keys are not all at the service yet: the next question goes on where it stopped.';
}
