import { isKmsLocal } from './unreachable.js';

/** The SDK's own, before anybody was asked. */
const NO_SESSION = /\baws (?:sso )?login\b/;
const CLOCK = /^(?:RequestExpired|RequestTimeTooSkewed|RequestInTheFuture)/;
const EXPIRED = /^ExpiredToken/;
const NO_ACCOUNT = /^(?:OptInRequired|SubscriptionRequired)/;
/** Codes of what is wrong with a key; the first that fits counts. */
const OF_KEYS: readonly (readonly [RegExp, string])[] = [
  [/^(?:InvalidSignature|SignatureDoesNotMatch)/, 'the secret access key does not belong to the access key id'],
  [
    /^(?:UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId)/,
    'there is no such access key, or not with this session token',
  ],
  [
    /^(?:IncompleteSignature|MissingAuthenticationToken)/,
    'the access key id or secret is not written as it was given out',
  ],
];

/**
 * What is wrong with the caller's own AWS credentials, session or clock, and what to do; undefined for what is none of
 * these. `code`: the error's name in AWS; `reason`: its message, which is not repeated, since it may quote what was
 * signed. `isOfKms`: KMS said it, which may be on this machine.
 */
export function describeAwsError(code: string, reason: string, { isOfKms }: { isOfKms: boolean }): string | undefined {
  if (CLOCK.test(code) || (/signature/i.test(code) && /^Signature (?:expired|not yet current)\b/.test(reason))) {
    return "this machine's clock is wrong: set it, AWS takes requests of the last few minutes only";
  }
  if (EXPIRED.test(code)) return `the AWS session${source()} has expired: get new credentials`;
  if (NO_ACCOUNT.test(code)) return `the AWS account${source()} is not signed up for this service`;
  const fault = OF_KEYS.find(([pattern]) => pattern.test(code))?.[1];
  if (fault === undefined) return undefined;
  return isOfKms && isKmsLocal()
    ? `the KMS on this machine does not accept the AWS credentials${source()}: ${fault}; the server may have been set up anew: take in its client.env again`
    : `AWS does not accept the credentials${source()}: ${fault}; correct them`;
}

/** The same of credentials that the SDK could not find, by what it says of the search. */
export function describeExpiredSession(reason: string): string | undefined {
  if (!NO_SESSION.test(reason)) return undefined;
  return `the AWS session${source()} has expired or was not begun: ${NO_SESSION.exec(reason)![0]}`;
}

/** Where the SDK takes them from: it asks the profile first where one is named. */
function source(): string {
  const { AWS_PROFILE: profile, AWS_ACCESS_KEY_ID: keyId } = process.env;
  if (profile) return ` (profile ${profile})`;
  return keyId ? ' (AWS_ACCESS_KEY_ID)' : '';
}
