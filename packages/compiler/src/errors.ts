/** Base of every error this package throws on purpose. The message says what was wrong, where, and how to fix it. */
export class CompilerError extends Error {
  override readonly name: string = 'CompilerError';
}

/** An encrypted program that breaks its own rules: a fault of whoever made it. */
export class ProgramError extends CompilerError {
  override readonly name = 'ProgramError';
}

/** Values that do not fit a program's inputs. */
export class InputError extends CompilerError {
  override readonly name = 'InputError';
}
