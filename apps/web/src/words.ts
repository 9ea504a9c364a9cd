import { CkksError, KernelError, ParameterError } from '@cipherformer/ckks';
import { ConnectionLost, JobFailed, KeysRejected, ServiceError, TransportError } from '@cipherformer/client';
import { FileError, KeyUseError, ResultError } from '@cipherformer/runtime/client';
import type { Problem } from './messages.ts';
import { KeyDeleted } from './store.ts';
import { bytesText } from './units.ts';

// Errors as a person reads them: what happened, what became of the key and of what was sent, what to do.

const kept = 'What was sent is kept: asking again goes on from there.';

/** An error in words. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ConnectionLost)
    return {
      title: 'The service cannot be reached',
      text: `It may have stopped, or the connection is gone. ${kept}`,
    };
  if (error instanceof ServiceError) return refusal(error);
  if (error instanceof KeysRejected)
    return { title: 'The service refused the evaluation keys', text: sentence(error.message) };
  if (error instanceof JobFailed)
    return { title: 'The service could not answer', text: `${sentence(error.message)} Your keys are still there.` };
  if (error instanceof TransportError) return { title: 'This is not a service to ask', text: sentence(error.message) };
  if (error instanceof KeyUseError)
    return error.limit === 'locked'
      ? {
          title: 'Your key is locked',
          text: 'The service gave results that no service makes which runs the program, and each might have told it something about your key. The key opens nothing more. Delete it, and make a new one only for a service you trust.',
        }
      : {
          title: 'No more drawings out of range',
          text: 'Too many answers with this key were out of range. A service that picks its results could learn of the key from each one you react to. You can allow more when you are asked, or delete the key and make a new one.',
        };
  if (error instanceof ResultError)
    return {
      title: 'The answer was not opened',
      text: `What came is not a result of your question${error.fault === 'damaged' ? ', or was damaged on the way' : ''}: ${sentence(error.message)}`,
    };
  if (error instanceof KeyDeleted)
    return { title: 'Your key was deleted', text: 'It was deleted in this browser. Asking again makes a new one.' };
  if (error instanceof ParameterError || error instanceof FileError)
    return {
      title: 'The service’s program is not safe to use',
      text: `Nothing was made or sent. ${sentence(error.message)}`,
    };
  if (error instanceof KernelError)
    return {
      title: 'This browser cannot compute the encryption',
      text: `${sentence(error.message)} A current Chrome, Edge, Firefox or Safari can.`,
    };
  if (error instanceof DOMException)
    return {
      title: 'This browser does not keep your key',
      text: `Its storage for this page cannot be used (${error.message || error.name}). Allow it, or leave the private window; without it nothing was sent.`,
    };
  if (error instanceof RangeError && /memory|allocation/i.test(error.message))
    return { title: 'There is not enough memory', text: 'Close other tabs and ask again. What was sent is kept.' };
  if (error instanceof CkksError) return { title: 'The encryption stopped', text: sentence(error.message) };
  return {
    title: 'Something went wrong in this page',
    text: `${sentence(error instanceof Error ? error.message : String(error))} Your key is still here; asking again is safe.`,
  };
}

function refusal(error: ServiceError): Problem {
  const { problem, fields, message, hint } = error;
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
      return { title: 'The service does not know you', text: hinted };
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
