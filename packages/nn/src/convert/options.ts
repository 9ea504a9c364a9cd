import type { OnProgress } from '@cipherformer/base';
import type { Tokenizer } from '@cipherformer/model';
import type { Model } from '../checkpoints/model-folder.ts';
import type { DataSet } from '../data/dataset.ts';
import type { Provider } from '../onnx/session.ts';
import type { ConversionRecord, MeasuredConversion, StageRecord } from './record/record.ts';
import type { ConvertProgress } from './stages/train-part.ts';

export interface ConvertOptions {
  /** Examples to train on, choose by and measure on. Default: those that the recipe's data part names. */
  readonly data?: DataSet;
  /** The folder the recipe's data paths start from. Default: the current one. */
  readonly dataRoot?: string;
  readonly out: string;
  /** Names the model in records. */
  readonly modelName: string;
  /** For text: the model's own. Default: that of the data. */
  readonly tokenizer?: Tokenizer;
  readonly threads?: number;
  /** What computes the training steps; models are measured by processors. Default 'cpu'. */
  readonly provider?: Provider;
  /** Train the original on instead, by the same recipe without its changes; there is no polynomial model then. */
  readonly control?: boolean;
  /**
   * For ablations and demos: the test set is read for the original and the result alone, and no polynomial model is written
   * (variants that keep a part that is no polynomial have none).
   */
  readonly endsOnly?: boolean;
  /** Write the polynomial model's weights with 16 bits: half the size, rounded by at most 1 in 2,048. */
  readonly half?: boolean;
  readonly progress?: OnProgress<ConvertProgress>;
  readonly onStage?: (row: StageRecord) => void;
  /** Aborting finishes a few steps and writes a checkpoint, or finishes a measurement, and throws the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface ConvertResult {
  /** Absent for a control, and with `endsOnly`: there is no polynomial model then. */
  readonly record?: ConversionRecord;
  /** The record without the exported model. */
  readonly measured: MeasuredConversion;
  readonly model: Model;
}
