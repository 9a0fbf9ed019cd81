import { describe, expect, test } from 'vitest';
import { TokenRejected, TokenValidator, type KmsLike } from '../src/index.js';
import { MemoryKms, golden, recordedKms, recordedTokens } from './memory-kms.js';

const MINUTE = 60_000;
const RECORDED_AT = Date.UTC(2026, 10, 21, 22, 41, 0);
const time = (ms: number) => new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, '');

/** The validator with the settings of the recordings (settings.env). */
function recordedValidator(kms: KmsLike): TokenValidator {
  return new TokenValidator({
    kms,
    to: 'confidant-production',
    serviceKeys: new Map([
      ['alias/authnz-service', null],
      ['alias/authnz-sandbox', 'sandbox'],
    ]),
    userKeys: ['alias/authnz-user'],
    userTypes: ['user', 'service'],
    minimumVersion: 1,
    maximumVersion: 2,
    maxLifetimeMinutes: 60,
    cacheSize: 4096,
    now: () => RECORDED_AT,
  });
}

describe("the original generator's tokens", () => {
  test.each(recordedTokens.tokens)('$description', async (recorded) => {
    const { username_for_basic_auth, token_for_basic_auth_password, encryption_context, kms_key_arn } = recorded;
    const validation = recordedValidator(recordedKms()).validate(
      username_for_basic_auth,
      token_for_basic_auth_password,
    );
    if (recorded.description.includes('given user_type too')) {
      await expect(validation).rejects.toMatchObject({ reason: 'kms-refused' });
      return;
    }
    expect(await validation).toEqual({
      version: username_for_basic_auth.startsWith('2/') ? 2 : 1,
      userType: encryption_context['user_type'] ?? 'service',
      from: encryption_context['from'],
      account: null,
      notAfter: Date.UTC(2026, 10, 21, 23, 28, 8),
      keyArn: kms_key_arn,
    });
  });
});

/** How the token of a recording was made, as its name says; the other fields are those of the original's generator. */
interface Made {
  key?: string;
  context: Record<string, string>;
  notBefore?: number;
  notAfter?: number;
  payload?: string;
}

const to = 'confidant-production';
const user = (from = 'alice'): Made => ({ key: 'alias/authnz-user', context: { from, to, user_type: 'user' } });
const service = (from = 'svc-01-production'): Made => ({ context: { from, to, user_type: 'service' } });
const version1: Made = { context: { from: 'svc-01-production', to } };

/**
 * Every recording of the group `auth` that has a token, with the token and the expected result. `differs` is the number
 * in docs/original-bugs.md if our result is another.
 */
