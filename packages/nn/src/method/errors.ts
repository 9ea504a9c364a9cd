import { NnError } from '../errors.ts';

/** Calibration data that cannot be used: too little, or not what the model takes. */
export class CalibrationError extends NnError {
  override readonly name = 'CalibrationError';
}

/** A site that stays wider than asked after range minimisation: which, how wide, what to try. */
export class SiteRangeError extends NnError {
  override readonly name = 'SiteRangeError';
  readonly site: string;

  constructor(site: string, message: string) {
    super(`${site}: ${message}`);
    this.site = site;
  }
}

/** Training that kept diverging after several roll-backs. */
export class UnstableTrainingError extends NnError {
  override readonly name = 'UnstableTrainingError';
}
