import type { LoadOptions, datasets as nnDatasets } from '@cipherformer/nn';
import type { Client as ClientClass } from './client.ts';
import type { compile as compileModel } from './compile.ts';
import type { connect as connectTo } from './connect.ts';
import type { convert as convertModel } from './convert.ts';
import type { loadModel as load } from './load-model.ts';
import type { PolynomialModel as PolynomialModelClass } from './polynomial-model.ts';
import type { Program as ProgramClass } from './program.ts';
import type { Server as ServerClass } from './server.ts';

// What is behind the door is loaded when it is asked for: the whole of it takes some hundred milliseconds, and who serves needs
// nothing of who asks. So these are beginnings, not the classes; their types are.

/** The owner of the data: holds the secret key, encrypts inputs and decrypts answers. */
export type Client = ClientClass;
/** `Client.create(program, { secret })`. */
export const Client: Pick<typeof ClientClass, 'create'> = {
  create: async (...args) => (await import('./client.ts')).Client.create(...args),
};

/** Runs a program on encrypted inputs, and cannot hold a secret key. */
export type Server = ServerClass;
/** `Server.load(program)`. */
export const Server: Pick<typeof ServerClass, 'load'> = {
  load: async (...args) => (await import('./server.ts')).Server.load(...args),
};

/** An encrypted program in a folder. */
export type Program = ProgramClass;
/** `Program.load(folder)`. */
export const Program: Pick<typeof ProgramClass, 'load'> = {
  load: async (...args) => (await import('./program.ts')).Program.load(...args),
};

/** A polynomial model, evaluated in clear. */
export type PolynomialModel = PolynomialModelClass;
/** `PolynomialModel.load(folder)`. */
export const PolynomialModel: Pick<typeof PolynomialModelClass, 'load'> = {
  load: async (...args) => (await import('./polynomial-model.ts')).PolynomialModel.load(...args),
};

/** Reads a trained transformer: a folder of Hugging Face, of ours, or an adapter recipe. */
export const loadModel: typeof load = async (...args) => (await import('./load-model.ts')).loadModel(...args);

/** Data sets: `datasets.load` reads files, or takes examples in memory. */
export const datasets: Pick<typeof nnDatasets, 'load'> = {
  // Its overloads differ in what they give, which no single signature says.
  load: (async (data: never, options: LoadOptions) =>
    (await import('@cipherformer/nn')).datasets.load(data, options)) as typeof nnDatasets.load,
};

/** Converts a trained transformer to polynomial form: `convert(model, data, { recipe })`. Needs ONNX Runtime. */
export const convert: typeof convertModel = async (...args) => (await import('./convert.ts')).convert(...args);

/** Compiles a polynomial model into an encrypted program, in a new folder: `compile(model, { folder })`. */
export const compile: typeof compileModel = async (...args) => (await import('./compile.ts')).compile(...args);

/**
 * Connects to a program to ask it: the http(s) URL of a service, or on this machine a program's folder or a polynomial model's.
 * Close the connection at the end.
 */
export const connect: typeof connectTo = async (...args) => (await import('./connect.ts')).connect(...args);
