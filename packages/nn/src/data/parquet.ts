import { parquetReadObjects } from 'hyparquet';
import { DataError } from '../errors.ts';

/** The rows of a Parquet file, with these columns. @throws DataError naming the file for what cannot be read as one */
export async function readParquet(
  bytes: Uint8Array,
  where: string,
  columns: readonly string[],
): Promise<Record<string, unknown>[]> {
  // A copy: the bytes of a Buffer may be a window into a larger pool.
  const file = new Uint8Array(bytes).buffer;
  try {
    return await parquetReadObjects({ file, columns: [...columns] });
  } catch (error) {
    throw new DataError(`${where} cannot be read as Parquet: ${(error as Error).message}`);
  }
}
