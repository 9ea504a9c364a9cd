import type {
  BrowserAnswer,
  BrowserConnection,
  BrowserService,
  CallOptions,
  KeyState,
  PendingQuestion,
  ProgramFacts,
  ProgramListing,
  Question,
  QuestionProgress,
  Score,
} from '@cipherformer/client/browser';
import { batch, type Signal, signal } from '@preact/signals';
import type { ClearModel } from '../clear/clear-model.ts';
import type { ClearAnswer, ModelStory } from '../clear/messages.ts';
import { type StepView, Timeline } from './timeline.ts';
import { type Problem, problemOf } from './words.ts';

/** Between two looks at the clock while something is under way, in milliseconds. */
const tickMs = 500;

/** What is known of the answer in clear. */
export type ClearState = 'none' | 'computing' | 'not published' | { readonly failed: string } | ClearAnswer;

/** One program of the service as a person sees it: what it is, what was asked, how far that is, what it said. */
export class ProgramState {
  readonly listing: ProgramListing;
  readonly facts = signal<ProgramFacts | undefined>(undefined);
  readonly keys = signal<KeyState | undefined>(undefined);
  /** What can be asked now. */
  readonly question = signal<Question | undefined>(undefined);
  readonly busy = signal(false);
  readonly steps = signal<readonly StepView[]>([]);
  readonly answer = signal<BrowserAnswer | undefined>(undefined);
  readonly scores = signal<readonly Score[] | undefined>(undefined);
  readonly clear = signal<ClearState>('none');
  /** undefined until it is known whether the model is given away. */
  readonly story = signal<ModelStory | 'not published' | undefined>(undefined);
  /** Bytes of the request as the service sees it. */
  readonly sample = signal<Uint8Array | undefined>(undefined);
  readonly problem = signal<Problem | undefined>(undefined);
  readonly #service: BrowserService;
  readonly #clear: ClearModel;
  readonly #keysKnown: Signal<boolean>;
  #connection: BrowserConnection | undefined;
  #stop = new AbortController();
  #again: (() => void) | undefined;

  constructor(listing: ProgramListing, service: BrowserService, clear: ClearModel, hasSecret: Signal<boolean>) {
    this.listing = listing;
    this.#service = service;
    this.#clear = clear;
    this.#keysKnown = hasSecret;
  }

  /** Reads what the program is, and what there is of its keys. */
  async open(): Promise<void> {
    if (this.keys.value !== undefined || this.busy.value) return;
    await this.#guarded(async () => {
      const connection = await this.#connected();
      let keys: KeyState | undefined;
      try {
        keys = await connection.keys();
      } finally {
        // What it is can be shown with a key that does not open, too.
        batch(() => {
          this.facts.value = connection.program;
          this.keys.value = keys;
        });
      }
      // Nobody waits for it.
      void this.#clear.ask(this.listing.digest).then(({ story }) => {
        this.story.value ??= story ?? 'not published';
      });
    }, () => void this.open());
  } // biome-ignore format: one line

  ask(): void {
    const { value: question } = this.question;
    if (question === undefined || this.busy.value) return;
    // So that the browser does not clear the key away when it needs room: it may say no.
    navigator.storage?.persist?.().catch(() => {});
    // Both begin now: what is fetched for the one may not depend on what comes of the other.
    void this.#askInClear(question);
    void this.#answered((options) => this.#connected().then((connection) => connection.ask(question, options)), () => this.ask()); // biome-ignore format: short
  }

  /** Waits for the answer to a question of before the page was loaded. */
  resume(pending: PendingQuestion): void {
    this.clear.value = 'none';
    void this.#answered((options) => this.#service.resume(pending, options), undefined);
  }

  /** Whether it scores documents. */
  get isSearch(): boolean {
    return this.listing.documents !== undefined;
  }

  stop(): void {
    this.#stop.abort(new DOMException('stopped', 'AbortError'));
  }

  again(): void {
    if (this.#again) this.#again();
    else location.reload();
  }

  async reveal(): Promise<void> {
    const { value: answer } = this.answer;
    if (answer === undefined) return;
    await this.#guarded(async () => {
      this.scores.value = await answer.reveal();
    });
  }

  /** There is a key now. */
  met(): void {
    if (this.keys.value === 'nothing') this.keys.value = 'unfinished';
  }

  /** The key is gone. */
  forget(): void {
    batch(() => {
      if (this.facts.value !== undefined) this.keys.value = 'nothing';
      this.problem.value = undefined;
      this.answer.value = undefined;
      this.scores.value = undefined;
      this.steps.value = [];
    });
  }

  async #connected(): Promise<BrowserConnection> {
    this.#connection ??= await this.#service.connect(this.listing.digest);
    return this.#connection;
  }

  async #askInClear(question: Question): Promise<void> {
    this.clear.value = 'computing';
    const { answer, story, failed } = await this.#clear.ask(this.listing.digest, question);
    batch(() => {
      this.clear.value = failed === undefined ? (answer ?? 'not published') : { failed };
      this.story.value = story ?? this.story.value;
    });
  }

  async #answered(ask: (options: CallOptions) => Promise<BrowserAnswer>, again: (() => void) | undefined): Promise<void> {
    this.#stop = new AbortController();
    const timeline = new Timeline(this.facts.value?.keyBytes ?? 0);
    const show = () => {
      this.steps.value = timeline.view(performance.now());
    };
    const progress = (now: QuestionProgress) => {
      timeline.note(now, performance.now());
      if (now.sample) this.sample.value = now.sample;
      this.#hasKeys(now);
      show();
    };
    batch(() => {
      this.answer.value = undefined;
      this.scores.value = undefined;
      this.sample.value = undefined;
    });
    progress({ what: 'waiting', done: 0, total: 1 });
    const clock = setInterval(show, tickMs);
    await this.#guarded(async () => {
      const answer = await ask({ progress, signal: this.#stop.signal });
      timeline.finish(performance.now(), answer);
      batch(() => {
        show();
        this.answer.value = answer;
        this.keys.value = 'ready';
      });
      // The ranking is the answer of a search.
      if (answer.inRange && this.isSearch) this.scores.value = await answer.reveal();
    }, again);
    clearInterval(clock);
    if (this.answer.value === undefined) this.steps.value = [];
  } // biome-ignore format: one line

  /** A key set that was ready before is not less so because a question was stopped. */
  #hasKeys({ what }: QuestionProgress): void {
    if (what === 'keys' && this.keys.value !== 'ready') this.keys.value = 'unfinished';
    if (what === 'encrypting') this.keys.value = 'ready';
    if (what !== 'waiting') this.#keysKnown.value = true;
  }

  async #guarded(act: () => Promise<void>, again?: () => void): Promise<void> {
    this.#again = again;
    batch(() => {
      this.busy.value = true;
      this.problem.value = undefined;
    });
    try {
      await act();
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'AbortError')) this.problem.value = problemOf(error);
    } finally {
      this.busy.value = false;
    }
  }
}
