import { BrowserService, lackingFeature, type PendingQuestion, type ProgramChange } from '@cipherformer/client/browser';
import { batch, computed, signal } from '@preact/signals';
import { ClearModel } from '../clear/clear-model.ts';
import { ProgramState } from './program-state.ts';
import { type Problem, problemOf, unopenedFile } from './words.ts';

/** What a dialog asks; it is answered once. */
export type Allowing = { readonly answer: (yes: boolean) => void } & (
  | { readonly what: 'more'; readonly outOfRange: number; readonly step: number }
  | { readonly what: 'change'; readonly change: ProgramChange }
);

/** The whole page: one service, its programs, one key. */
export class PageState {
  readonly programs = signal<readonly ProgramState[]>([]);
  readonly #chosen = signal(0);
  readonly current = computed(() => this.programs.value[this.#chosen.value]);
  readonly hasSecret = signal(false);
  /** Whether a passphrase seals it here. */
  readonly sealed = signal(false);
  readonly problem = signal<Problem | undefined>(undefined);
  /** What just happened to the key. */
  readonly keyNote = signal('');
  readonly online = signal(navigator.onLine);
  readonly allowing = signal<Allowing | undefined>(undefined);
  readonly #url: string;
  readonly #worker: (() => Worker) | undefined;
  #service: BrowserService | undefined;
  #clear: ClearModel | undefined;

  /**
   * @param url of the service
   * @param worker the one with the key. Default: the client's own
   */
  constructor(url: string, worker?: () => Worker) {
    this.#url = url;
    this.#worker = worker;
    for (const now of ['online', 'offline'] as const)
      addEventListener(now, () => {
        this.online.value = now === 'online';
      });
  }

  /** Connects to the service, reads what it serves, and takes up the questions that are out. */
  async open(given: { readonly token?: string; readonly passphrase?: string } = {}): Promise<void> {
    await this.#guarded(async () => {
      const lacking = lackingFeature();
      if (lacking !== undefined) throw lacking;
      // Opened again, with what was missing: the worker of before ends.
      this.#service?.close();
      this.#service = undefined;
      const service = await BrowserService.open(this.#url, {
        ...given,
        ...(this.#worker ? { worker: this.#worker } : {}),
        allowMore: ({ outOfRange }, step) =>
          new Promise((answer) => {
            this.allowing.value = { what: 'more', outOfRange, step, answer };
          }),
        allowChange: (change) =>
          new Promise((answer) => {
            this.allowing.value = { what: 'change', change, answer };
          }),
      });
      this.#service = service;
      service.onDeleted(() => this.#forgotten(''));
      this.#clear ??= new ClearModel(service.url);
      const clear = this.#clear;
      const programs = service.programs.map((one) => new ProgramState(one, service, clear, this.hasSecret));
      const [hasSecret, sealed] = await Promise.all([service.hasSecret(), service.isSealed()]);
      batch(() => {
        this.programs.value = programs;
        this.hasSecret.value = hasSecret;
        this.sealed.value = sealed;
      });
      this.choose(
        Math.max(
          0,
          programs.findIndex(({ listing }) => `#${listing.digest.slice(0, 12)}` === location.hash),
        ),
      );
      await this.current.value?.open();
      for (const pending of await service.pending()) await this.#resume(pending);
    });
  }

  /** After a problem of the page: opens the service again, or only puts the problem away where it is open. */
  again(): void {
    if (this.#service === undefined) void this.open();
    else this.problem.value = undefined;
  }

  choose(index: number): void {
    this.#chosen.value = index;
    const { value: current } = this.current;
    if (current === undefined) return;
    history.replaceState(null, '', `#${current.listing.digest.slice(0, 12)}`);
    void current.open();
  }

  answerAllowing(yes: boolean): void {
    this.allowing.value?.answer(yes);
    this.allowing.value = undefined;
  }

  /** @param passphrase undefined: none any more */
  async sealKey(passphrase: string | undefined): Promise<void> {
    await this.#withKey(async (service) => {
      await service.sealSecret(passphrase);
      const sealed = passphrase !== undefined;
      batch(() => {
        this.hasSecret.value = true;
        this.sealed.value = sealed;
        this.keyNote.value = sealed
          ? 'The passphrase seals your key from now on. Keep it: nobody can recover it.'
          : 'Your key is in this browser without a passphrase.';
        for (const program of this.programs.value) program.met();
      });
    });
  }

  async exportKey(passphrase: string): Promise<void> {
    await this.#withKey(async (service) => {
      const file = await service.exportSecret(passphrase);
      const link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob([file]));
      link.download = 'cipherformer-secret.key';
      link.click();
      URL.revokeObjectURL(link.href);
      this.keyNote.value = 'The sealed key is saved. Keep the passphrase elsewhere: without it the file is of no use.';
    });
  }

  async importKey(file: File, passphrase: string): Promise<void> {
    await this.#withKey(async (service) => {
      await service.importSecret(new Uint8Array(await file.arrayBuffer()), passphrase);
      this.#forgotten('The key of the file is in this browser now.');
      this.hasSecret.value = true;
    });
    // The passphrase is that of the file: it opens nothing here.
    const { value: problem } = this.problem;
    if (problem?.needs === 'passphrase') this.problem.value = unopenedFile;
  }

  async deleteKey(): Promise<void> {
    await this.#withKey(async (service) => {
      const { leftAtService } = await service.deleteSecret();
      this.#forgotten('');
      if (leftAtService)
        this.problem.value = {
          title: 'Your key is deleted; the evaluation keys may still be at the service',
          text: 'The service did not answer, or the key was not opened. What it has is of no use to anybody without your key, and goes when it was not used for long.',
        };
    });
  }

  async #resume(pending: PendingQuestion): Promise<void> {
    const index = this.programs.value.findIndex(({ listing }) => listing.digest === pending.program);
    if (index < 0) return;
    const program = this.programs.value[index]!;
    await program.open();
    this.choose(index);
    program.resume(pending);
  }

  #forgotten(note: string): void {
    batch(() => {
      this.hasSecret.value = false;
      this.sealed.value = false;
      this.keyNote.value = note;
      for (const program of this.programs.value) program.forget();
    });
  }

  async #withKey(act: (service: BrowserService) => Promise<void>): Promise<void> {
    const service = this.#service;
    if (service !== undefined) await this.#guarded(() => act(service));
  }

  async #guarded(act: () => Promise<void>): Promise<void> {
    this.problem.value = undefined;
    try {
      await act();
    } catch (error) {
      this.problem.value = problemOf(error);
    }
  }
}
