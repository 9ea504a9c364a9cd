/** How a process ends: 0 all is well, 1 failure, 2 called wrongly, 3 a check ran and fell short, 130 stopped from outside. */
export type ExitCode = 0 | 1 | 2 | 3 | 130;

/** What a code stands for. */
export interface ErrorEntry {
  /** How a process ends that fails with it. */
  readonly exit: Exclude<ExitCode, 0>;
  /** What to do, where the error itself does not know more exactly. */
  readonly hint: string;
}

const failure = (hint: string) => ({ exit: 1, hint }) as const;

/**
 * Every error that is thrown on purpose, by its code: what programs tell errors apart by. A code never changes its meaning.
 * docs/errors.md is made of this table and of `errorMeanings` (`npm run docs:errors`).
 */
export const errorCodes = {
  // How things are called.
  'bad-usage': { exit: 2, hint: 'call it as the message says' },
  'check-failed': { exit: 3, hint: 'nothing is broken: look at the figures' },
  interrupted: { exit: 130, hint: 'make the same call again: it goes on from what was kept' },
  'worker-died': failure('free memory, and load the program again'),
  'verb-failed': failure('its own message says why'),
  'missing-package': failure('install it'),

  // Approximation.
  'bad-interval': failure('give finite, separate intervals'),
  'undefined-value': failure('leave the point out of the interval'),
  'bad-degree': failure('choose a whole number in the range that the message gives'),
  'bad-options': failure('change one of them'),
  'bad-expression': failure('write it as docs/approximation.md shows'),
  'bad-table': failure('correct the line that the message names'),
  'no-convergence': failure('lower the degree, or widen the interval'),
  'no-certificate': failure('ask for a sampled bound, or another interval'),
  'no-candidate': failure('allow a larger error, more levels or a higher degree'),
  'bad-approximation': failure('make it again'),

  // Encryption.
  'no-kernels': failure('run the doctor (npx cipherformer doctor): it names the cause and the fix'),
  'bad-memory': failure('dispose things once, after their last use'),
  'bad-parameters': failure('use a preset'),
  'bad-operand': failure('bring them to one level and scale'),
  'missing-key': failure('make keys for this program'),
  'bad-bytes': failure('send or make them again'),
  'kept-secret': failure('keep them where they are'),
  'storage-failed': failure('check the path, the permissions and the free space'),

  // Models, training, conversion.
  'bad-shape': failure('compare the shapes in the message'),
  'bad-file': failure('fetch or make it again'),
  'bad-weights': failure('check that they are of this configuration'),
  'bad-config': failure('correct the field that the message names'),
  'other-run': failure('choose another folder, or start over'),
  'bad-data': failure('compare it with what the model takes'),
  'missing-file': failure('check the path and the permissions'),
  diverged: failure('lower the learning rate'),
  'unstable-training': failure('lower the learning rate of the stage'),
  'unsupported-part': failure('replace it as the message says'),
  'bad-calibration': failure('give more, of the training set'),
  'range-too-wide': failure('allow a wider interval, or train longer'),
  'lowered-wrongly': failure('report it: a fault of the conversion'),

  // Programs.
  'cannot-pack': failure('change what the message names'),
  'no-placement': failure('use parameters with more levels'),
  'not-measured': failure('measure it for these parameters'),
  'bad-program': failure('compile it again'),
  'bad-input': failure('compare them with the manifest'),
  'damaged-file': failure('make or fetch it again'),
  'wrong-key-or-program': failure('take the files that belong together'),
  'damaged-result': failure('fetch it again'),
  'mismatched-result': failure('name the files that belong together'),
  'dishonest-result': failure('do not trust this server'),
  'not-shareable': failure('keep it to yourself'),
  'key-locked': failure('make a new key'),
  'verdict-limit': failure('allow more, if they were yours'),
  'key-limit': failure('allow more, if you trust who compiled the program'),
  'prompt-too-long': failure('shorten it, or ask for fewer tokens'),
  'cache-gone': failure('begin again with the prompt'),
  'cache-full': failure('try again later'),
  'wrong-step': failure('send each token once, in order'),
  'not-enough-memory': failure('free memory, or use another machine'),

  // Services.
  'not-a-service': failure('check the address'),
  'connection-lost': failure('check that the service runs, and try again'),
  'service-refused': failure('if it should not, ask whoever runs it'),
  'program-changed': failure('agree to it, if whoever runs the service has changed it'),
  'keys-rejected': failure('ask again: they are made and sent anew'),
  'job-failed': failure('ask again, or look at its log'),
  'cannot-start': failure('change what the message names'),

  // Browsers.
  'key-deleted': failure('ask again: a new one is made'),
  'unfit-browser': failure('open the page at https:// in a current Chrome, Edge, Firefox or Safari'),
  'browser-storage': failure('leave the private window, free space, or allow the site to store data'),
  'passphrase-needed': failure('give the passphrase'),
  'wrong-passphrase': failure('type it again'),
} as const satisfies Readonly<Record<string, ErrorEntry>>;

/** What tells errors apart. */
export type ErrorCode = keyof typeof errorCodes;
