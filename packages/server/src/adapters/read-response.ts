import type { IncomingMessage } from 'node:http';

/** A response is longer than its reader accepts. */
export class ResponseTooLong extends Error {
  override readonly name = 'ResponseTooLong';
}

/**
 * Reads an HTTP response to its end. Rejects with {@link ResponseTooLong} as soon as it has more than `maxBytes`, and
 * with the connection's error when it breaks off; the caller then destroys the request.
 */
export function readResponse(answer: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    answer.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxBytes) reject(new ResponseTooLong('the response is too long'));
      else chunks.push(chunk);
    });
    answer.on('error', reject);
    answer.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
  });
}
