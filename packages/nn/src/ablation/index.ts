export type { AblationCell, CellFigures } from './cell.ts';
export { type AblationRecipe, type AblationVariant, parseAblation } from './recipe.ts';
export { type AblateOptions, runAblation } from './run.ts';
export { type AblationRow, ablationCsv, type Estimate, type Measure, summarise } from './summary.ts';
