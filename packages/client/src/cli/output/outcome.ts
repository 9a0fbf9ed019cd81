import type { BlindCredentialBody, CredentialBody, ServiceBody } from '@confidant/contract';
import type { BlindValue } from '@confidant/kmsauth';

/** The result of a command. */
export interface Outcome {
  exitCode: number;
  /** Printed as JSON, or in the format that --output asks for. */
  body?: OutcomeBody;
  /** Printed as it is, instead of a body. */
  text?: string;
}

/** compat: `result`, and what the command read or wrote. */
export interface OutcomeBody {
  result: boolean;
  service?: ServiceBody;
  credential?: CredentialBody;
  blind_credential?: OpenedBlindCredential;
  [name: string]: unknown;
}

export type OpenedBlindCredential = BlindCredentialBody & { decrypted_credential_pairs?: Record<string, BlindValue> };

export function success(body: Record<string, unknown> = {}): Outcome {
  return { exitCode: 0, body: { ...body, result: true } };
}

export function failure(body: Record<string, unknown> = {}): Outcome {
  return { exitCode: 1, body: { ...body, result: false } };
}
