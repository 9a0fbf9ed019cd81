import type { Settings } from '../config/server-settings.js';

/** The longest chain of causes that is described. */
const MAX_CAUSES = 5;

/** Says which setting to change when a port cannot be listened on; undefined for any other error. */
export function describePortFailure(error: unknown, settings: Settings): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, port, address } = error as { code?: string; port?: number; address?: string };
  if (port === undefined || (code !== 'EADDRINUSE' && code !== 'EACCES')) return undefined;
  const otherPorts: [setting: string, port: number | null][] = [
    ['METRICS_PORT', settings.METRICS_PORT],
    ['CONFIDANT_KMS_PORT', settings.kind === 'embedded' ? settings.CONFIDANT_KMS_PORT : null],
  ];
  const setting = otherPorts.find(([, own]) => own === port)?.[0] ?? 'PORT';
  return code === 'EADDRINUSE'
    ? `${address}:${port} is in use by another program. Set ${setting} to a free port.`
    : `this user may not listen on ${address}:${port}. Set ${setting} to 1024 or more.`;
}

/** The message of an error and of its causes, separated by colons. */
export function describeCauses(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const messages: string[] = [];
  for (let at: unknown = error; at instanceof Error && messages.length < MAX_CAUSES; at = at.cause) {
    messages.push(at.message);
  }
  return messages.join(': ');
}
