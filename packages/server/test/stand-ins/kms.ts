import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EncryptionContext, type KmsGrants, type KmsLike, KmsRefused } from '@confidant/kmsauth';
import { Keyring } from '../../src/embedded/keyring.js';

interface Recorded {
  region: string;
  ciphertext: string;
  encryption_context: EncryptionContext;
  key_arn: string;
  plaintext: string;
}

/**
 * KMS over HTTP for tests: it answers requests of the recordings as recorded, and all others from a real keyring.
 * Regions are kept apart by the region that a request is signed for.
 */
export interface KmsStandIn {
  url: string;
  /** The keyring in the region of the server's keys, for making tokens. */
  kms: KmsLike & KmsGrants;
  /** How often each operation was called. */
  calls: Record<string, number>;
  /** While set, every call is answered with this status, or not at all. */
  fault: number | 'hang' | undefined;
  stop(): Promise<void>;
}

const REGION = 'us-east-1';

/**
 * The keys of golden/settings.env and those of its blind credentials, so that the recordings' environment works as it
 * stands; a keyring comes with the master key.
 */
const ALIASES: readonly [region: string, alias: string][] = [
  [REGION, 'alias/authnz-service'],
  [REGION, 'alias/authnz-user'],
  [REGION, 'alias/authnz-sandbox'],
  [REGION, 'alias/blind-useast1'],
  ['us-west-2', 'alias/blind-uswest2'],
];

export async function startKmsStandIn(): Promise<KmsStandIn> {
  const folder = mkdtempSync(join(tmpdir(), 'confidant-kms-'));
  const keyring = Keyring.open(folder);
  for (const [region, alias] of ALIASES) keyring.createKey(region, alias);
  const recorded = new Map(
    (
      JSON.parse(
        readFileSync(new URL('../../../../test/golden/kms-answers.json', import.meta.url), 'utf8'),
      ) as Recorded[]
    ).map((answer) => [answerKey(answer.region, answer.ciphertext, answer.encryption_context), answer]),
  );
  const calls: Record<string, number> = {};
  const standIn: Pick<KmsStandIn, 'fault'> = { fault: undefined };

  const server = createServer((request, response) => {
    void serve(request, response).catch((error: unknown) => {
      const code = error instanceof KmsRefused ? error.code : 'KMSInternalException';
      respond(response, error instanceof KmsRefused ? 400 : 500, { __type: code });
    });
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await textOf(request)) as Record<string, unknown>;
    const operation = String(request.headers['x-amz-target']).split('.')[1]!;
    calls[operation] = (calls[operation] ?? 0) + 1;
    if (standIn.fault === 'hang') return;
    if (standIn.fault !== undefined) return respond(response, standIn.fault, { __type: 'KMSInternalException' });
    const region = /Credential=[^/]+\/\d+\/([a-z0-9-]+)\/kms\//.exec(request.headers.authorization ?? '')?.[1];
    respond(response, 200, await answer(operation, region ?? REGION, body));
  }

  async function answer(operation: string, region: string, body: Record<string, unknown>): Promise<object> {
    const kms = keyring.kms(region);
    const context = (body['EncryptionContext'] ?? {}) as EncryptionContext;
    const keyId = String(body['KeyId'] ?? '');
    // As in AWS, the calls for grants take no alias.
    if (/Grants?$/.test(operation) && keyId.includes('alias/')) throw new KmsRefused('NotFoundException');
    switch (operation) {
      case 'Decrypt': {
        const blob = String(body['CiphertextBlob']);
        const known = recorded.get(answerKey(region, blob, context));
        if (known) return { Plaintext: Buffer.from(known.plaintext).toString('base64'), KeyId: known.key_arn };
        const opened = await kms.decrypt({ ciphertext: Buffer.from(blob, 'base64'), context });
        return { Plaintext: Buffer.from(opened.plaintext).toString('base64'), KeyId: opened.keyArn };
      }
      case 'Encrypt': {
        const sealed = await kms.encrypt({
          keyId,
          plaintext: Buffer.from(String(body['Plaintext']), 'base64'),
          context,
        });
        return { CiphertextBlob: Buffer.from(sealed.ciphertext).toString('base64'), KeyId: sealed.keyArn };
      }
      case 'GenerateRandom':
        return {
          Plaintext: Buffer.from(await kms.generateRandom(Number(body['NumberOfBytes']))).toString('base64'),
        };
      case 'DescribeKey': {
        const { keyArn } = await kms.describeKey(keyId);
        return { KeyMetadata: { Arn: keyArn, KeyId: keyArn.split('/')[1] } };
      }
      case 'ListGrants':
        return {
          Grants: (await kms.listGrants(keyId)).map((grant) => ({
            GrantId: grant.grantId,
            GranteePrincipal: grant.granteePrincipal,
            Operations: grant.operations,
            Constraints: { EncryptionContextSubset: grant.contextSubset },
          })),
          Truncated: false,
        };
      case 'CreateGrant': {
        const constraints = (body['Constraints'] ?? {}) as { EncryptionContextSubset?: EncryptionContext };
        const { grantId } = await kms.createGrant({
          keyId,
          granteePrincipal: String(body['GranteePrincipal']),
          operations: body['Operations'] as string[],
          contextSubset: constraints.EncryptionContextSubset ?? {},
        });
        return { GrantId: grantId, GrantToken: grantId };
      }
      case 'RevokeGrant':
        await kms.revokeGrant({ keyId, grantId: String(body['GrantId']) });
        return {};
      default:
        throw new KmsRefused('UnknownOperationException');
    }
  }

  // No idle connection is closed, since a request could reuse it at that moment.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(standIn, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    kms: keyring.kms(REGION),
    calls,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      keyring.close();
      rmSync(folder, { recursive: true, force: true });
    },
  });
}

function answerKey(region: string, ciphertext: string, context: EncryptionContext): string {
  return JSON.stringify([region, ciphertext, Object.entries(context).sort()]);
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function respond(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
}
