import { UsageError } from '@cipherformer/base';

/**
 * What a bundler for browsers takes in place of the library, by the condition "browser" of package.json: it has the library's
 * names, so that a bundle is made, and says what to import when it is loaded.
 */
function refuse(): never {
  throw new UsageError('cipherformer needs Node: in a browser, import @cipherformer/client/browser');
}

export const Client: never = refuse();
export const compile: never = refuse();
export const connect: never = refuse();
export const convert: never = refuse();
export const datasets: never = refuse();
export const isCipherformerError: never = refuse();
export const loadModel: never = refuse();
export const PolynomialModel: never = refuse();
export const Program: never = refuse();
export const Server: never = refuse();
export const serve: never = refuse();
