import assert from 'node:assert/strict';
import { join } from 'node:path';
import { schemathesis } from './installs.mjs';
import { run, tail, temporaryFolder } from './processes.mjs';
import { check, NotAvailable } from './report.mjs';
import { kmsauth, kmsOf, startEmbedded } from './servers.mjs';

const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
  'response_headers_conformance',
];
const MAX_EXAMPLES = 12;
const TIMEOUT_MS = 20 * 60_000;

/** schemathesis sends requests that the OpenAPI document allows and ones that it forbids, and checks every response against it. */
export async function requestsMadeFromOpenApi() {
  const bin = await schemathesis();
  const server = await startEmbedded();
  const document = await fetch(`${server.url}/v1/openapi.json`);
  if (document.status === 404) throw new NotAvailable('the server has no /v1/openapi.json');
  const kms = kmsOf(server.kms);
  for (const [userType, from, authKey] of [
    ['user', 'alice', 'alias/confidant-user'],
    ['service', 'demo-app', 'alias/confidant-service'],
  ]) {
    const generator = new kmsauth.TokenGenerator({
      ...{ kms, authKey, userType, from, to: 'confidant', version: 2, lifetimeMinutes: 60 },
    });
    await check(
      `requests of a ${userType} get no 5xx, and only responses that the document describes`,
      async () => {
        const { username, token } = await generator.token();
        const basic = Buffer.from(`${username}:${token}`).toString('base64');
        const args = ['run', `${server.url}/v1/openapi.json`, '-H', `Authorization: Basic ${basic}`];
        const options = ['--checks', CHECKS.join(), '-n', String(MAX_EXAMPLES), '--seed', '1', '--warnings', 'off'];
        // A slow machine must not fail the check.
        const slow = ['--suppress-health-check', 'too_slow'];
        const bounds = ['--phases', 'examples,coverage,fuzzing', '--request-timeout', '60', '--no-shrink'];
        const end = await run(join(bin, 'schemathesis'), [...args, ...options, ...slow, ...bounds], {
          cwd: temporaryFolder('openapi'),
          timeoutMs: TIMEOUT_MS,
        });
        assert.equal(end.code, 0, `\n${tail(end.stdout + end.stderr, 400)}`);
        console.log(`        ${tail(end.stdout, 2).replaceAll('\n', ' ')}`);
      },
      TIMEOUT_MS,
    );
  }
  kms.close();
  await server.stop();
}
