import { showAnswer, showScores } from './answer.ts';
import { DrawingPad, inkOf, showDigit } from './canvas.ts';
import { prepareDigit } from './digits.ts';
import type { Facts, News, Order, Problem } from './messages.ts';
import { showTimeline, Timeline } from './progress.ts';
import { bytesText, secondsText } from './units.ts';

// The page: what a person does becomes an order to the worker, what the worker says becomes something to read.

/** Between two looks at the clock while something is under way, in milliseconds. */
const tickMs = 500;

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;

/** @param worker runs `serveOwner` */
export function startPage(worker: Worker): void {
  new Page(worker).open();
}

class Page {
  readonly #worker: Worker;
  readonly #pad: DrawingPad;
  #facts: Facts | undefined;
  #digit: Uint8Array | undefined;
  /** What runs now, and is to be done again by "Try again". */
  #order: Order | undefined;
  #busy = false;
  #timeline: Timeline | undefined;
  #spoken = '';

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<News>) => this.#hear(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#fail({
        title: 'The part of this page that holds your key did not start',
        text: 'Load the page again. If that does not help, the browser is too old, or blocks this page’s code.',
      });
    };
    this.#pad = new DrawingPad(element<HTMLCanvasElement>('pad'), () => this.#drawn());
    element('clear').onclick = () => this.#pad.clear();
    element('ask').onclick = () => this.#ask();
    element('stop').onclick = () => this.#send({ type: 'stop' });
    element('again').onclick = () => this.#again();
    element('reveal').onclick = () => this.#send({ type: 'reveal' });
    const forget = element<HTMLDialogElement>('forget-dialog');
    element('forget').onclick = () => open(forget);
    forget.onclose = () => {
      if (forget.returnValue === 'yes') this.#start({ type: 'forget' });
    };
    const allow = element<HTMLDialogElement>('allow-dialog');
    allow.onclose = () => this.#send({ type: 'allow', yes: allow.returnValue === 'yes' });
    setInterval(() => this.#showTimeline(), tickMs);
  }

  open(): void {
    const lacking = lackingFeature();
    if (lacking !== undefined) this.#fail(lacking);
    else this.#start({ type: 'open', service: new URL('.', document.baseURI).href });
  }

  #send(order: Order): void {
    this.#worker.postMessage(order);
  }

  #start(order: Order): void {
    this.#order = order;
    this.#busy = true;
    element('problem').hidden = true;
    this.#send(order);
    this.#render();
  }

  #ask(): void {
    if (this.#digit === undefined || this.#facts === undefined) return;
    // So that the browser does not clear the key away when it needs room: it may say no.
    navigator.storage?.persist?.().catch(() => {});
    this.#timeline = new Timeline(this.#facts.keyBytes);
    element('answer').hidden = true;
    element('progress-title').textContent = 'What is happening';
    this.#start({ type: 'ask', pixels: this.#digit });
    show('progress');
  }

  #again(): void {
    if (this.#order?.type === 'ask') this.#ask();
    else if (this.#order !== undefined) this.#start(this.#order);
    else location.reload();
  }

  #hear(news: News): void {
    switch (news.type) {
      case 'ready':
        this.#facts = news.facts;
        this.#idle();
        break;
      case 'progress':
        if (news.what === 'keys') this.#hasKeys('unfinished');
        if (news.what === 'encrypting') this.#hasKeys('ready');
        this.#timeline?.note(news, performance.now());
        this.#showTimeline();
        break;
      case 'answer':
        this.#timeline?.finish(performance.now());
        this.#showTimeline();
        element('progress-title').textContent = 'What happened';
        showAnswer(news.answer);
        this.#say(news.answer.label === undefined ? 'There is no answer.' : `The answer is ${news.answer.label}.`);
        show('answer');
        this.#idle();
        break;
      case 'scores':
        showScores(news.scores);
        break;
      case 'question':
        this.#askWhetherMore(news);
        break;
      case 'stopped':
        element('progress').hidden = true;
        this.#hasKeys('unfinished');
        this.#idle();
        break;
      case 'forgotten':
        this.#forgotten(news.leftAtService);
        break;
      case 'failed':
        this.#fail(news.problem);
    }
  }

  #askWhetherMore({ outOfRange, step }: Extract<News, { type: 'question' }>): void {
    element('allow-text').textContent =
      `${outOfRange} answers were out of range with this key. A service that picks its results could learn about the key from each one that you react to. If so many are no surprise, the next ${step} can be shown; otherwise delete the key.`;
    open(element<HTMLDialogElement>('allow-dialog'));
  }

  #idle(): void {
    this.#busy = false;
    this.#render();
  }

  #fail({ title, text }: Problem): void {
    element('problem-title').textContent = title;
    element('problem-text').textContent = text;
    element('progress').hidden = true;
    show('problem');
    this.#idle();
  }

  #forgotten(leftAtService: boolean): void {
    element('answer').hidden = true;
    element('progress').hidden = true;
    if (this.#facts) this.#facts = { ...this.#facts, keys: 'nothing' };
    if (leftAtService)
      this.#fail({
        title: 'Your key is deleted; the evaluation keys may still be at the service',
        text: 'The service did not answer. What it has is of no use to anybody without your key.',
      });
    else this.#idle();
  }

  /** A key set that was ready before is not less so because a question was stopped. */
  #hasKeys(keys: 'unfinished' | 'ready'): void {
    if (this.#facts && this.#facts.keys !== 'ready') this.#facts = { ...this.#facts, keys };
    this.#render();
  }

  #drawn(): void {
    this.#digit = prepareDigit(inkOf(this.#pad.canvas));
    showDigit(element<HTMLCanvasElement>('prepared'), this.#digit);
    this.#render();
  }

  #render(): void {
    const facts = this.#facts;
    const busy = this.#busy;
    element<HTMLButtonElement>('ask').disabled =
      busy || facts === undefined || facts.unsuitable !== undefined || this.#digit === undefined;
    element('stop').hidden = !(busy && this.#order?.type === 'ask');
    element<HTMLButtonElement>('clear').disabled = this.#digit === undefined;
    element('pad-hint').hidden = this.#digit !== undefined;
    element<HTMLButtonElement>('forget').disabled = busy || facts === undefined || facts.keys === 'nothing';
    if (facts === undefined) return;
    element('key-bytes').textContent = bytesText(facts.keyBytes);
    element('forget-bytes').textContent = `${bytesText(facts.keyBytes)} of evaluation keys`;
    element('cpu-seconds').textContent = `, for about ${secondsText(facts.cpuSeconds)} of processor time,`;
    element('key-state').textContent = keyText(facts);
    element('before').textContent = facts.unsuitable ?? beforeText(facts);
  }

  #showTimeline(): void {
    if (this.#timeline === undefined || element('progress').hidden) return;
    const views = this.#timeline.view(performance.now());
    showTimeline(element('steps'), views);
    const now = views.find(({ state }) => state === 'now');
    element('progress-note').textContent =
      now?.name === 'keys' ? 'You can close this page: the next question goes on from here.' : '';
    // A screen reader hears each step once, and each quarter of the long ones.
    if (now) this.#say(`${now.title}${now.share ? `, ${25 * Math.floor(4 * now.share)} %` : ''}`);
  }

  #say(text: string): void {
    if (text === this.#spoken) return;
    this.#spoken = text;
    element('spoken').textContent = text;
  }
}

