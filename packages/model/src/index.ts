/** Polynomial models: their graph and its evaluation in clear, the preparation of inputs, and their files as bytes. Browsers and Node. */
export { type AnswerKind, answerKindOf } from './answer-kind.ts';
export { type PolynomialSite, polynomialSites } from './card.ts';
export {
  ConfigError,
  DataError,
  FormatError,
  MissingFileError,
  ShapeError,
  WeightError,
} from './errors.ts';
export { serialiseDocuments } from './files/documents.ts';
export { documentsFile, type ModelFiles, maxDocuments, preparationFiles } from './files/model-files.ts';
export {
  type PreparationFile,
  parsePreparation,
  preparationSchema,
  readDocuments,
  serialisePreparation,
} from './files/preparation.ts';
export { problemSchema } from './files/preparation-schema.ts';
export { bfloatToNumber, halfToNumber } from './files/safetensors.ts';
export { parsePolynomialModel, polynomialModelFiles, serialisePolynomialModel } from './files/serialise.ts';
export {
  elementCount,
  formatShape,
  type Shape,
  type StoredTensor,
  type TensorSource,
  type Weights,
} from './files/stored-tensor.ts';
export {
  calibrate,
  examplesOutside,
  recordValues,
  type SiteValues,
  untrustedExamples,
  type ValueRecord,
  ValueRecorder,
  withBounds,
} from './graph/calibrate.ts';
export { evaluate, type Observer, PolynomialEvaluator } from './graph/evaluate.ts';
export { everyToken } from './graph/every-token.ts';
export type { GraphNode, GraphOp, NodeOf, PolynomialGraph } from './graph/graph.ts';
export { featureGraph, outputScoringGraph, scoringGraph } from './graph/index-head.ts';
export { type ModelLevels, modelLevels } from './graph/levels.ts';
export { operandsOf, withOperands } from './graph/operands.ts';
export { valueShapes } from './graph/shapes.ts';
export { decodePicture, isPicture, unreadFormat } from './images/decode.ts';
export type { Picture } from './images/picture.ts';
export { pictureDecoder } from './images/picture-decoder.ts';
export { type PictureSteps, pictureStepsSchema } from './images/picture-steps.ts';
export { preparePicture } from './images/prepare-picture.ts';
export { type ImageProcessor, parseImageProcessor } from './images/processor.ts';
export { type Filter, resample } from './images/resample.ts';
export type { EmbeddingNorm, PatchEmbedding, TokenEmbedding } from './inputs/embedding.ts';
export { inputPreparer } from './inputs/input-preparer.ts';
export type { ModelInput } from './inputs/model-input.ts';
export { checkPatches, patchGrid, patchIndices, patchSchema, windowOrder } from './inputs/patches.ts';
export { limitContrast, type Normalisation, normalisationSchema, normalisePixels } from './inputs/pixels.ts';
export { imageValues, type PictureForm, picturePixels } from './inputs/prepare-image.ts';
export { prepareInput } from './inputs/prepare-input.ts';
export { noToken, prepareNextToken, tokenizerFor } from './inputs/prepare-text.ts';
export {
  checkPreparation,
  type ImagePreprocess,
  type InputPreparation,
  type TextPreprocess,
} from './inputs/preprocess.ts';
export type { GraphInputs, ValueShape } from './operations/definition.ts';
export type { Matrix } from './operations/fields.ts';
export { type PreparedStep, prepareProgram } from './operations/prepare.ts';
export { hidingOf } from './operations/rows.ts';
export { checkPolynomialModel, type ModelCard, type PolynomialModel, type SiteFacts } from './polynomial-model.ts';
export { type DrawOptions, drawToken } from './text/draw-token.ts';
export { assembleUnmarked, type Encoded } from './text/post-processor.ts';
export { byteAlphabet } from './text/pre-tokenisers.ts';
export {
  type EncodeOptions,
  encodeTexts,
  huggingFaceTokenizer,
  type Tokenizer,
  type TokenizerFiles,
} from './text/tokenizer.ts';
