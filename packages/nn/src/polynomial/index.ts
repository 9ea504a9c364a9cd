/** Polynomial models: the part of the package that needs no training engine, for the compiler and the browser. */

export {
  calibrate,
  examplesOutside,
  recordValues,
  type SiteValues,
  untrustedExamples,
  type ValueRecord,
  ValueRecorder,
  withBounds,
} from './calibrate.ts';
export { modelCard, type PolynomialSite, polynomialSites } from './card.ts';
export { type EmbeddingNorm, embedTokens, lowerEmbedding, type TokenEmbedding } from './embedding.ts';
export { evaluate, type GraphInputs, type Observer, PolynomialEvaluator } from './evaluate.ts';
export { everyToken } from './every-token.ts';
export type * from './graph.ts';
export { type ModelLevels, modelLevels, nodeDepths, nodeLevels } from './levels.ts';
export { type LowerOptions, lower } from './lower.ts';
export {
  checkPolynomialModel,
  checkPreparation,
  type ImagePreprocess,
  type ModelCard,
  makePolynomialModel,
  type PolynomialModel,
  type PolynomialModelSource,
  type SiteFacts,
  type TextPreprocess,
} from './model.ts';
export {
  type InputPreparation,
  type ModelFiles,
  type PreparationFile,
  parsePreparation,
  preparationFiles,
  preparationSchema,
  serialisePreparation,
} from './preparation.ts';
export { type ModelInput, prepareInput } from './prepare-input.ts';
export {
  parsePolynomialModel,
  polynomialModelFiles,
  serialisePolynomialModel,
} from './serialise.ts';
export { operandsOf, type ValueShape, valueShapes, valueSize } from './shapes.ts';
