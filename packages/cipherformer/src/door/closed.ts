import { UsageError } from '@cipherformer/base';

/** What questions end with that come, or are under way, when a connection is closed. */
export const closed = () => new UsageError('the connection is closed: connect again');
