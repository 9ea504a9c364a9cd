/** Vega expression for the labels of a logarithmic axis: powers of ten as such, other values only where they are short. */
export const logLabel =
  "datum.value >= 0.01 && datum.value < 10000 ? format(datum.value, '~r') : " +
  "log(datum.value) / LN10 - round(log(datum.value) / LN10) > 1e-9 || log(datum.value) / LN10 - round(log(datum.value) / LN10) < -1e-9 ? '' : " +
  "'10' + (datum.value < 1 ? '⁻' : '') + " +
  "['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][min(9, abs(round(log(datum.value) / LN10)))]";
