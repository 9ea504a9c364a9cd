import { CipherformerError } from '@cipherformer/base';
import { ConfigError } from '@cipherformer/model';

/** A loss or gradient that is not a finite number. `tensor` is the first offender in the order of evaluation. */
export class DivergenceError extends CipherformerError {
  override readonly name = 'DivergenceError';
  override readonly code = 'diverged';
  readonly step: number;
  readonly tensor: string;

  constructor(message: string, step: number, tensor: string) {
    super(message);
    this.step = step;
    this.tensor = tensor;
  }
}

/** A part of a model that has no polynomial form: `part` names it, the message says what to replace it with. */
export class UnsupportedPartError extends CipherformerError {
  override readonly name = 'UnsupportedPartError';
  override readonly code = 'unsupported-part';
  readonly part: string;

  constructor(part: string, message: string) {
    super(`${part}: ${message}`);
    this.part = part;
  }
}

/** Calibration data that cannot be used: too little, or not what the model takes. */
export class CalibrationError extends CipherformerError {
  override readonly name = 'CalibrationError';
  override readonly code = 'bad-calibration';
}

/** A site that stays wider than asked after range minimisation: which, how wide, what to try. */
export class SiteRangeError extends CipherformerError {
  override readonly name = 'SiteRangeError';
  override readonly code = 'range-too-wide';
  readonly site: string;

  constructor(site: string, message: string) {
    super(`${site}: ${message}`);
    this.site = site;
  }
}

/** Training that kept diverging after several roll-backs. */
export class UnstableTrainingError extends CipherformerError {
  override readonly name = 'UnstableTrainingError';
  override readonly code = 'unstable-training';
}

/** A folder that holds results of another recipe or model than the one that is to go on in it. */
export class OtherRunError extends ConfigError {
  override readonly name = 'OtherRunError';
  override readonly code = 'other-run';
}

/** A polynomial graph that does not compute what the trained model does. */
export class LoweringError extends CipherformerError {
  override readonly name = 'LoweringError';
  override readonly code = 'lowered-wrongly';
}
