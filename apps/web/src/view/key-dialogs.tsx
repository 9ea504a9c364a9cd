import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { PageState } from '../state/page-state.ts';
import { bytesText } from '../units.ts';

/** Shortest passphrase: as an export takes it. */
const minPassphrase = 12;

export interface DialogReference {
  current: HTMLDialogElement | null;
}

interface DialogProps {
  readonly dialog: DialogReference;
  readonly page: PageState;
}

/** What can be done with the key, each in a dialog. */
export interface KeyDialogReferences {
  readonly sealing: DialogReference;
  readonly exporting: DialogReference;
  readonly importing: DialogReference;
  readonly forgetting: DialogReference;
}

export function useKeyDialogs(): KeyDialogReferences {
  const [sealing, exporting, importing, forgetting] = [dialogReference(), dialogReference(), dialogReference(), dialogReference()]; // biome-ignore format: one line
  return { sealing, exporting, importing, forgetting };
}

const dialogReference = () => useRef<HTMLDialogElement>(null);

/** The dialogs of the key, apart from its card: what a window's width moves would close them. */
export function KeyDialogs({ page, dialogs }: { readonly page: PageState; readonly dialogs: KeyDialogReferences }) {
  return (
    <>
      <SealDialog dialog={dialogs.sealing} page={page} />
      <ExportDialog dialog={dialogs.exporting} page={page} />
      <ImportDialog dialog={dialogs.importing} page={page} />
      <ForgetDialog dialog={dialogs.forgetting} page={page} />
    </>
  );
}

/** Takes the key along, as a file. */
function ExportDialog({ dialog, page }: DialogProps) {
  return (
    <NewPassphraseDialog
      dialog={dialog}
      id="export-dialog"
      title="Take your key along"
      text={`The key is sealed with a passphrase of your choice, at least ${minPassphrase} characters, and saved as a file. With both it can be used in another browser.`}
      action="Save the file"
      onPassphrase={(passphrase) => void page.exportKey(passphrase)}
    />
  );
}

/** Seals the key in this browser. */
function SealDialog({ dialog, page }: DialogProps) {
  const sealed = page.sealed.value;
  return (
    <NewPassphraseDialog
      dialog={dialog}
      id="seal-dialog"
      title={sealed ? 'Another passphrase, or none' : 'Seal your key with a passphrase'}
      text={`Without it nobody can ask with your key in this browser, and nobody can recover it. It has at least ${minPassphrase} characters, and is asked for when the page is opened.`}
      action="Seal the key"
      onPassphrase={(passphrase) => void page.sealKey(passphrase)}
      {...(sealed ? { onNone: () => void page.sealKey(undefined) } : {})}
    />
  );
}

interface NewPassphraseProps {
  readonly dialog: DialogReference;
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly action: string;
  readonly onPassphrase: (passphrase: string) => void;
  /** Where a passphrase may be taken away. */
  readonly onNone?: () => void;
}

function NewPassphraseDialog({ dialog, id, title, text, action, onPassphrase, onNone }: NewPassphraseProps) {
  const passphrase = useSignal('');
  const close = () => dialog.current!.close();
  return (
    <dialog
      ref={dialog}
      id={id}
      aria-labelledby={`${id}-title`}
      onClose={() => {
        passphrase.value = '';
      }}
    >
      <form method="dialog" onSubmit={() => onPassphrase(passphrase.value)}>
        <h2 id={`${id}-title`}>{title}</h2>
        <p>{text}</p>
        <label class="field" for={`${id}-passphrase`}>
          Passphrase
        </label>
        <input
          id={`${id}-passphrase`}
          type="password"
          required
          minLength={minPassphrase}
          autocomplete="new-password"
          value={passphrase.value}
          onInput={({ currentTarget }) => {
            passphrase.value = currentTarget.value;
          }}
        />
        <div class="buttons">
          <button type="button" onClick={close}>
            Cancel
          </button>
          {onNone && (
            <button
              type="button"
              class="danger"
              onClick={() => {
                close();
                onNone();
              }}
            >
              Take it away
            </button>
          )}
          <button type="submit" class="primary">
            {action}
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** Takes a key in, from a file. */
function ImportDialog({ dialog, page }: DialogProps) {
  const file = useRef<HTMLInputElement>(null);
  const passphrase = useSignal('');
  return (
    <dialog
      ref={dialog}
      id="import-dialog"
      aria-labelledby="import-title"
      onClose={() => {
        passphrase.value = '';
      }}
    >
      <form
        method="dialog"
        onSubmit={() => {
          const [chosen] = file.current!.files ?? [];
          if (chosen !== undefined) void page.importKey(chosen, passphrase.value);
        }}
      >
        <h2 id="import-title">Take a key in</h2>
        <p>The key of the file takes the place of the one that is here, which is erased.</p>
        <label class="field" for="import-file">
          File
        </label>
        <input id="import-file" ref={file} type="file" required />
        <label class="field" for="import-passphrase">
          Passphrase
        </label>
        <input
          id="import-passphrase"
          type="password"
          required
          autocomplete="off"
          value={passphrase.value}
          onInput={({ currentTarget }) => {
            passphrase.value = currentTarget.value;
          }}
        />
        <div class="buttons">
          <button type="button" onClick={() => dialog.current!.close()}>
            Cancel
          </button>
          <button type="submit" class="primary">
            Take it in
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** Deletes the key. */
function ForgetDialog({ dialog, page }: DialogProps) {
  const facts = page.current.value?.facts.value;
  return (
    <dialog
      ref={dialog}
      id="forget-dialog"
      aria-labelledby="forget-title"
      onClose={({ currentTarget }) => {
        if (currentTarget.returnValue === 'yes') void page.deleteKey();
        currentTarget.returnValue = '';
      }}
    >
      <form method="dialog">
        <h2 id="forget-title">Delete your key?</h2>
        <p>
          The secret key is erased from this browser and your evaluation keys from the service. Nothing encrypted with
          it can ever be opened again. Your next question makes a new key and sends{' '}
          {facts ? `${bytesText(facts.keyBytes)} of evaluation keys` : 'its evaluation keys'} again.
        </p>
        <div class="buttons">
          <button type="submit" value="no">
            Keep it
          </button>
          <button type="submit" value="yes" class="danger">
            Delete it
          </button>
        </div>
      </form>
    </dialog>
  );
}