const TOKENS: Record<string, { made: Made | string; verdict: string; differs?: string }> = {
  'basic auth user, empty password': { made: '', verdict: 'malformed-token' },
  'v2 user token': { made: user(), verdict: 'accepted' },
  'v2 user token, second call (token cached)': { made: user(), verdict: 'accepted' },
  'X-Auth headers': { made: service(), verdict: 'accepted' },
  'v2 service token': { made: service(), verdict: 'accepted' },
  'v1 service token gets its service': { made: version1, verdict: 'accepted' },
  'v2 username with a v1 token': { made: version1, verdict: 'kms-refused' },
  'username with 4 parts': { made: user(), verdict: 'malformed-username', differs: 'bug 11: 500' },
  'version 0': { made: user(), verdict: 'malformed-username' },
  'unknown user type': { made: user(), verdict: 'user-type' },
  'empty user type': { made: user(), verdict: 'malformed-username' },
  'from mismatch': { made: service(), verdict: 'kms-refused' },
  'user_type mismatch': { made: service(), verdict: 'kms-refused' },
  'token not base64': { made: '!!!not base64!!!', verdict: 'malformed-token' },
  'token random bytes': { made: Buffer.alloc(120, 0x5a).toString('base64'), verdict: 'kms-refused' },
  'service token encrypted with the user key': { made: { ...service(), key: 'alias/authnz-user' }, verdict: 'key' },
  'token under an unrelated key': { made: { ...service(), key: 'alias/unrelated' }, verdict: 'key' },
  'to mismatch': { made: { ...user(), context: { ...user().context, to: 'other' } }, verdict: 'kms-refused' },
  expired: {
    made: { ...user(), notBefore: RECORDED_AT - 60 * MINUTE, notAfter: RECORDED_AT - 10 * MINUTE },
    verdict: 'expired',
  },
  'lifetime exactly 60 min': { made: { ...user(), notAfter: RECORDED_AT + 57 * MINUTE }, verdict: 'accepted' },
  'lifetime 24h+10min (timedelta.seconds wraps)': {
    made: { ...user(), notAfter: RECORDED_AT + (24 * 60 + 7) * MINUTE },
    verdict: 'lifetime',
    differs: 'bug 7: 200',
  },
  'payload without not_after': {
    made: { ...user(), payload: `{"not_before": "${time(RECORDED_AT)}"}` },
    verdict: 'payload',
  },
  'scoped key: own service in account sandbox': {
    made: { ...service('svc-20-production'), key: 'alias/authnz-sandbox' },
    verdict: 'accepted',
  },
  'unscoped key: own service in account sandbox': { made: service('svc-20-production'), verdict: 'accepted' },
  'user: service in account sandbox': { made: user(), verdict: 'accepted' },
  'user token under scoped key': { made: { ...user(), key: 'alias/authnz-sandbox' }, verdict: 'key' },
};

/** These requests are refused before a token is checked, which is tested with the server. */
const WITHOUT_TOKEN = ['no credentials', 'basic auth empty user'];

interface Recording {
  group: string;
  name: string;
  request: { headers: Record<string, string> };
  response: { status: number };
}

const recordings = golden('http.jsonl')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Recording)
  .filter(({ group, name }) => group === 'auth' && !WITHOUT_TOKEN.includes(name));

function usernameOf({ headers }: Recording['request']): string {
  return headers['X-Auth-From'] ?? /^Basic <(.*):token>$/.exec(headers['Authorization'] ?? '')?.[1] ?? '';
}

describe('the recorded answers to tokens', () => {
  test('every recorded response about tokens has a test here', () => {
    expect(recordings.map(({ name }) => name).toSorted()).toEqual(Object.keys(TOKENS).toSorted());
  });

  test.each(recordings)('$name', async ({ name, request, response }) => {
    const { made, verdict, differs } = TOKENS[name]!;
    const kms = new MemoryKms();
    for (const alias of ['authnz-service', 'authnz-sandbox', 'authnz-user', 'unrelated']) kms.addKey(`alias/${alias}`);
    const token = typeof made === 'string' ? made : await mint(kms, made);
    const validation = recordedValidator(kms).validate(usernameOf(request), token);
    const outcome = await validation.then(
      () => 'accepted',
      (error: unknown) => (error instanceof TokenRejected ? error.reason : String(error)),
    );
    expect(outcome).toBe(verdict);
    // An accepted token may get 401 too, if the requested service is in another account.
    const isAcceptedThere = [200, 401].includes(response.status);
    const isAsRecorded = (verdict === 'accepted') === isAcceptedThere && response.status !== 500;
    expect(isAsRecorded).toBe(differs === undefined);
  });
});

async function mint(kms: MemoryKms, made: Made): Promise<string> {
  const { key = 'alias/authnz-service', context, notBefore = RECORDED_AT - 3 * MINUTE } = made;
  const { notAfter = RECORDED_AT + 47 * MINUTE } = made;
  const payload = made.payload ?? `{"not_before": "${time(notBefore)}", "not_after": "${time(notAfter)}"}`;
  const { ciphertext } = await kms.encrypt({ keyId: key, context, plaintext: Buffer.from(payload) });
  return ciphertext.toString('base64');
}
