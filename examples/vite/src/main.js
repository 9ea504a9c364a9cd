import { connect } from '@cipherformer/client/browser';

const form = document.querySelector('form');
const [ask, stop] = form.querySelectorAll('button');
const bar = document.querySelector('progress');
const output = document.querySelector('output');

/** One connection for the page's life. A service with several programs: `connect(url, { program: 'its name' })`. */
const connected = connect(import.meta.env.VITE_SERVICE ?? 'http://127.0.0.1:8080');
connected.then(
  ({ program }) => show(`${program.name} answers with ${program.classes?.join(', ') ?? 'numbers'}.`),
  (error) => show(wordsOf(error)),
);

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const controller = new AbortController();
  stop.onclick = () => controller.abort();
  busy(true);
  try {
    const program = await connected;
    const text = form.elements.headline.value;
    const answer = await program.ask({ text }, { signal: controller.signal, progress: showProgress });
    show(answer.inRange ? answer.label : answer.reason);
  } catch (error) {
    show(controller.signal.aborted ? 'Stopped.' : wordsOf(error));
  } finally {
    busy(false);
  }
});

function busy(now) {
  ask.disabled = now;
  stop.disabled = !now;
  bar.hidden = !now;
}

/** `what`: waiting, keys, verifying, encrypting, sending, queued, loading, running, decrypting. */
function showProgress({ what, done, total }) {
  bar.max = total;
  bar.value = done;
  show(what);
}

/** Every error of the client says what to do. */
const wordsOf = ({ message, hint = '' }) => `${message}. ${hint}`;

function show(text) {
  output.textContent = text;
}
