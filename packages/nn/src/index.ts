/** Transformers in clear: loading, training, evaluating, and their conversion to polynomial form. Needs ONNX Runtime. */
export type { AblationCell, CellFigures } from './ablation/cell.ts';
export { type AblationRecipe, type AblationVariant, parseAblation } from './ablation/recipe.ts';
export { type AblateOptions, runAblation } from './ablation/run.ts';
export { parseStability, runStability, type StabilityCell, type StabilityRecipe } from './ablation/stability.ts';
export { type AblationRow, ablationCsv, type Estimate, type Measure, summarise } from './ablation/summary.ts';
export { loadModel, loadModelTokenizer } from './checkpoints/load.ts';
export { type Model, modelPath, type Preprocess, saveModel } from './checkpoints/model-folder.ts';
export { type ChosenRecipe, chooseRecipe } from './convert/choose-recipe.ts';
export { convert } from './convert/convert.ts';
export type { ConvertOptions, ConvertResult } from './convert/options.ts';
export { type ConversionRecipe, type ConversionRecipeInput, parseConversion, recipeData } from './convert/recipe.ts';
export {
  type Comparison,
  checkComparable,
  compareConversions,
  type GapEstimate,
  type SeedComparison,
} from './convert/record/compare.ts';
export { packBits, type TestOutcomes } from './convert/record/outcomes.ts';
export type { PairedComparison } from './convert/record/paired.ts';
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
} from './convert/record/record.ts';
export { promised, type Shortfall, shortfalls, type Undecided, undecided } from './convert/record/shortfall.ts';
export { judgeTargets, rangeTargets, type TargetVerdict } from './convert/record/targets.ts';
export { type ConversionEstimate, estimateConversion } from './convert/stages/estimate.ts';
export type { ConvertProgress } from './convert/stages/train-part.ts';
export { type Batches, type BatchOptions, batches, type Draw, type Exchange, type TokenNoise } from './data/batches.ts';
export { type DataConfig, type Drawing, parseData, type SelfWrittenConfig } from './data/config.ts';
export type { CorpusDataSet, DataSet, ImageDataSet, TextDataSet } from './data/dataset.ts';
export type { LoadOptions } from './data/datasets.ts';
export * as datasets from './data/datasets.ts';
export type {
  Examples,
  ImageExample,
  ImageExamples,
  TextExample,
  TextExamples,
  TokenExample,
} from './data/examples.ts';
export {
  type ImageSet,
  type ImageShape,
  imageSize,
  normaliseImage,
  readMnist,
} from './data/images.ts';
export type { DataTarget, OwnData } from './data/own-data.ts';
export { type DataReport, reportLines } from './data/report.ts';
export {
  type ClassificationSet,
  type ClassificationSplit,
  imageSplit,
  type LanguageSet,
  type LanguageSplit,
  type Split,
  type SplitName,
} from './data/splits.ts';
export type { TextSet } from './data/texts.ts';
export {
  CalibrationError,
  DivergenceError,
  LoweringError,
  OtherRunError,
  SiteRangeError,
  UnstableTrainingError,
  UnsupportedPartError,
} from './errors.ts';
export { exportOnnx } from './evaluate/export.ts';
export type { SiteExtremes } from './evaluate/extremes.ts';
export { generateGreedy } from './evaluate/generate.ts';
export { buildInference, InferenceModel, type InferenceOptions } from './evaluate/inference.ts';
export {
  type ClassificationResult,
  type EvaluationResult,
  evaluateClassification,
  type LanguageResult,
} from './evaluate/metrics.ts';
export { type EvaluateOptions, evaluateModel } from './evaluate/model.ts';
export { evaluatePolynomialModel, inputOf, type PolynomialEvaluation } from './evaluate/polynomial.ts';
export {
  arithmeticOperations,
  exportPolynomialOnnx,
  movementOperations,
  polynomialOperations,
} from './evaluate/polynomial-onnx.ts';
export { Predictor, type PreparedInput } from './evaluate/predict.ts';
export { recordRanges, type SiteRange } from './evaluate/ranges.ts';
export { type LowerOptions, lower } from './lower/lower.ts';
export { makePolynomialModel, type PolynomialModelSource } from './lower/make-model.ts';
export { gradients } from './onnx/autodiff.ts';
export { reachable } from './onnx/onnx.ts';
export { type Operation, Program, type Tensor } from './onnx/program.ts';
export { type Feeds, type Provider, providers, Session, type SessionOptions, type TensorData } from './onnx/session.ts';
export * as ops from './ops/index.ts';
export { Random } from './random.ts';
export type { Columns } from './sources/source.ts';
export { loadTokenizer } from './text/tokenizer-folder.ts';
export type { TokenizerConfig } from './text/tokenizers.ts';
export type { LossContext, Losses, LossTerm, TrainingStepOptions } from './train/build-step.ts';
export { taskLoss } from './train/losses.ts';
export { parseRecipe, type Recipe } from './train/recipe.ts';
export { type MetricsLine, RunFolder } from './train/run-folder.ts';
export { type StepResult, TrainingStep } from './train/step.ts';
export { type TrainOptions, type TrainProgress, type TrainResult, train } from './train/trainer.ts';
export type { ParameterSpec, Site } from './transformer/builder.ts';
export {
  type ActivationConfig,
  answerKind,
  type ModelConfig,
  type ModelConfigInput,
  type NormConfig,
  otherAnswer,
  type PolynomialConfig,
  parseModelConfig,
  sequenceLength,
} from './transformer/config.ts';
export type { ModelInputs } from './transformer/inputs.ts';
export { bertConfig, gptConfig, llamaConfig, vitConfig } from './transformer/presets.ts';
export type { ModelGraph } from './transformer/transformer.ts';
export { initialWeights, parameterCount, parameterSpecs } from './transformer/weights.ts';
