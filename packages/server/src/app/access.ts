import type { AccessRequest, CredentialDescription } from '../domain/acl.js';
import type { Service } from '../domain/records.js';
import { Refusal } from '../domain/refusal.js';
import type { AuditEntry } from '../ports/telemetry.js';
import { BackendUnavailable } from '../ports/unavailable.js';
import type { App, Caller } from './app.js';

type Question = Omit<AccessRequest, 'principal' | 'describe'>;

/**
 * Whether the policy allows it. An exception of the policy denies; rejects only when what the policy has to know can not
 * be read.
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
 * Goes on only when the policy allows it; otherwise throws {@link Refusal} `not_authorized` and leaves an audit line.
 * `text` completes "<name> does not have access to …" (compat: clients print it). The refusal refers to the resource,
 * unless `answer` says otherwise.
 */
export async function authorize(
  app: App,
  caller: Caller,
  question: Question,
  text: string,
  answer: { reference?: null } = {},
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
  throw new Refusal(
    'not_authorized',
    `${caller.principal.name} does not have access to ${text}`,
    resourceId === undefined || answer.reference === null ? {} : { reference: resourceId },
  );
}

/**
 * Refuses a change of a credential's name or tags by which callers would give themselves what the policy denies them
 * now: a rule may go by tags, and whoever may update may change them.
 */
export async function refuseSelfGrant(
  app: App,
  caller: Caller,
  { resourceType, resourceId }: { resourceType: 'credential' | 'blind_credential'; resourceId: string },
  before: CredentialDescription,
  after: CredentialDescription,
): Promise<void> {
  // As JSON: joined text would take ['a', 'b'] and ['a\nb'] for the same tags.
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

/** compat: the account binds services' tokens; people are governed by the policy (bug 26). */
export function refuseOtherAccount(caller: Caller, service: Service): void {
  const { type, account } = caller.principal;
  if (type === 'service' && service.account !== null && service.account !== account) {
    throw new Refusal('account_mismatch');
  }
}

/** What an audited use-case fills in as it learns it. */
export type AuditDetails = Pick<AuditEntry, 'revision' | 'credentials' | 'resourceId' | 'certificate' | 'jwt'>;

/** Runs `work` and leaves one audit line of how it ended. */
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
