/** Bytes for a person: "2.31 GiB". */
export const gib = (bytes: number, digits = 2): string => `${(bytes / 2 ** 30).toFixed(digits)} GiB`;
