import { isCipherformerError } from '@cipherformer/base';
import type { ClientError } from '@cipherformer/client/browser';
import { bytesText } from '../units.ts';

// Errors as a person reads them: what happened, what became of the key and of what was sent, what to do.

/** An error in words. */
export interface Problem {
  readonly title: string;
  readonly text: string;
  /** What the person has to give before it can go on. */
  readonly needs?: 'token' | 'passphrase';
}

/** An export that is not opened by the passphrase that was given. */
export const unopenedFile: Problem = {
  title: 'The file was not opened',
  text: 'The passphrase is another one than the file was sealed with, or the file was damaged. The key that is here stays.',
};

const kept = 'What was sent is kept: asking again goes on from there.';

export function problemOf(error: unknown): Problem {
  if (!isCipherformerError(error))
    return {
      title: 'Something went wrong in this page',
      text: `${sentence(error instanceof Error ? error.message : String(error))} Your key is still here; asking again is safe.`,
    };
  const { code, message, hint } = error;
  switch (code) {
    case 'connection-lost':
      return {
        title: navigator.onLine ? 'The service cannot be reached' : 'You are offline',
        text: navigator.onLine
          ? `It may have stopped, or the connection is gone. ${kept}`
          : `This page goes on when the network is back. ${kept}`,
      };
    case 'service-refused':
      return refusal(error as ClientError);
    case 'keys-rejected':
      return { title: 'The service refused the evaluation keys', text: sentence(message) };
    case 'job-failed':
      return { title: 'The service could not answer', text: `${sentence(message)} Your keys are still there.` };
    case 'not-a-service':
      return { title: 'This is not a service to ask', text: sentence(message) };
    case 'key-locked':
      return {
        title: 'Your key is locked',
        text: 'The service gave results that no service makes which runs the program, and each might have told it something about your key. The key opens nothing more. Delete it, and make a new one only for a service you trust.',
      };
    case 'verdict-limit':
      return {
        title: 'No more inputs out of range',
        text: 'Too many answers with this key were out of range. A service that picks its results could learn of the key from each one you react to. You can allow more when you are asked, or delete the key and make a new one.',
      };
    case 'damaged-result':
    case 'mismatched-result':
    case 'dishonest-result':
      return {
        title: 'The answer was not opened',
        text: `What came is not a result of your question${code === 'damaged-result' ? ', or was damaged on the way' : ''}: ${sentence(message)}`,
      };
    case 'program-changed':
      return {
        title: 'The service changed its program',
        text: 'You did not agree to the new one: nothing was made or sent. Ask again to be asked again.',
      };
    case 'key-deleted':
      return { title: 'Your key was deleted', text: 'It was deleted in this browser. Asking again makes a new one.' };
    case 'bad-parameters':
    case 'damaged-file':
    case 'wrong-key-or-program':
    case 'key-limit':
      return {
        title: 'The service’s program is not safe to use',
        text: `Nothing was made or sent. ${sentence(message)}`,
      };
    case 'no-kernels':
      return {
        title: 'This browser cannot compute the encryption',
        text: `${sentence(message)} A current Chrome, Edge, Firefox or Safari can.`,
      };
    case 'unfit-browser':
      return { title: 'This page cannot work here', text: `${sentence(message)} ${sentence(hint)}` };
    case 'browser-storage':
      return {
        title: 'This browser does not keep your key',
        text: `${sentence(message)} ${sentence(hint)} Without it nothing is sent.`,
      };
    case 'passphrase-needed':
    case 'wrong-passphrase':
      return {
        title: 'Your key is sealed',
        text: `${sentence(message)} Nobody can recover it: without the passphrase delete the key, and the next question makes a new one.`,
        needs: 'passphrase',
      };
    case 'bad-file':
      return { title: 'This file cannot be taken', text: sentence(message) };
    case 'bad-data':
    case 'bad-input':
      return { title: 'The program does not take this', text: sentence(message) };
    case 'not-enough-memory':
      return { title: 'There is not enough memory', text: 'Close other tabs and ask again. What was sent is kept.' };
    default:
      return { title: 'This did not work', text: `${sentence(message)} ${sentence(hint)}` };
  }
}

function refusal({ problem, fields, message, hint }: ClientError): Problem {
  const amount = (field: string) => (typeof fields[field] === 'number' ? bytesText(fields[field]) : undefined);
  const hinted = sentence(`${message}: ${hint}`);
  switch (problem) {
    case 'no-room': {
      const [needed, free] = [amount('needed'), amount('free')];
      const numbers = needed && free ? ` They take ${needed}; ${free} are free there.` : '';
      return {
        title: 'The service has no room for your keys',
        text: `Its disk is full.${numbers} When its owner has made room, ask again. ${kept}`,
      };
    }
    case 'queue-full':
      return { title: 'The service is busy', text: `Too many questions are waiting. Try again in a minute. ${hinted}` };
    case 'busy':
      return { title: 'The service is busy', text: `Hours of work are waiting there. ${hinted}` };
    case 'day-spent':
    case 'too-many-owners':
      return { title: 'Enough for today', text: hinted };
    case 'quota-exceeded':
    case 'too-many-keysets':
      return { title: 'The service keeps no more keys of yours', text: hinted };
    case 'token-needed':
    case 'bad-token':
      return { title: 'The service does not know you', text: hinted, needs: 'token' };
    case 'stopping':
      return { title: 'The service is stopping', text: `Ask again when it runs again. ${kept}` };
    case 'unknown-program':
    case 'program-retired':
    case 'unknown-plan':
      return {
        title: 'The service changed its program',
        text: 'It no longer serves the one that this page was opened with. Load the page again.',
      };
    case 'unknown-keyset':
    case 'keyset-not-ready':
    case 'unknown-job':
      return {
        title: 'The service no longer has what it had',
        text: `Ask again: what is missing is sent anew. ${hinted}`,
      };
    case 'internal':
      return { title: 'The service had a fault of its own', text: `Its log says which. ${kept}` };
    default:
      return { title: 'The service refused', text: hinted };
  }
}

/** With a capital and a full stop. */
function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
