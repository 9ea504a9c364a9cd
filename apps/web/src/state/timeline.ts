import type { QuestionProgress, Stage } from '@cipherformer/client/browser';
import { bytesText, secondsText } from '../units.ts';

// The time line of a question: what is done, what is being done and how far it is, what comes.

const steps = [
  { name: 'keys', title: 'Make the keys here and send the evaluation keys' },
  { name: 'check', title: 'The service checks them' },
  { name: 'send', title: 'Encrypt the question here and send it' },
  { name: 'queue', title: 'Wait for a turn' },
  { name: 'run', title: 'The service computes on the ciphertext' },
  { name: 'open', title: 'Decrypt the answer here' },
] as const;
type StepName = (typeof steps)[number]['name'];

const stepOf: Readonly<Record<Stage, StepName>> = {
  waiting: 'keys',
  keys: 'keys',
  verifying: 'check',
  encrypting: 'send',
  sending: 'send',
  queued: 'queue',
  loading: 'run',
  running: 'run',
  decrypting: 'open',
};

export interface StepView {
  readonly name: StepName;
  readonly title: string;
  readonly state: 'waiting' | 'now' | 'done';
  readonly detail: string;
  /** Share that is done of a step that is going on, where it is known. */
  readonly share?: number;
  /** How long it took, once it is done. */
  readonly seconds?: number;
}

/** What went over the line with an answer. */
export interface LineBytes {
  readonly requestBytes: number;
  readonly resultBytes: number;
}

/** What has been reported so far. */
export class Timeline {
  readonly #keyBytes: number;
  readonly #began = new Map<StepName, number>();
  readonly #ended = new Map<StepName, number>();
  #now: QuestionProgress | undefined;
  #finished = false;
  #sentBytes = 0;
  #line: LineBytes | undefined;
  /** Where the keys' step was first seen, for a prediction. */
  #first: { readonly done: number; readonly at: number } | undefined;

  /** @param keyBytes of all evaluation keys as they are sent */
  constructor(keyBytes: number) {
    this.#keyBytes = keyBytes;
  }

  /** @param at time, in milliseconds */
  note(progress: QuestionProgress, at: number): void {
    const step = stepOf[progress.what];
    const place = steps.findIndex(({ name }) => name === step);
    for (const { name } of steps.slice(0, place))
      if (this.#began.has(name) && !this.#ended.has(name)) this.#ended.set(name, at);
    if (!this.#began.has(step)) this.#began.set(step, at);
    if (progress.what === 'keys') this.#first ??= { done: progress.done, at };
    this.#sentBytes = progress.sentBytes ?? this.#sentBytes;
    this.#now = progress;
  }

  /** Everything is done. */
  finish(at: number, bytes: LineBytes): void {
    for (const name of this.#began.keys()) if (!this.#ended.has(name)) this.#ended.set(name, at);
    this.#line = bytes;
    this.#finished = true;
  }

  view(at: number): StepView[] {
    const current = this.#now && !this.#finished ? stepOf[this.#now.what] : undefined;
    const place = steps.findIndex(({ name }) => name === current);
    return steps.map(({ name, title }, i) => {
      if (name === current) return { name, title, state: 'now', ...this.#detail(this.#now!, at) };
      const done = this.#finished || i < place;
      if (!done) return { name, title, state: 'waiting', detail: '' };
      const seconds = this.#seconds(name);
      return {
        name,
        title,
        state: 'done',
        detail: this.#took(name, seconds),
        ...(seconds === undefined ? {} : { seconds }),
      };
    });
  }

  #seconds(name: StepName): number | undefined {
    const end = this.#ended.get(name);
    return end === undefined ? undefined : (end - this.#began.get(name)!) / 1000;
  }

  #took(name: StepName, seconds: number | undefined): string {
    const time =
      seconds === undefined || seconds < 0.05 ? '' : seconds < 1 ? `${seconds.toFixed(1)} s` : secondsText(seconds);
    const there = this.#sentBytes === 0 && (name === 'keys' || name === 'check') ? 'already there' : '';
    return [this.#bytes(name), there || time].filter(Boolean).join(' · ');
  }

  #bytes(name: StepName): string {
    if (name === 'keys' && this.#sentBytes > 0) return `${bytesText(this.#sentBytes)} sent`;
    if (name === 'send' && this.#line) return `${bytesText(this.#line.requestBytes)} sent`;
    if (name === 'open' && this.#line) return `${bytesText(this.#line.resultBytes)} received`;
    return '';
  }

  #detail({ what, done, total, secondsLeft, place }: QuestionProgress, at: number): { detail: string; share?: number } {
    const share = total > 0 ? done / total : 0;
    const left = secondsLeft === undefined ? '' : `about ${secondsText(secondsLeft)} left`;
    switch (what) {
      case 'waiting':
        return { detail: 'looking what is there' };
      case 'keys':
        return { detail: [this.#sent(share), this.#keysLeft(done, total, at)].filter(Boolean).join(' · '), share };
      case 'verifying':
        return { detail: total > 0 ? `${done} of ${total}` : 'reading them', share };
      case 'encrypting':
        return { detail: 'encrypting' };
      case 'sending':
        return { detail: 'sending' };
      case 'queued':
        return { detail: place ? `${place} before this one` : 'next' };
      case 'loading':
        return {
          detail: total > 0 ? `loading your keys, ${Math.round(100 * share)} %` : 'loading your keys',
          share: 0,
        };
      case 'running':
        return { detail: [`${Math.floor(100 * share)} %`, left].filter(Boolean).join(' · '), share };
      case 'decrypting':
        return { detail: 'decrypting' };
    }
  }

  #sent(share: number): string {
    return `${bytesText(share * this.#keyBytes)} of ${bytesText(this.#keyBytes)} there`;
  }

  #keysLeft(done: number, total: number, at: number): string {
    const made = done - this.#first!.done;
    const seconds = (at - this.#first!.at) / 1000;
    if (made < 8 || seconds < 2) return '';
    return `about ${secondsText(((total - done) * seconds) / made)} left`;
  }
}
