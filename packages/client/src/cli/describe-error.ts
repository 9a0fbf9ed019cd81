import { KmsRefused, KmsUnavailable } from '@confidant/kmsauth';
import { AwsSessionError } from '../aws-session.js';
import { BlindCredentialError } from '../blind.js';
import { ConfigError } from '../config.js';
import { ConfidantError } from '../errors.js';
import { UnwritableValue } from '../format/writers.js';
import { CommandError } from './outcome.js';

/** A failure in words for a person. Of what was not foreseen only the kind is told: its message may quote anything. */
export function describeError(error: unknown): string {
  if (error instanceof ConfidantError) {
    return error.requestId === undefined ? error.message : `${error.message} (request ${error.requestId})`;
  }
  if (error instanceof KmsRefused || error instanceof KmsUnavailable) {
    const reason = error.cause instanceof Error ? `: ${error.cause.message}` : '';
    return `${error.message}${reason}`;
  }
  const isKnown = [ConfigError, CommandError, AwsSessionError, BlindCredentialError, UnwritableValue].some(
    (known) => error instanceof known,
  );
  if (isKnown) return (error as Error).message;
  return `unexpected failure (${error instanceof Error ? error.name : typeof error})`;
}
