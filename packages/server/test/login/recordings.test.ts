import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { startServer } from '../harness/server.js';
import { Visitor } from './visitor.js';

interface Line {
  variant?: string;
  settings?: Record<string, string>;
  group: string;
  name: string;
  request: { method: string; path: string; headers: Record<string, string> };
  response: { status: number; headers: [string, string][] };
}

const lines = readFileSync(new URL('../../../../test/golden/http-settings.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Line);

const settingsOf = (variant: string): Record<string, string> =>
  lines.find((line) => line.variant === variant)!.settings!;
/** The requests of a block that need neither a token nor stored data. */
const block = (group: string): Line[] =>
  lines.filter(
    ({ group: of, request }) =>
      of === group && request.headers['Authorization'] === undefined && !/credentials|services/.test(request.path),
  );

/** Statuses that the fix of a bug changes. */
const FIXED: Record<string, number> = { 'no headers at all': 401 };

describe.each([
  ['header auth + CSRF', { SSLIFY: 'false' }],
  // The recorded server demanded no signature at all, which has to be confirmed here.
  ['SAML', { SSLIFY: 'false', SAML_ALLOW_UNSIGNED: 'true' }],
])('recorded logins with %s', (variant, more) => {
  test('statuses, redirects and the cookies that are set and deleted are as recorded', async () => {
    const confidant = await startServer({ ...settingsOf(variant), ...more });
    const recorded = block(variant);
    expect(recorded.length).toBeGreaterThanOrEqual(4);
    for (const { name, request, response } of recorded) {
      // Cookies of the original open nothing here, so none are sent.
      const headers = Object.entries(request.headers).filter(([header]) => header !== 'Cookie');
      const answer = await new Visitor(confidant.url).go(request.path, { method: request.method, headers });
      expect([name, answer.status]).toEqual([name, FIXED[name] ?? response.status]);
      const location = new Map(response.headers).get('Location');
      if (location === undefined) continue;
      const [ours, theirs] = [new URL(answer.location!, confidant.url), new URL(location)];
      expect([name, ours.pathname]).toEqual([name, theirs.pathname]);
      expect(ours.searchParams.has('SAMLRequest')).toBe(theirs.searchParams.has('SAMLRequest'));
      const ended = (cookies: string[]): boolean => cookies.some((cookie) => cookie.startsWith('confidant_session=; '));
      const set = response.headers.filter(([header]) => header === 'Set-Cookie').map(([, cookie]) => cookie);
      expect([name, ended(answer.headers.getSetCookie())]).toEqual([name, ended(set)]);
    }
    await confidant.stop();
  });
});
