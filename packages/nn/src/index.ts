export * from './ablation/index.ts';
export { readCorpus } from './data/corpus.ts';
export { type ImageSet, imageSize, normaliseImage, readCifar10, readMnist, sliceImages } from './data/images.ts';
export {
  type ClassificationSet,
  type EvaluationSet,
  imageEvaluation,
  type LanguageSet,
  textEvaluation,
} from './data/sets.ts';
export { encodeLong, type LoadOptions, loadTask, type SplitName, type TaskData } from './data/task.ts';
export { readTexts, type TextSet } from './data/texts.ts';
export * from './errors.ts';
export { recordExtremes, type SiteExtremes } from './evaluate/extremes.ts';
export { generateGreedy } from './evaluate/generate.ts';
export { buildInference, type InferenceContext, InferenceModel, type InferenceOptions } from './evaluate/inference.ts';
export {
  type ClassificationResult,
  type EvaluationResult,
  evaluateClassification,
  evaluateLanguage,
  type LanguageResult,
  languageModelScorer,
} from './evaluate/metrics.ts';
export { type EvaluateOptions, evaluateModel } from './evaluate/model.ts';
export { evaluatePolynomialModel, inputOf, type PolynomialEvaluation } from './evaluate/polynomial.ts';
export { recordRanges, type SiteRange } from './evaluate/ranges.ts';
export { type Adapter, type AdapterInput, adaptWeights } from './files/adapter.ts';
export { exportOnnx } from './files/export.ts';
export { readLlama2cTokenizer } from './files/llama2c.ts';
export { loadModel } from './files/load.ts';
export { type Model, type Preprocess, saveModel } from './files/model-folder.ts';
export { parseSafetensors, serialiseSafetensors } from './files/safetensors.ts';
export { readSafetensors, writeSafetensors } from './files/safetensors-file.ts';
export { readJson, readText, writeAtomically } from './files/storage.ts';
export { gradients } from './graph/autodiff.ts';
export { reachable, toOnnx } from './graph/onnx.ts';
export { elementCount, formatShape, type Operation, Program, type Shape, type Tensor } from './graph/program.ts';
export { type Feeds, Session, type SessionOptions, type TensorData } from './graph/session.ts';
export {
  type Comparison,
  checkComparable,
  compareConversions,
  type GapEstimate,
  type SeedComparison,
} from './method/compare.ts';
export { type ConvertOptions, type ConvertProgress, type ConvertResult, convert } from './method/convert.ts';
export * from './method/errors.ts';
export { type ConversionEstimate, estimateConversion } from './method/estimate.ts';
export { packBits, type TestOutcomes } from './method/outcomes.ts';
export type { PairedComparison } from './method/paired.ts';
export { type ConversionRecipe, conversionSchema, parseConversion } from './method/recipe.ts';
export {
  type ConversionRecord,
  conversionFormat,
  figuresBySplit,
  type MeasuredConversion,
  type OutOfRange,
  type PolynomialRecord,
  type SiteRecord,
  type StageRecord,
  stageName,
} from './method/record.ts';
export { judgeTargets, rangeTargets, type TargetVerdict } from './method/targets.ts';
export { Builder, type BuilderOptions, type ParameterSpec, type Site } from './model/builder.ts';
export {
  type ActivationConfig,
  type ModelConfig,
  type ModelConfigInput,
  modelSchema,
  type NormConfig,
  type PolynomialConfig,
  parseModelConfig,
  sequenceLength,
} from './model/config.ts';
export { bertConfig, gptConfig, llamaConfig, vitConfig } from './model/presets.ts';
export { buildModel, declareInputs, type ModelGraph, type ModelInputs } from './model/transformer.ts';
export {
  checkWeights,
  initialWeights,
  parameterCount,
  parameterSpecs,
  type StoredTensor,
  type Weights,
} from './model/weights.ts';
export * as ops from './ops/index.ts';
export {
  arithmeticOperations,
  exportPolynomialOnnx,
  movementOperations,
  polynomialOperations,
} from './polynomial/export-onnx.ts';
export { isPolynomialModel, loadPolynomialModel, savePolynomialModel } from './polynomial/folder.ts';
export * from './polynomial/index.ts';
export { Random } from './random.ts';
export { type TokenizerFiles, trainByteBpe } from './text/bpe.ts';
export { encodeTexts, huggingFaceTokenizer, type Tokenizer } from './text/tokenizer.ts';
export { loadTokenizer, saveTokenizer } from './text/tokenizer-folder.ts';
export type { LossContext, Losses, LossTerm, TrainingStepOptions } from './train/build-step.ts';
export { combineLosses, distillationLoss, taskLoss } from './train/losses.ts';
export { type DataConfig, parseData, parseRecipe, type Recipe, recipeSchema } from './train/recipe.ts';
export { type MetricsLine, RunFolder } from './train/run-folder.ts';
export { warmupCosine } from './train/schedule.ts';
export { type StepResult, TrainingStep } from './train/step.ts';
export { type TrainOptions, type TrainProgress, type TrainResult, train } from './train/trainer.ts';
