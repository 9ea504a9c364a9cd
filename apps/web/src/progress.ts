import type { QuestionProgress, Stage } from './messages.ts';
import { bytesText, secondsText } from './units.ts';

// The time line of a question: what is done, what is being done and how far it is, what comes.

const steps = [
  { name: 'keys', title: 'Make the keys here and send the evaluation keys' },
  { name: 'check', title: 'The service checks them' },
  { name: 'send', title: 'Encrypt the drawing here and send it' },
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
}

/** What has been reported so far. */
export class Timeline {
  readonly #keyBytes: number;
  readonly #began = new Map<StepName, number>();
  readonly #ended = new Map<StepName, number>();
  #now: QuestionProgress | undefined;
  #finished = false;
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
    this.#now = progress;
  }

  /** Everything is done. */
  finish(at: number): void {
    for (const name of this.#began.keys()) if (!this.#ended.has(name)) this.#ended.set(name, at);
    this.#finished = true;
  }

  view(at: number): StepView[] {
    const current = this.#now && !this.#finished ? stepOf[this.#now.what] : undefined;
    const place = steps.findIndex(({ name }) => name === current);
    return steps.map(({ name, title }, i) => {
      if (name === current) return { name, title, state: 'now', ...this.#detail(this.#now!, at) };
      const done = this.#finished || i < place;
      return { name, title, state: done ? 'done' : 'waiting', detail: done ? this.#took(name) : '' };
    });
  }

  #took(name: StepName): string {
    const end = this.#ended.get(name);
    if (end === undefined) return name === 'keys' || name === 'check' ? 'already there' : '';
    const seconds = (end - this.#began.get(name)!) / 1000;
    return seconds < 1 ? '' : secondsText(seconds);
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

/** Draws the time line into a list, element by element, so that what has not changed is left alone. */
export function showTimeline(list: HTMLElement, views: readonly StepView[]): void {
  while (list.children.length < views.length) list.append(stepElement());
  for (const [i, { title, state, detail, share }] of views.entries()) {
    const item = list.children[i] as HTMLElement;
    item.dataset.state = state;
    if (state === 'now') item.setAttribute('aria-current', 'step');
    else item.removeAttribute('aria-current');
    const [name, text] = item.querySelectorAll('span');
    name!.textContent = title;
    text!.textContent = detail;
    const bar = item.querySelector('progress')!;
    bar.hidden = state !== 'now' || share === undefined;
    bar.value = share ?? 0;
    bar.setAttribute('aria-label', title);
  }
}

function stepElement(): HTMLElement {
  const item = document.createElement('li');
  const bar = document.createElement('progress');
  bar.max = 1;
  item.append(document.createElement('span'), document.createElement('span'), bar);
  return item;
}
