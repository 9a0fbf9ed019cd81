import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type IamOptions, iamRoles } from '../../../src/adapters/aws/iam-roles.js';
import type { Roles } from '../../../src/ports/grants.js';
import { BackendUnavailable } from '../../../src/ports/unavailable.js';
import { type IamStandIn, roleArn, startIamStandIn } from '../../stand-ins/iam.js';

const NAMES = Array.from({ length: 25 }, (_, index) => `svc-${String(25 - index).padStart(2, '0')}-production`);

let iam: IamStandIn;
let opened: Roles[] = [];
let failures: unknown[] = [];

beforeEach(async () => {
  iam = await startIamStandIn(NAMES);
  vi.stubEnv('AWS_ENDPOINT_URL_IAM', iam.url);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIATEST');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
});
afterEach(async () => {
  for (const roles of opened) roles.close();
  opened = [];
  failures = [];
  await iam.stop();
  vi.unstubAllEnvs();
});

function open(options: Partial<IamOptions> = {}): Roles {
  const roles = iamRoles({
    region: 'us-east-1',
    connectTimeoutMs: 20_000,
    requestTimeoutMs: 20_000,
    roleDeadlineMs: 20_000,
    maxAttempts: 1,
    onRefreshFailed: (error) => failures.push(error),
    ...options,
  });
  opened.push(roles);
  return roles;
}

const CACHE = { refreshMs: 1000, jitterMs: 0 };

const IAM_ROLE = `<RoleName>${NAMES[0]}</RoleName>`;
/** Contents that are not IAM's answer to either question. */
const NOT_IAM = {
  nothing: '',
  'a page': '<html><body>log in first</body></html>',
  'a page that is not XML': '<!doctype html><p>log in<br>first',
  JSON: '{"ok":true}',
  text: 'OK',
  'a result without roles': '<ListRolesResponse><ListRolesResult/></ListRolesResponse>',
  'roles of which it is unknown whether there are more':
    '<ListRolesResponse><ListRolesResult><Roles></Roles></ListRolesResult></ListRolesResponse>',
  'a role without an ARN':
    `<ListRolesResponse><ListRolesResult><Roles><member>${IAM_ROLE}</member></Roles>` +
    '<IsTruncated>false</IsTruncated></ListRolesResult></ListRolesResponse>',
  'another role':
    '<GetRoleResponse><GetRoleResult><Role><RoleName>other</RoleName><Arn>arn:aws:iam::1:role/other</Arn></Role>' +
    '</GetRoleResult></GetRoleResponse>',
};

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

describe('the list of IAM roles', () => {
  test('the list has the roles of every page, sorted', async () => {
    expect(await open().list()).toEqual([...NAMES].sort());
    expect(iam.calls['ListRoles']).toBe(3);
  });

  test('without a cache the list is fetched each time', async () => {
    const roles = open();
    await roles.list();
    iam.roles = ['new'];
    expect(await roles.list()).toEqual(['new']);
  });

  test('a cached list is kept in memory and refreshed in the background', async () => {
    const roles = open({ cache: CACHE });
    await roles.list();
    iam.roles = ['new'];
    expect(await roles.list()).toEqual([...NAMES].sort());
    await until(() => (iam.calls['ListRoles'] ?? 0) > 3);
    while ((await roles.list()).length > 1) await sleep(10);
    expect(await roles.list()).toEqual(['new']);
  });

  test('a cached list survives a failed refresh, which is reported', async () => {
    const roles = open({ cache: CACHE });
    await roles.list();
    iam.fault = 500;
    await until(() => failures.length > 0);
    expect(failures[0]).toBeInstanceOf(BackendUnavailable);
    expect(await roles.list()).toEqual([...NAMES].sort());
  });

  test('the list is unavailable, never empty, until IAM has answered once', async () => {
    iam.fault = 500;
    const roles = open({ cache: CACHE });
    await expect(roles.list()).rejects.toBeInstanceOf(BackendUnavailable);
    iam.fault = undefined;
    expect(await roles.list()).toHaveLength(NAMES.length);
  });

  test('the list is unavailable if IAM does not answer in time', async () => {
    iam.fault = 'hang';
    await expect(open({ requestTimeoutMs: 100 }).list()).rejects.toBeInstanceOf(BackendUnavailable);
  });

  test.each(Object.entries(NOT_IAM))('%s with status 200 replaces no list and counts as a failure', async (_, body) => {
    const roles = open({ cache: CACHE });
    await roles.list();
    iam.fault = { body };
    await until(() => failures.length > 0);
    expect(failures[0]).toBeInstanceOf(BackendUnavailable);
    expect(await roles.list()).toEqual([...NAMES].sort());
    await expect(open().list()).rejects.toBeInstanceOf(BackendUnavailable);
    await expect(open().arnOf(NAMES[0]!)).rejects.toBeInstanceOf(BackendUnavailable);
  });

  test('an account without roles has an empty list', async () => {
    iam.roles = [];
    expect(await open().list()).toEqual([]);
  });

  test('a response without end is unavailable', async () => {
    iam.fault = 'endless';
    await expect(open({ requestTimeoutMs: 300_000 }).list()).rejects.toBeInstanceOf(BackendUnavailable);
  });

  test('the list is never partial: a listing that never ends fails', async () => {
    const roles = open();
    iam.roles = NAMES.concat(Array.from({ length: 2000 }, (_, index) => `more-${index}`));
    iam.pageSize = 1;
    await expect(roles.list()).rejects.toBeInstanceOf(BackendUnavailable);
  });
});

describe('the ARN of a role', () => {
  test('the ARN of a listed role comes from the list', async () => {
    const roles = open({ cache: CACHE });
    await roles.list();
    expect(await roles.arnOf(NAMES[0]!)).toBe(roleArn(NAMES[0]!));
    expect(iam.calls['GetRole']).toBeUndefined();
  });

  test('the ARN of a role that was created since the last refresh is found', async () => {
    const roles = open({ cache: { refreshMs: 600_000, jitterMs: 0 } });
    await roles.list();
    iam.roles.push('brand-new');
    expect(await roles.arnOf('brand-new')).toBe(roleArn('brand-new'));
  });

  test('the time limit for the ARN of a role begins after the SDK was loaded', async () => {
    const asked = open({ roleDeadlineMs: 6000 }).arnOf(NAMES[0]!);
    // As on a busy machine, loading the SDK takes longer than the time limit.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 6100);
    expect(await asked).toBe(roleArn(NAMES[0]!));
  });

  test.each(['nobody', 'not a role name', 'a'.repeat(100)])('the ARN of the role %s is undefined', async (name) => {
    expect(await open().arnOf(name)).toBeUndefined();
  });

  test('the ARN of a role is unavailable, never undefined, if IAM fails', async () => {
    iam.fault = 503;
    await expect(open().arnOf('svc-01-production')).rejects.toBeInstanceOf(BackendUnavailable);
  });
});
