import {
  TokenRejected,
  TokenValidator,
  type TokenEvent,
  type TokenValidatorOptions,
  type VerifiedToken,
} from '../src/index.js';
import { MemoryKms } from './memory-kms.js';

export const MINUTE = 60_000;
export const START = Date.UTC(2026, 10, 21, 22, 0, 0);

export const time = (ms: number) => new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, '');

/** A validator, its KMS with a key of each kind, a clock, and the events so far. */
export function setUp(options: Partial<TokenValidatorOptions> = {}) {
  const kms = new MemoryKms();
  const keys = {
    service: kms.addKey('alias/authnz-service'),
    sandbox: kms.addKey('alias/authnz-sandbox'),
    user: kms.addKey('alias/authnz-user'),
    unrelated: kms.addKey('alias/unrelated'),
  };
  const clock = { now: START };
  const events: TokenEvent[] = [];
  const validator = new TokenValidator({
    kms,
    to: 'confidant',
    serviceKeys: new Map([
      ['alias/authnz-service', null],
      ['alias/authnz-sandbox', 'sandbox'],
    ]),
    userKeys: ['alias/authnz-user'],
    userTypes: ['service', 'user'],
    minimumVersion: 1,
    maximumVersion: 2,
    maxLifetimeMinutes: 60,
    cacheSize: 100,
    now: () => clock.now,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { kms, keys, clock, events, validator };
}

export interface Mint {
  keyId?: string;
  context?: Record<string, string>;
  payload?: string;
  notBefore?: number;
  notAfter?: number;
}

export const SERVICE = '2/service/svc';
export const USER = '2/user/alice';
export const serviceContext = { from: 'svc', to: 'confidant', user_type: 'service' };
export const userContext = { from: 'alice', to: 'confidant', user_type: 'user' };

export async function mint(kms: MemoryKms, given: Mint = {}): Promise<string> {
  const { keyId = 'alias/authnz-service', context = serviceContext } = given;
  const { notBefore = START - 3 * MINUTE, notAfter = START + 30 * MINUTE } = given;
  const payload = given.payload ?? `{"not_before": "${time(notBefore)}", "not_after": "${time(notAfter)}"}`;
  const { ciphertext } = await kms.encrypt({ keyId, context, plaintext: Buffer.from(payload) });
  return ciphertext.toString('base64');
}

/** Returns the reason of the refusal, or "accepted". */
export async function verdict(validation: Promise<VerifiedToken>): Promise<string> {
  try {
    await validation;
    return 'accepted';
  } catch (error) {
    if (error instanceof TokenRejected) return error.reason;
    throw error;
  }
}
