import { TransportError } from './errors.ts';

/** Longest event: a job is a few hundred bytes. */
const maxEventLength = 2 ** 16;

export interface StreamEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

/**
 * Server-Sent Events of a body, as the standard reads them (WHATWG HTML, 9.2.6), without comments and reconnection
 * times. An event that the end of the stream cuts short is dropped.
 */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<StreamEvent> {
  let data: string[] = [];
  let event = 'message';
  let id: string | undefined;
  let length = 0;
  for await (const line of linesOf(body)) {
    length += line.length;
    if (length > maxEventLength) throw tooLong();
    if (line === '') {
      if (data.length > 0) yield { id, event, data: data.join('\n') };
      data = [];
      event = 'message';
      length = 0;
      continue;
    }
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line)!;
    if (field === 'data') data.push(value!);
    else if (field === 'event') event = value!;
    else if (field === 'id' && !value!.includes('\0')) id = value!;
  }
}

/** Lines that end with CRLF, LF or CR, wherever the chunks are cut. */
async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    // A carriage return at the very end may be half of a line end.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    if (rest.length > maxEventLength) throw tooLong();
    yield* lines;
  }
}

function tooLong(): TransportError {
  return new TransportError(`the service sent an event of more than ${maxEventLength} characters`);
}
