/** Bytes for a person: "2.31 GiB". */
export const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
