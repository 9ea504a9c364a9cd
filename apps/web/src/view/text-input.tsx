import type { Question } from '@cipherformer/client/browser';
import { useSignal } from '@preact/signals';

/** Written for this page, one of each kind that the repository's model knows. */
const headlines = [
  'Ministers from nine countries meet in Geneva to discuss a ceasefire',
  'Late goal sends the underdogs through to the cup final',
  'Central bank holds interest rates as inflation slows',
  'New telescope finds water vapour around a distant planet',
];

interface TextInputProps {
  readonly disabled: boolean;
  /** Most tokens that the model reads. */
  readonly tokens: number;
  /** What is searched; absent where a text is told apart. */
  readonly documents?: readonly string[] | undefined;
  readonly onQuestion: (question: Question | undefined) => void;
}

/** A short text: typed, or one of the examples. */
export function TextInput({ disabled, tokens, documents, onQuestion }: TextInputProps) {
  const text = useSignal('');
  const change = (now: string) => {
    text.value = now;
    onQuestion(now.trim() === '' ? undefined : { text: now.trim() });
  };
  const examples = documents ? beginningsOf(documents) : headlines;
  return (
    <>
      <label class="field" for="text">
        {documents ? 'What you look for' : 'A headline'}
      </label>
      <textarea
        id="text"
        rows={4}
        maxLength={2000}
        value={text.value}
        disabled={disabled}
        placeholder={documents ? 'Type a question' : 'Type a headline, in English'}
        onInput={({ currentTarget }) => change(currentTarget.value)}
      />
      <p class="quiet">
        {documents && `It is compared with ${documents.length.toLocaleString('en-US')} public documents. `}
        The model reads the first {tokens} pieces of words. The text is cut into them, looked up and encrypted here;
        which of the {tokens} are filled stays encrypted too.
      </p>
      <p class="quiet" id="examples-title">
        {documents ? 'Or look for what is like one of them:' : 'Or take one of these:'}
      </p>
      <ul class="examples" aria-labelledby="examples-title">
        {examples.map((example) => (
          <li key={example}>
            <button type="button" disabled={disabled} onClick={() => change(example)}>
              {example}
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

/** Of three documents the first words, as questions: their own document should come first, or near. */
function beginningsOf(documents: readonly string[]): string[] {
  const some = [1, 3, 5].map((sixth) => documents[Math.floor((sixth * documents.length) / 6)]!);
  return [...new Set(some.map((text) => /^.{0,80}(?=\s|$)/s.exec(text)?.[0] || text.slice(0, 80)))];
}
