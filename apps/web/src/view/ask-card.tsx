import type { ProgramFacts } from '@cipherformer/client/browser';
import type { ProgramState } from '../state/program-state.ts';
import { bytesText } from '../units.ts';
import { DigitInput } from './digit-input.tsx';
import { PictureInput } from './picture-input.tsx';
import { TextInput } from './text-input.tsx';

/** Where a question is put. */
export function AskCard({ program }: { readonly program: ProgramState }) {
  const { value: facts } = program.facts;
  const { value: busy } = program.busy;
  const asking = busy && program.steps.value.length > 0;
  return (
    <section class="card ask" aria-labelledby="ask-title">
      <h2 id="ask-title">Your question</h2>
      {facts === undefined ? <p class="quiet">Asking the service what it computes …</p> : <QuestionInput facts={facts} program={program} />}
      <div class="buttons">
        <button type="button" id="ask" class="primary" disabled={busy || facts === undefined || program.question.value === undefined} onClick={() => program.ask()}>
          {asking ? 'Asking …' : 'Encrypt and ask'}
        </button>
        <button type="button" id="stop" hidden={!asking} onClick={() => program.stop()}>
          Stop
        </button>
      </div>
      <p id="before" class="quiet">
        {facts && beforeText(facts, program.keys.value)}
      </p>
    </section>
  );
} // biome-ignore format: markup

function QuestionInput({ facts, program }: { readonly facts: ProgramFacts; readonly program: ProgramState }) {
  const { input } = facts;
  const { value: disabled } = program.busy;
  const onQuestion = (question: typeof program.question.value) => {
    program.question.value = question;
  };
  if (input.kind === 'text')
    return <TextInput disabled={disabled} tokens={input.tokens} documents={facts.documents} onQuestion={onQuestion} />;
  const digits = input.channels === 1 && input.height === 28 && input.width === 28;
  return digits ? <DigitInput disabled={disabled} onQuestion={onQuestion} /> : <PictureInput onQuestion={onQuestion} />;
}

function beforeText({ name, keyBytes }: ProgramFacts, keys: ProgramState['keys']['value']): string {
  const first =
    keys === 'ready'
      ? 'Your evaluation keys are there already.'
      : keys === 'unfinished'
        ? `It first sends what is missing of ${bytesText(keyBytes)} of evaluation keys.`
        : `The first question makes your key and sends ${bytesText(keyBytes)} of evaluation keys, once.`;
  return `Asks ${name}. ${first}`;
}
