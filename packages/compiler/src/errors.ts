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

/** A model, or options, that the packing of this compiler cannot take. */
export class LayoutError extends CompilerError {
  override readonly name = 'LayoutError';
}

/** A program for which no placement of bootstraps exists. */
export class PlacementError extends CompilerError {
  override readonly name = 'PlacementError';
}

/** A program's folder, keys or ciphertexts as files: damaged, cut short, or of something else. */
export class FileError extends CompilerError {
  override readonly name = 'FileError';
}

/** A run that needs more than the machine has. */
export class ResourceError extends CompilerError {
  override readonly name = 'ResourceError';
}
