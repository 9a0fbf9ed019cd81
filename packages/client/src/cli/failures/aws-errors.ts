import { isKmsLocal } from './unreachable.js';

/** In messages of the SDK itself, when it has no session to make a request with. */
const NO_SESSION = /\baws (?:sso )?login\b/;
const CLOCK = /^(?:RequestExpired|RequestTimeTooSkewed|RequestInTheFuture)/;
const EXPIRED = /^ExpiredToken/;
const NO_ACCOUNT = /^(?:OptInRequired|SubscriptionRequired)/;
/** What error codes say about an access key; the first match counts. */
const KEY_ERRORS: readonly (readonly [RegExp, string])[] = [
  [/^(?:InvalidSignature|SignatureDoesNotMatch)/, 'the secret access key does not belong to the access key id'],
  [
    /^(?:UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId)/,
    'the access key does not exist, or the session token does not belong to it',
  ],
  [/^(?:IncompleteSignature|MissingAuthenticationToken)/, 'the access key id or secret is malformed'],
];

/**
 * Says what is wrong with the caller's own AWS credentials, session or clock, and what to do; returns undefined for
 * other errors. `code` is AWS's name of the error. `reason` is its message, which is not repeated, because it may quote
 * what was signed. `isFromKms`: KMS reported it, which may run on this machine.
 */
export function describeAwsError(
  code: string,
  reason: string,
  { isFromKms }: { isFromKms: boolean },
): string | undefined {
  if (CLOCK.test(code) || (/signature/i.test(code) && /^Signature (?:expired|not yet current)\b/.test(reason))) {
    return "this machine's clock is wrong: correct it, because AWS accepts requests of the last few minutes only";
  }
  if (EXPIRED.test(code)) return `the AWS session${source()} has expired: get new credentials`;
  if (NO_ACCOUNT.test(code)) return `the AWS account${source()} is not signed up for this service`;
  const problem = KEY_ERRORS.find(([pattern]) => pattern.test(code))?.[1];
  if (problem === undefined) return undefined;
  return isFromKms && isKmsLocal()
    ? `the KMS on this machine does not accept the AWS credentials${source()}: ${problem}; the server may have been re-created: run \`. data/client.env\` again`
    : `AWS does not accept the credentials${source()}: ${problem}; correct them`;
}

/** The same for credentials that the SDK could not find, from its message about the search. */
export function describeExpiredSession(reason: string): string | undefined {
  if (!NO_SESSION.test(reason)) return undefined;
  return `the AWS session${source()} has expired or does not exist: run ${NO_SESSION.exec(reason)![0]}`;
}

/** Where the SDK takes credentials from: AWS_PROFILE comes first. */
function source(): string {
  const { AWS_PROFILE: profile, AWS_ACCESS_KEY_ID: keyId } = process.env;
  if (profile) return ` (profile ${profile})`;
  return keyId ? ' (AWS_ACCESS_KEY_ID)' : '';
}
