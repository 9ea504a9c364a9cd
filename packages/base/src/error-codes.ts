/** How a process ends: 0 all is well, 1 failure, 2 called wrongly, 3 a check ran and fell short, 130 stopped from outside. */
export type ExitCode = 0 | 1 | 2 | 3 | 130;

/** What a code stands for. */
export interface ErrorEntry {
  /** How a process ends that fails with it. */
  readonly exit: Exclude<ExitCode, 0>;
  /** What is wrong. */
  readonly meaning: string;
  /** What to do, where the error itself does not know more exactly. */
  readonly hint: string;
}

const failure = (meaning: string, hint: string) => ({ exit: 1, meaning, hint }) as const;

/**
 * Every error that is thrown on purpose, by its code: what programs tell errors apart by. A code never changes its meaning.
 * docs/errors.md is made of this table (`npm run docs:errors`).
 */
export const errorCodes = {
  // How things are called.
  'bad-usage': {
    exit: 2,
    meaning: 'a call, or a command line, that cannot be meant',
    hint: 'call it as the message says',
  },
  'check-failed': {
    exit: 3,
    meaning: 'a check that ran and fell short: a self-test, a target, an answer out of range',
    hint: 'nothing is broken: look at the figures',
  },
  interrupted: {
    exit: 130,
    meaning: 'stopped by Ctrl-C, or by whoever asked',
    hint: 'the same call goes on where it stopped',
  },
  'worker-died': failure(
    'a thread that ran a program and has ended by itself: out of memory, or a crash',
    'free memory, and load the program again',
  ),
  'verb-failed': failure('a verb that another one ran failed', 'its own message says why'),
  'missing-package': failure('an optional package that is needed now and is not installed', 'install it'),

  // Approximation.
  'bad-interval': failure(
    'an interval that is empty, reversed, not finite, or overlaps another',
    'give finite, separate intervals',
  ),
  'undefined-value': failure(
    'a function that has no finite value at a point of the interval',
    'leave the point out of the interval',
  ),
  'bad-degree': failure('a degree that cannot be fitted', 'choose a whole number in the range that the message gives'),
  'bad-options': failure('options that contradict each other or the function', 'change one of them'),
  'bad-expression': failure(
    'a function that is neither in the catalogue nor readable',
    'write it as docs/approximation.md shows',
  ),
  'bad-table': failure('a table, density or weight that cannot be used', 'correct the line that the message names'),
  'no-convergence': failure('a Remez exchange that does not converge', 'lower the degree, or widen the interval'),
  'no-certificate': failure(
    'an error of which no finite bound can be proved',
    'ask for a sampled bound, or another interval',
  ),
  'no-candidate': failure(
    'a search in which nothing keeps the bounds',
    'allow a larger error, more levels or a higher degree',
  ),
  'bad-approximation': failure('a stored approximation that does not follow its schema', 'make it again'),

  // Encryption.
  'no-kernels': failure(
    'kernels that cannot be loaded, or failed',
    'run the doctor (npx cipherformer doctor): it names the cause and the fix',
  ),
  'bad-memory': failure(
    'memory of the kernels that is released already, or used up',
    'dispose things once, after their last use',
  ),
  'bad-parameters': failure('parameters that are inconsistent, insecure or not supported', 'use a preset'),
  'bad-operand': failure(
    'operands that do not fit each other: level, scale, size, parameters',
    'bring them to one level and scale',
  ),
  'missing-key': failure('a key that an operation needs is missing or does not fit', 'make keys for this program'),
  'bad-bytes': failure('bytes that are not the key or ciphertext they claim to be', 'send or make them again'),
  'kept-secret': failure(
    'a secret key, or numbers that tell of one, that would become text',
    'keep them where they are',
  ),
  'storage-failed': failure(
    'a file that cannot be read or written',
    'check the path, the permissions and the free space',
  ),

  // Models, training, conversion.
  'bad-shape': failure('tensors whose shapes or types do not fit the operation', 'compare the shapes in the message'),
  'bad-file': failure('a file that is cut short, corrupt or beyond its limits', 'fetch or make it again'),
  'bad-weights': failure(
    'weights that are missing, of another shape, or that nothing takes',
    'check that they are of this configuration',
  ),
  'bad-config': failure(
    'a configuration that contradicts itself or names what is not known',
    'correct the field that the message names',
  ),
  'other-run': failure('a folder with results of another recipe or model', 'choose another folder, or start over'),
  'bad-data': failure('data that does not fit the model or task', 'compare it with what the model takes'),
  'missing-file': failure('a file that is not there, or cannot be read', 'check the path and the permissions'),
  diverged: failure('a loss or gradient that is not finite', 'lower the learning rate'),
  'unstable-training': failure(
    'training that kept diverging after several roll-backs',
    'lower the learning rate of the stage',
  ),
  'unsupported-part': failure('a part of a model that has no polynomial form', 'replace it as the message says'),
  'bad-calibration': failure(
    'calibration data that is too little, or not what the model takes',
    'give more, of the training set',
  ),
  'range-too-wide': failure('a site that stays wider than asked', 'allow a wider interval, or train longer'),
  'lowered-wrongly': failure(
    'a polynomial graph that does not compute what was trained',
    'report it: a fault of the conversion',
  ),

  // Programs.
  'cannot-pack': failure('a model, or options, that the packing cannot take', 'change what the message names'),
  'no-placement': failure('a program for which no placement of bootstraps exists', 'use parameters with more levels'),
  'not-measured': failure('a cost table without the level that a plan needs', 'measure it for these parameters'),
  'bad-program': failure('an encrypted program that breaks its own rules', 'compile it again'),
  'bad-input': failure('values that do not fit the inputs of a program', 'compare them with the manifest'),
  'damaged-file': failure(
    'a program, key or ciphertext on disk that is damaged or of something else',
    'make or fetch it again',
  ),
  'wrong-key-or-program': failure('a file of another key or program', 'take the files that belong together'),
  'damaged-result': failure('a result that was damaged on its way', 'fetch it again'),
  'mismatched-result': failure('a result of another program, key or request', 'name the files that belong together'),
  'dishonest-result': failure('a result that no server makes which runs the program', 'do not trust this server'),
  'not-shareable': failure('an answer that would tell more than its label', 'keep it to yourself'),
  'key-locked': failure('a key that decrypts nothing more: a server may have learnt of it', 'make a new key'),
  'verdict-limit': failure('too many answers out of range with one key', 'allow more, if they were yours'),
  'key-limit': failure(
    'a program that asks for more evaluation keys than their owner allows',
    'allow more, if you trust who compiled the program',
  ),
  'prompt-too-long': failure(
    'a prompt that leaves no room for what is to follow',
    'shorten it, or ask for fewer tokens',
  ),
  'cache-gone': failure(
    "nothing is kept of a generation: it expired, or was another one's",
    'begin again with the prompt',
  ),
  'cache-full': failure('a server that keeps as many generations as it may', 'try again later'),
  'wrong-step': failure('a token that is not the next one of a generation', 'send each token once, in order'),
  'not-enough-memory': failure('a run that needs more than the machine has', 'free memory, or use another machine'),

  // Services.
  'not-a-service': failure('an answer that is none of a service, or of another release', 'check the address'),
  'connection-lost': failure(
    'a connection that could not be made, or broke',
    'check that the service runs, and try again',
  ),
  'service-refused': failure(
    'a service that will not do what was asked; `problem` says which (docs/service.md)',
    'if it should not, ask whoever runs it',
  ),
  'keys-rejected': failure(
    'evaluation keys that the service read and refused',
    'ask again: they are made and sent anew',
  ),
  'job-failed': failure('a question that the service gave up', 'ask again, or look at its log'),
  'cannot-start': failure('a service that cannot start', 'change what the message names'),

  // Browsers.
  'key-deleted': failure('a secret key that was deleted in this browser', 'ask again: a new one is made'),
  'unfit-browser': failure(
    'a browser, or a page at an address, that cannot encrypt or keep keys',
    'open the page at https:// in a current Chrome, Edge, Firefox or Safari',
  ),
  'browser-storage': failure(
    'a browser that keeps nothing for a page: a private window, a full disk, storage that is forbidden',
    'leave the private window, free space, or allow the site to store data',
  ),
  'passphrase-needed': failure('a secret key that a passphrase seals, and none was given', 'give the passphrase'),
  'wrong-passphrase': failure('a passphrase that does not open a secret key', 'type it again'),
} as const satisfies Readonly<Record<string, ErrorEntry>>;

/** What tells errors apart. */
export type ErrorCode = keyof typeof errorCodes;
