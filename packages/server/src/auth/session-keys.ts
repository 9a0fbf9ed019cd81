import { createHash } from 'node:crypto';

// Keys of the store are digests: a reader of the store learns no session id, which would be enough to log in.

export function recordKey(id: string): string {
  return `session:${digest(id)}`;
}

export function endedKey(id: string): string {
  return `ended:${digest(id)}`;
}

export function personKey(email: string): string {
  return `person-ended:${digest(email.toLowerCase())}`;
}

export function samlKey(nameId: string, sessionIndex: string | null): string {
  return `saml-ended:${digest(JSON.stringify([nameId, sessionIndex]))}`;
}

function digest(value: string): string {
  return createHash('sha256').update(value).digest('base64url');
}