function keyText({ keys }: Facts): string {
  if (keys === 'nothing') return 'There is none yet. It is made in this browser when you ask for the first time.';
  if (keys === 'ready') return 'It is in this browser, and its evaluation keys are at the service.';
  return 'It is in this browser. Its evaluation keys are not all at the service yet: the next question goes on where it stopped.';
}

function beforeText({ name, keys, keyBytes }: Facts): string {
  const first =
    keys === 'ready'
      ? 'Your evaluation keys are there already.'
      : keys === 'unfinished'
        ? `It first sends what is missing of ${bytesText(keyBytes)} of evaluation keys.`
        : `The first question makes your key and sends ${bytesText(keyBytes)} of evaluation keys.`;
  return `Asks the model ${name}. ${first}`;
}

function lackingFeature(): Problem | undefined {
  if (!isSecureContext)
    return {
      title: 'This address is not secure',
      text: 'Browsers encrypt only for pages that nobody can change on the way: open this one at https:// or at localhost.',
    };
  const there = 'indexedDB' in globalThis && 'locks' in navigator && 'WebAssembly' in globalThis;
  if (!there)
    return { title: 'This browser is too old', text: 'A current Chrome, Edge, Firefox or Safari can show this page.' };
  return undefined;
}

/** A dialog that is closed by Escape has chosen nothing. */
function open(dialog: HTMLDialogElement): void {
  dialog.returnValue = '';
  dialog.showModal();
}

/** On a narrow screen it may be below the fold. */
function show(id: string): void {
  element(id).hidden = false;
  element(id).scrollIntoView({ block: 'nearest' });
}
