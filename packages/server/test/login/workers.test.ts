import { expect, it, onTestFinished } from 'vitest';
import { dataDirectory, run } from '../program/program.js';
import { Visitor } from './visitor.js';

it('several workers: the printed link works once for all of them, and a logout ends every copy of the cookie', async () => {
  const data = dataDirectory();
  const server = await run({ CONFIDANT_DATA_DIR: data.path, WEB_CONCURRENCY: '2', LOG_LEVEL: 'info' });
  onTestFinished(async () => {
    server.process.kill('SIGTERM');
    await server.exited;
    data.remove();
  });
  const link = new URL(/http:\/\/127\.0\.0\.1:\d+\/login#\S+/.exec(server.stderr())![0]);

  const visitor = new Visitor(link.origin);
  const redeem = () =>
    visitor.go('/v1/login', {
      method: 'POST',
      // A new connection each time: the supervisor gives them to its workers in turn.
      headers: { 'content-type': 'application/json', origin: link.origin, connection: 'close' },
      body: JSON.stringify({ secret: link.hash.slice(1) }),
    });
  expect((await redeem()).status).toBe(200);
  const cookie = visitor.jar().get('confidant_session')!;
  const token = visitor.jar().get('XSRF-TOKEN')!;
  const ask = () =>
    fetch(`${link.origin}/v1/user/email`, { headers: { cookie: `confidant_session=${cookie}`, connection: 'close' } });
  const statuses = async () =>
    new Set((await Promise.all(Array.from({ length: 12 }, ask))).map(({ status }) => status));
  expect(await statuses()).toEqual(new Set([200]));
  expect((await visitor.post('/v1/logout', { xsrf: token })).status).toBe(303);
  // The other workers hear of it a moment later.
  for (let i = 0; i < 100 && (await statuses()).has(200); i++) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await statuses()).toEqual(new Set([401]));
  for (let i = 0; i < 6; i++) expect((await redeem()).status).toBe(401);
}, 60_000);
