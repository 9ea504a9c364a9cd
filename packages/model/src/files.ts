/** Polynomial models and tensors on disk: Node only. */
export { filesOfPolynomialModel, isPolynomialModel, loadPolynomialModel, savePolynomialModel } from './files/folder.ts';
export { checkNotPointer, openSafetensorsFile, readSafetensors, writeSafetensors } from './files/safetensors-file.ts';
export { readBytes, readJson, readText, writeAtomically } from './files/storage.ts';
