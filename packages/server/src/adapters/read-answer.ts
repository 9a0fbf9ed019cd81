import type { IncomingMessage } from 'node:http';

/** A response is longer than its reader accepts. */
export class AnswerTooLong extends Error {
  override readonly name = 'AnswerTooLong';
}

/**
 * Reads an HTTP response to its end. Rejects with {@link AnswerTooLong} as soon as it has more than `maxBytes`, and
 * with the connection's error when it breaks off; the caller then destroys the request.
 */
export function readAnswer(answer: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    answer.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxBytes) reject(new AnswerTooLong('the answer is too long'));
      else chunks.push(chunk);
    });
    answer.on('error', reject);
    answer.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
  });
}
