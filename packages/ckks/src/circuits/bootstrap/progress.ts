/** Progress of long work: `done` of `total` steps of `what`. */
export type Progress = (what: string, done: number, total: number) => void;
