import { isPlainObject } from '@confidant/contract/wire';
import { KmsRefused, KmsUnavailable } from '@confidant/kmsauth/sender';
import { AwsSessionError, NO_CREDENTIALS, NoRegion } from '../../sdk/aws-session.js';
import { BlindCredentialError } from '../../sdk/blind-credentials.js';
import { ConfidantError, ConfigError } from '../../sdk/errors.js';
import { UnwritableValue } from '../../text/writers.js';
import { describeAwsError, describeExpiredSession } from './aws-errors.js';
import { localEnvironment } from '../local-environment.js';
import { adviseKmsUnreachable, adviseServerUnreachable } from './unreachable.js';
import { UsageError, CommandError } from '../arguments/errors.js';

/**
 * Describes an error for people. For an unexpected one it gives only the class, because the message may quote anything.
 */
export function describeError(error: unknown): string {
  if (error instanceof ConfidantError) {
    const request = error.requestId === undefined ? '' : ` (request ${error.requestId})`;
    return [
      `${error.message}${request}${adviseServerUnreachable(error)}`,
      // If the request was sent twice, the first one may have succeeded.
      ...(error.code === 'write_conflict' && error.attempts === 1 ? ['nothing was changed'] : []),
      ...describeConflicts(error.body?.['conflicts']),
    ].join('; ');
  }
  if (error instanceof KmsRefused || error instanceof KmsUnavailable) return describeKms(error);
  if (error instanceof AwsSessionError && error.cause instanceof Error) {
    const fault = describeAwsError(error.cause.name, error.cause.message, { isFromKms: false });
    return `${error.message}${fault === undefined ? '' : `: ${fault}`}`;
  }
  if (error instanceof NoRegion) return `${error.message}, or give --region`;
  const isKnown = [ConfigError, CommandError, UsageError, AwsSessionError, BlindCredentialError, UnwritableValue].some(
    (known) => error instanceof known,
  );
  if (isKnown) return (error as Error).message;
  return `unexpected failure (${error instanceof Error ? error.name : typeof error})`;
}

function describeKms(error: KmsRefused | KmsUnavailable): string {
  const reason = error.cause instanceof Error ? error.cause.message : undefined;
  const described = `${error.message}${reason === undefined ? '' : `: ${reason}`}`;
  if (error instanceof KmsRefused) return described;
  if (error.code === NO_CREDENTIALS) return describeExpiredSession(reason ?? '') ?? describeNoCredentials();
  const fault = describeAwsError(error.code, reason ?? '', { isFromKms: true });
  return fault === undefined ? `${described}${adviseKmsUnreachable(error)}` : `${fault} (${error.code})`;
}

function describeNoCredentials(): string {
  const local = localEnvironment();
  return (
    'no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE' +
    (local === undefined ? '' : `; for the server that was started here, run: ${local}`)
  );
}

/**
 * The JSON body that standard output gets for an error: the server's own text if it sent one, else {@link
 * describeError}.
 */
export function failureBody(error: unknown): Record<string, unknown> {
  if (error instanceof ConfidantError && typeof error.body?.['error'] === 'string') {
    const { error: text, reference, conflicts } = error.body;
    return {
      error: text,
      ...(reference !== undefined && { reference }),
      ...(conflicts !== undefined && { conflicts }),
    };
  }
  return { error: describeError(error) };
}

const MAX_CONFLICTS = 20;

/**
 * Describes the conflicts of an error body, `{key: {credentials: [ID], blind_credentials: [ID], services: [name]}}`, as
 * one text `db_password is in ID, ID` per key. Skips whatever has another shape.
 */
function describeConflicts(conflicts: unknown): string[] {
  if (!isPlainObject(conflicts)) return [];
  const described = Object.entries(conflicts).flatMap(([key, conflict]) => {
    const listed = (field: string): string[] => {
      const list = isPlainObject(conflict) ? conflict[field] : undefined;
      return Array.isArray(list) ? list.filter((item) => typeof item === 'string') : [];
    };
    const ids = [...listed('credentials'), ...listed('blind_credentials')];
    const services = listed('services');
    if (ids.length === 0 && services.length === 0) return [];
    return [`${key} is in ${ids.join(', ')}${services.length === 0 ? '' : ` (mapped to ${services.join(', ')})`}`];
  });
  const more = described.length - MAX_CONFLICTS;
  return [...described.slice(0, MAX_CONFLICTS), ...(more > 0 ? [`and ${more} more`] : [])];
}
