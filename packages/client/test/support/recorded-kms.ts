import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { close, listen, wholeBody } from './http.js';
import { golden } from './golden.js';

interface RecordedKey {
  region: string;
  ciphertext: string;
  encryption_context: Record<string, string>;
  key_arn: string;
  plaintext: string;
}

interface Sealed {
  region: string;
  key: string;
  context: Record<string, string>;
  plaintext: string;
}

// compat: the keys per region are those of the recordings: the authentication keys exist only in us-east-1.
const KEYS: Record<string, readonly string[]> = {
  'us-east-1': ['alias/authnz-user', 'alias/authnz-service', 'alias/blind-useast1'],
  'us-west-2': ['alias/blind-uswest2'],
};

/**
 * A KMS that answers as recorded: Decrypt knows every data key of the recorded tables, in its region and under its
 * context, and every result of Encrypt. `opened` returns the plaintext of one of our ciphertexts.
 */
export async function startRecordedKms(): Promise<{
  url: string;
  calls: { operation: string; region: string }[];
  opened(ciphertext: string): Sealed | undefined;
  close(): Promise<void>;
}> {
  const recorded = golden<RecordedKey[]>('kms-answers.json');
  const made = new Map<string, Sealed>();
  const calls: { operation: string; region: string }[] = [];

  const operate = (operation: string, region: string, body: Record<string, unknown>): object | string => {
    const context = (body['EncryptionContext'] ?? {}) as Record<string, string>;
    if (operation === 'GenerateRandom') {
      return { Plaintext: randomBytes(body['NumberOfBytes'] as number).toString('base64') };
    }
    if (operation === 'Encrypt') {
      const key = body['KeyId'] as string;
      if (!KEYS[region]?.includes(key)) return 'NotFoundException';
      const ciphertext = randomBytes(96).toString('base64');
      made.set(ciphertext, { region, key, context, plaintext: body['Plaintext'] as string });
      return { CiphertextBlob: ciphertext, KeyId: `arn:aws:kms:${region}:123456789012:${key}` };
    }
    const ciphertext = body['CiphertextBlob'] as string;
    const own = made.get(ciphertext);
    if (own !== undefined && own.region === region && isDeepStrictEqual(own.context, context)) {
      return { Plaintext: own.plaintext, KeyId: own.key };
    }
    const found = recorded.find(
      (key) =>
        key.ciphertext === ciphertext && key.region === region && isDeepStrictEqual(key.encryption_context, context),
    );
    if (found === undefined) return 'InvalidCiphertextException';
    return { Plaintext: Buffer.from(found.plaintext).toString('base64'), KeyId: found.key_arn };
  };

  const server = createServer((request, response) => {
    void wholeBody(request).then((text) => {
      if (text === undefined) return;
      const region = /Credential=[^/]+\/\d+\/([a-z0-9-]+)\/kms\//.exec(request.headers.authorization ?? '')?.[1] ?? '';
      const operation = String(request.headers['x-amz-target']).replace('TrentService.', '');
      calls.push({ operation, region });
      const answer = operate(operation, region, JSON.parse(text) as Record<string, unknown>);
      const isError = typeof answer === 'string';
      response.writeHead(isError ? 400 : 200, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify(isError ? { __type: answer, message: 'recorded' } : answer));
    });
  });
  return {
    url: await listen(server),
    calls,
    opened: (ciphertext) => made.get(ciphertext),
    close: () => close(server),
  };
}
