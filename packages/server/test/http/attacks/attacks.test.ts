import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../harness/free-port.js';
import { makeKeyPair } from '../../login/saml-idp.js';
import { requestIn } from '../../login/saml-site.js';
import { openSilent, report, startTarget, type Target } from './attack.js';

/** Long enough for a busy machine. Without the bounds, every attack delayed health checks by 11 seconds or more. */
const PROMISED_MS = 10_000;
const MEGABYTE = 2 ** 20;
const PATIENT = { timeout: 240_000 };

let target: Target;
let metricsPort: number;
let kmsPort: number;
beforeAll(async () => {
  metricsPort = await freePort();
  kmsPort = await freePort();
  const { cert } = await makeKeyPair('idp');
  target = await startTarget({
    METRICS_PORT: String(metricsPort),
    CONFIDANT_KMS_PORT: String(kmsPort),
    SESSION_SECRET: 'a-secret-of-tests-of-forty-characters....',
    USER_AUTH_MODULE: 'saml',
    SAML_CONFIDANT_URL_ROOT: 'http://127.0.0.1/',
    SAML_IDP_ENTITY_ID: 'https://idp.example',
    SAML_IDP_SIGNON_URL: 'https://idp.example/sso',
    SAML_IDP_CERT: cert,
    // Slow bodies are not cut off during an attack.
    REQUEST_TIMEOUT_SECONDS: '30',
  });
}, 120_000);
afterAll(() => target?.stop());

/** Runs an attack, and expects that health checks are answered meanwhile and that memory stays within bounds. */
async function survives(name: string, attack: () => Promise<void>, growthBytes = 200 * MEGABYTE): Promise<void> {
  const before = target.memory();
  const { longestMs, answered, failed, peakBytes } = await target.during(attack);
  report(name, {
    'longest health check ms': longestMs,
    answered,
    failed,
    'MB before': before / MEGABYTE,
    'MB peak': peakBytes / MEGABYTE,
  });
  expect(failed).toBe(0);
  expect(answered).toBeGreaterThan(0);
  expect(longestMs).toBeLessThan(PROMISED_MS);
  expect(peakBytes - before).toBeLessThan(growthBytes);
  expect(target.program.process.exitCode).toBeNull();
}

/** Sends requests without reading the responses, on connections that stay open for a while. */
async function unread(
  to: { host: string; port: number },
  connections: number,
  request: string,
  count: number,
): Promise<void> {
  const sockets = await openSilent(to, connections);
  for (const socket of sockets) socket.write(request.repeat(count));
  await sleep(5000);
  for (const socket of sockets) socket.destroy();
}

describe('a server under attack by anonymous clients stays available', PATIENT, () => {
  test('during SAML responses of 62,000 elements', async () => {
    const begun = await new Promise<{ location: string; cookie: string }>((resolve, reject) => {
      get(`${target.program.url}/v1/login`, (response) => {
        response.resume();
        resolve({
          location: response.headers.location!,
          cookie: response.headers['set-cookie']![0]!.split(';', 1)[0]!,
        });
      }).once('error', reject);
    });
    const { id } = requestIn(begun.location);
    const xml =
      `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r" Version="2.0" InResponseTo="${id}"><saml:Issuer>https://idp.example</saml:Issuer>` +
      `<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>${'<a/>'.repeat(62_000)}</samlp:Response>`;
    await survives('SAML siblings', async () => {
      for (let round = 0; round < 3; round++) {
        const response = await fetch(`${target.program.url}/v1/saml/consume`, {
          method: 'POST',
          headers: { cookie: begun.cookie },
          body: new URLSearchParams({ SAMLResponse: Buffer.from(xml).toString('base64') }),
        });
        expect(response.status).toBe(401);
        await response.text();
      }
    });
  });

  test('during requests whose responses are never read', () =>
    survives('unread answers', () =>
      unread(target, 5, 'GET /v1/openapi.json HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n', 12_000),
    ));

  test('during requests for metrics whose responses are never read', () =>
    survives('unread metrics', () =>
      unread({ host: '127.0.0.1', port: metricsPort }, 5, 'GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n', 12_000),
    ));

  test('during requests to the local KMS whose responses are never read', () =>
    survives('unread KMS answers', () =>
      unread(
        { host: '127.0.0.1', port: kmsPort },
        5,
        'POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 2\r\n\r\n{}',
        12_000,
      ),
    ));

  test('during large bodies without authentication', () =>
    survives('bodies before authentication', async () => {
      const sockets = await openSilent(target, 60);
      const head = 'POST /v1/credentials HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n';
      const body = Buffer.alloc(8 * MEGABYTE, ' ');
      for (const socket of sockets) {
        socket.write(`${head}content-length: ${body.length + 1}\r\n\r\n`);
        socket.write(body);
      }
      await sleep(5000);
      for (const socket of sockets) socket.destroy();
    }));

  test('during headers that arrive byte by byte, on more connections than the server accepts', () =>
    survives('slow headers', async () => {
      const sockets: Awaited<ReturnType<typeof openSilent>> = [];
      for (let batch = 0; batch < 10; batch++) sockets.push(...(await openSilent(target, 500)));
      for (const byte of 'GET /') {
        for (const socket of sockets) if (!socket.destroyed) socket.write(byte);
        await sleep(500);
      }
      for (const socket of sockets) socket.destroy();
    }));

  test('during invented tokens, for which KMS is soon not called any more', () =>
    survives('invented tokens', async () => {
      const statuses = new Map<number, number>();
      for (let number = 0; number < 400; number++) {
        const response = await fetch(`${target.program.url}/v1/services/web`, {
          headers: {
            'x-auth-from': '2/service/web',
            'x-auth-token': Buffer.alloc(150, `invented ${number} `).toString('base64'),
          },
        });
        await response.text();
        statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
        if (response.status === 503) expect(response.headers.get('retry-after')).toBe('1');
      }
      expect([...statuses.keys()].sort()).toEqual([403, 503]);
    }));
});
