import type { AccessRequest, CredentialDescription } from '../domain/acl.js';
import type { Service } from '../domain/records.js';
import { Refusal } from '../domain/refusal.js';
import type { AuditEntry } from '../ports/telemetry.js';
import { BackendUnavailable } from '../ports/unavailable.js';
import type { App, Caller } from './app.js';

type Question = Omit<AccessRequest, 'principal' | 'describe'>;

/**
 * Whether the policy allows the action. An exception of the policy denies. Rejects with BackendUnavailable when names
 * or tags that the policy asks for cannot be read.
 */
export async function isAllowed(app: App, caller: Caller, question: Question): Promise<boolean> {
  try {
    const describe: NonNullable<AccessRequest['describe']> = (ids) => describeCredentials(app, question, ids);
    return (await app.acl({ principal: caller.principal, ...question, describe })) === true;
  } catch (error) {
    if (error instanceof BackendUnavailable) throw error;
    app.warn('the access policy failed, which denies', { error, requestId: caller.requestId });
    return false;
  }
}

async function describeCredentials(
  app: App,
  { resourceType }: Question,
  ids: readonly string[],
): Promise<Map<string, CredentialDescription>> {
  const [credentials, blind] = await Promise.all([
    resourceType === 'blind_credential' ? [] : app.store.getMany('credential', ids),
    resourceType === 'credential' ? [] : app.store.getMany('blind-credential', ids),
  ]);
  const described = new Map<string, CredentialDescription>();
  for (const [id, { name }] of blind) described.set(id, { name, tags: [] });
  for (const [id, { name, tags }] of credentials) described.set(id, { name, tags });
  return described;
}

/**
 * Checks that the policy allows the action; otherwise writes an audit line and throws.
 *
 * @param text completes "<name> does not have access to …" (compat: clients print it)
 * @param options with `reference: null` the refusal does not refer to the resource
 * @throws Refusal `not_authorized`
 */
export async function authorize(
  app: App,
  caller: Caller,
  question: Question,
  text: string,
  options: { reference?: null } = {},
): Promise<void> {
  if (await isAllowed(app, caller, question)) return;
  const { resourceType, action, resourceId } = question;
  app.audit({
    ...subject(caller),
    action,
    resourceType,
    ...(resourceId !== undefined && { resourceId }),
    outcome: 'denied',
    reason: 'not_authorized',
  });
  throw new Refusal('not_authorized', `${caller.principal.name} does not have access to ${text}`, {
    ...(resourceId !== undefined && options.reference !== null && { reference: resourceId }),
  });
}

/**
 * Refuses a change of a credential's name or tags that would give callers what the policy denies them now: rules may
 * depend on tags, and callers who may update a credential may change its tags.
 */
export async function refuseSelfGrant(
  app: App,
  caller: Caller,
  { resourceType, resourceId }: { resourceType: 'credential' | 'blind_credential'; resourceId: string },
  before: CredentialDescription,
  after: CredentialDescription,
): Promise<void> {
  // Compared as JSON: joined text would take ['a', 'b'] and ['a\nb'] for the same tags.
  if (JSON.stringify([before.name, before.tags]) === JSON.stringify([after.name, after.tags])) return;
  for (const action of ['get', 'revert', 'archive'] as const) {
    const ask = ({ name, tags }: CredentialDescription): Promise<boolean> =>
      isAllowed(app, caller, { resourceType, action, resourceId, resource: { name, tags } });
    if ((await ask(after)) && !(await ask(before))) {
      const text = `give ${resourceId} a name or tags that would open it`;
      await authorize(app, caller, { resourceType, action, resourceId, resource: before }, text);
    }
  }
}

/**
 * compat: the account restricts tokens of services; people are governed by the policy (bug 26).
 *
 * @throws Refusal `account_mismatch`
 */
export function refuseOtherAccount(caller: Caller, service: Service): void {
  const { type, account } = caller.principal;
  if (type === 'service' && service.account !== null && service.account !== account) {
    throw new Refusal('account_mismatch');
  }
}

/** Details that a use-case adds to its audit line while it runs. */
export type AuditDetails = Pick<AuditEntry, 'revision' | 'credentials' | 'resourceId' | 'certificate' | 'jwt'>;

/** Runs `work` and writes one audit line that says how it ended. */
export async function audited<Result>(
  app: App,
  caller: Caller,
  what: { action: string; resourceType: string; resourceId?: string },
  work: (details: AuditDetails) => Promise<Result>,
): Promise<Result> {
  const details: AuditDetails = {};
  try {
    const result = await work(details);
    app.audit({ ...subject(caller), ...what, ...details, outcome: 'ok' });
    return result;
  } catch (error) {
    const outcome = error instanceof Refusal && error.code === 'account_mismatch' ? 'denied' : 'failed';
    app.audit({ ...subject(caller), ...what, ...details, outcome, reason: reasonOf(error) });
    throw error;
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Refusal) return error.code;
  return error instanceof BackendUnavailable ? 'unavailable' : 'internal';
}

function subject(caller: Caller): Pick<AuditEntry, 'principal' | 'requestId'> {
  const { name, type, authenticatedBy, account } = caller.principal;
  return { principal: { name, type, authenticatedBy, account }, requestId: caller.requestId };
}
