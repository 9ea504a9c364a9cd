import { CipherformerError } from '@cipherformer/base';

/** A loss or gradient that is not a finite number. `tensor` is the first offender in the order of evaluation. */
export class DivergenceError extends CipherformerError {
  override readonly name = 'DivergenceError';
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
  readonly part: string;

  constructor(part: string, message: string) {
    super(`${part}: ${message}`);
    this.part = part;
  }
}

/** Calibration data that cannot be used: too little, or not what the model takes. */
export class CalibrationError extends CipherformerError {
  override readonly name = 'CalibrationError';
}

/** A site that stays wider than asked after range minimisation: which, how wide, what to try. */
export class SiteRangeError extends CipherformerError {
  override readonly name = 'SiteRangeError';
  readonly site: string;

  constructor(site: string, message: string) {
    super(`${site}: ${message}`);
    this.site = site;
  }
}

/** Training that kept diverging after several roll-backs. */
export class UnstableTrainingError extends CipherformerError {
  override readonly name = 'UnstableTrainingError';
}
