import { DataError } from '@cipherformer/model';
import { shown } from '@cipherformer/model/untrusted';
import { parquetMetadataAsync, parquetReadObjects } from 'hyparquet';

/** All rows are in memory at once. */
const maxRows = 2 ** 24;

/**
 * The rows of a Parquet file, with these columns.
 * @throws DataError naming the file for what cannot be read as one, or claims more rows than are held
 */
export async function readParquet(
  bytes: Uint8Array,
  where: string,
  columns: readonly string[],
): Promise<Record<string, unknown>[]> {
  // A copy: the bytes of a Buffer may be a window into a larger pool.
  const file = new Uint8Array(bytes).buffer;
  const guarded = <T>(read: Promise<T>): Promise<T> =>
    read.catch((error: Error) => {
      throw new DataError(`${where} cannot be read as Parquet: ${shown(error.message)}. Write it again.`);
    });
  const metadata = await guarded(parquetMetadataAsync(file));
  if (metadata.num_rows > maxRows)
    throw new DataError(`${where} claims ${metadata.num_rows} rows, at most ${maxRows} are read: split it.`);
  return guarded(parquetReadObjects({ file, metadata, columns: [...columns] }));
}
