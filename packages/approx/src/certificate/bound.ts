/** The largest weighted error over a domain: how large it is known to be, and how that is known. */
export interface ErrorBound {
  /** No |error| on the domain is larger (times the stated safety, where it is only sampled). */
  readonly bound: number;
  /** The largest |error| seen at a sample, and where. */
  readonly measured: number;
  readonly measuredAt: number;
  /**
   * 'proved': interval Taylor arithmetic between the samples, rounding included. 'sampled': the function is a black
   * box; adaptive samples, twice the observed second differences, and the factor `safety`.
   */
  readonly method: 'proved' | 'sampled';
  readonly safety: number;
}
