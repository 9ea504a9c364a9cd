import type { ErrorCode } from './error-codes.ts';

/** What is wrong, by the code of the error: for documents. Apart from the codes, as pages load those. */
export const errorMeanings: Readonly<Record<ErrorCode, string>> = {
  // How things are called.
  'bad-usage': 'a call, or a command line, that cannot be meant',
  'check-failed': 'a check that ran and fell short: a self-test, a target, an answer out of range',
  interrupted: 'stopped by Ctrl-C, or by whoever asked',
  'worker-died': 'a thread that ran a program and has ended by itself: out of memory, or a crash',
  'verb-failed': 'a verb that another one ran failed',
  'missing-package': 'an optional package that is needed now and is not installed',

  // Approximation.
  'bad-interval': 'an interval that is empty, reversed, not finite, or overlaps another',
  'undefined-value': 'a function that has no finite value at a point of the interval',
  'bad-degree': 'a degree that cannot be fitted',
  'bad-options': 'options that contradict each other or the function',
  'bad-expression': 'a function that is neither in the catalogue nor readable',
  'bad-table': 'a table, density or weight that cannot be used',
  'no-convergence': 'a Remez exchange that does not converge',
  'no-certificate': 'an error of which no finite bound can be proved',
  'no-candidate': 'a search in which nothing keeps the bounds',
  'bad-approximation': 'a stored approximation that does not follow its schema',

  // Encryption.
  'no-kernels': 'kernels that cannot be loaded, or failed',
  'bad-memory': 'memory of the kernels that is released already, or used up',
  'bad-parameters': 'parameters that are inconsistent, insecure or not supported',
  'bad-operand': 'operands that do not fit each other: level, scale, size, parameters',
  'missing-key': 'a key that an operation needs is missing or does not fit',
  'bad-bytes': 'bytes that are not the key or ciphertext they claim to be',
  'kept-secret': 'a secret key, or numbers that tell of one, that would become text',
  'storage-failed': 'a file that cannot be read or written',

  // Models, training, conversion.
  'bad-shape': 'tensors whose shapes or types do not fit the operation',
  'bad-file': 'a file that is cut short, corrupt or beyond its limits',
  'bad-weights': 'weights that are missing, of another shape, or that nothing takes',
  'bad-config': 'a configuration that contradicts itself or names what is not known',
  'other-run': 'a folder with results of another recipe or model',
  'bad-data': 'data that does not fit the model or task',
  'missing-file': 'a file that is not there, or cannot be read',
  diverged: 'a loss or gradient that is not finite',
  'unstable-training': 'training that kept diverging after several roll-backs',
  'unsupported-part': 'a part of a model that has no polynomial form',
  'bad-calibration': 'calibration data that is too little, or not what the model takes',
  'range-too-wide': 'a site that stays wider than asked',
  'lowered-wrongly': 'a polynomial graph that does not compute what was trained',

  // Programs.
  'cannot-pack': 'a model, or options, that the packing cannot take',
  'no-placement': 'a program for which no placement of bootstraps exists',
  'not-measured': 'a cost table without the level that a plan needs',
  'bad-program': 'an encrypted program that breaks its own rules',
  'bad-input': 'values that do not fit the inputs of a program',
  'damaged-file': 'a program, key or ciphertext on disk that is damaged or of something else',
  'wrong-key-or-program': 'a file of another key or program',
  'damaged-result': 'a result that was damaged on its way',
  'mismatched-result': 'a result of another program, key or request',
  'dishonest-result': 'a result that no server makes which runs the program',
  'not-shareable': 'an answer that would tell more than its label',
  'key-locked': 'a key that decrypts nothing more: a server may have learnt of it',
  'verdict-limit': 'too many answers out of range with one key',
  'key-limit': 'a program that asks for more evaluation keys than their owner allows',
  'prompt-too-long': 'a prompt that leaves no room for what is to follow',
  'cache-gone': "nothing is kept of a generation: it expired, or was another one's",
  'cache-full': 'a server that keeps as many generations as it may',
  'wrong-step': 'a token that is not the next one of a generation',
  'not-enough-memory': 'a run that needs more than the machine has',

  // Services.
  'not-a-service': 'an answer that is none of a service, or of another release',
  'connection-lost': 'a connection that could not be made, or broke',
  'service-refused': 'a service that will not do what was asked; `problem` says which (docs/service.md)',
  'program-changed': 'a service that has another program under the name of one that was used before',
  'keys-rejected': 'evaluation keys that the service read and refused',
  'job-failed': 'a question that the service gave up',
  'cannot-start': 'a service that cannot start',

  // Browsers.
  'key-deleted': 'a secret key that was deleted in this browser',
  'unfit-browser': 'a browser, or a page at an address, that cannot encrypt or keep keys',
  'browser-storage':
    'a browser that keeps nothing for a page: a private window, a full disk, storage that is forbidden',
  'passphrase-needed': 'a secret key that a passphrase seals, and none was given',
  'wrong-passphrase': 'a passphrase that does not open a secret key',
};
