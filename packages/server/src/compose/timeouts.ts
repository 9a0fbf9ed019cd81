import type { Settings } from '../config/server-settings.js';

/** A call to AWS is tried at most this many times. */
export const MAX_ATTEMPTS = 3;

/** Shortest time-outs outside of requests, in seconds. */
const MIN_SECONDS = { connect: 5, read: 10 };

/**
 * The settings with longer time-outs, for the start and for commands: the first call of a process loads its
 * credentials, AWS takes seconds to create a table, and no client waits for a response. Longer time-outs in the settings
 * stay.
 */
export function withLongTimeouts(settings: Settings): Settings {
  return {
    ...settings,
    KMS_CONNECTION_TIMEOUT: Math.max(settings.KMS_CONNECTION_TIMEOUT, MIN_SECONDS.connect),
    KMS_READ_TIMEOUT: Math.max(settings.KMS_READ_TIMEOUT, MIN_SECONDS.read),
    PYNAMO_CONNECT_TIMEOUT_SECONDS: Math.max(settings.PYNAMO_CONNECT_TIMEOUT_SECONDS, MIN_SECONDS.connect),
    PYNAMO_READ_TIMEOUT_SECONDS: Math.max(settings.PYNAMO_READ_TIMEOUT_SECONDS, MIN_SECONDS.read),
  };
}
