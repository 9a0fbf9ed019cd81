import { randomUUID } from 'node:crypto';
import type { CredentialCreate, CredentialUpdate, DiffBody, JsonObject } from '@confidant/contract';
import { diffCredentials } from '../domain/diff.js';
import type { Instant } from '../domain/instant.js';
import { normalizePairs, type Pairs, pairsChange, writtenKeys } from '../domain/pairs.js';
import type { Credential, CredentialMetadata, Service } from '../domain/records.js';
import { Refusal } from '../domain/refusal.js';
import { audited, authorize, isAllowed, refuseSelfGrant } from './access.js';
import type { App, Caller } from './app.js';
import { refuseConflicts } from './conflicts.js';
import { type CredentialView, visibleCredential, withoutCiphertext } from './credential-view.js';
import { changedPairs, hasSameContent } from './credential-content.js';
import { publishChange } from './events.js';
import { listCurrent, listHistory, type Page, type PageQuery } from './lists.js';
import { createRevision, refuseUndocumented, refuseUnexpected, type Revert, updateRevision } from './revisions.js';

const resourceType = 'credential';

export async function listCredentials(app: App, caller: Caller, query: PageQuery): Promise<Page<CredentialMetadata>> {
  await authorize(app, caller, { resourceType, action: 'list' }, 'list credentials');
  return listCurrent(app, 'credential', query);
}

/** Archived revisions of all credentials. */
export async function listCredentialHistory(
  app: App,
  caller: Caller,
  query: PageQuery,
): Promise<Page<CredentialMetadata>> {
  await authorize(app, caller, { resourceType, action: 'list' }, 'list credentials');
  return listHistory(app, 'credential', query);
}

/** @param metadataOnly whether the response leaves out the values, which the caller has sent */
export async function createCredential(
  app: App,
  caller: Caller,
  input: CredentialCreate,
  metadataOnly: boolean,
): Promise<CredentialView> {
  const resource = { name: input.name, tags: input.tags ?? [] };
  await authorize(app, caller, { resourceType, action: 'create', resource }, 'create credentials');
  return audited(app, caller, { action: 'create', resourceType }, async (details) => {
    refuseUndocumented(app, input.documentation);
    const pairs = normalizePairs(input.credential_pairs);
    const id = randomUUID().replaceAll('-', '');
    details.resourceId = id;
    const credential = await createRevision(app, 'credential', {
      id,
      revision: 1,
      name: input.name,
      enabled: input.enabled ?? true,
      documentation: input.documentation ?? null,
      metadata: (input.metadata ?? {}) as JsonObject,
      tags: input.tags ?? [],
      sealed: await app.sealer.seal(id, pairs),
      lastRotationDate: app.clock.now(),
      lastDecryptedDate: null,
      modifiedBy: caller.principal.name,
      modifiedDate: null,
    });
    details.revision = credential.revision;
    // The values are the caller's own.
    return view(app, caller, credential, pairs, { withValues: !metadataOnly });
  });
}

/**
 * Reads a credential. compat: callers who may not `get` it still see its metadata and keys, without values. If
 * ENABLE_SAVE_LAST_DECRYPTION_TIME is set, showing values is recorded (bug 14: in that attribute alone, and never
 * during maintenance).
 */
export async function getCredential(
  app: App,
  caller: Caller,
  id: string,
  metadataOnly: boolean,
): Promise<CredentialView> {
  await authorize(app, caller, { resourceType, action: 'metadata', resourceId: id }, `credential ${id}`);
  const mayShow = await mayGet(app, caller, id);
  const withValues = mayShow && !metadataOnly;
  const what = { action: withValues ? 'get' : 'metadata', resourceType, resourceId: id };
  return audited(app, caller, what, async (details) => {
    let credential = await requireCredential(app, id, 'not_found');
    details.revision = credential.revision;
    const pairs = await app.sealer.open(id, credential.sealed);
    // compat: the response shows the new last_decrypted_date already.
    if (withValues) credential = await recordShown(app, credential);
    return view(app, caller, credential, pairs, { withValues, mayGet: mayShow });
  });
}

/**
 * Writes a new revision, in which only the fields that are present change; of the pairs all, or those in `set` and
 * `unset`. The response shows the values to callers who may `get` the credential (compat) and do not ask for
 * `metadataOnly`; this is audited as a read unless they sent all values themselves.
 */
export async function updateCredential(
  app: App,
  caller: Caller,
  id: string,
  input: CredentialUpdate,
  metadataOnly: boolean,
): Promise<CredentialView> {
  await authorize(app, caller, { resourceType, action: 'update', resourceId: id }, `update credential ${id}`);
  return audited(app, caller, { action: 'update', resourceType, resourceId: id }, async (details) => {
    const change = pairsChange(input);
    const mayGetBefore = change === undefined || (await mayGet(app, caller, id));
    const { next: credential, pairs } = await updateRevision(
      app,
      'credential',
      () => requireCredential(app, id, 'wrong_kind'),
      async (current) => {
        refuseUnexpected(current, input.expected_revision);
        // compat: old clients revert by sending a whole old revision back, which may lack documentation.
        if (!input.revision) {
          refuseUndocumented(app, input.documentation === undefined ? current.documentation : input.documentation);
        }
        const { pairs, ...sealed } = await changedPairs(app, current, change, { mayGet: mayGetBefore });
        if (change) await refuseConflicts(app, { id, kind: 'credential', keys: writtenKeys(change) });
        const next: Credential = {
          ...current,
          ...(input.name !== undefined && { name: input.name }),
          ...(input.enabled !== undefined && { enabled: input.enabled }),
          ...(input.documentation !== undefined && { documentation: input.documentation }),
          ...(input.metadata !== undefined && { metadata: (input.metadata ?? {}) as JsonObject }),
          ...(input.tags !== undefined && { tags: input.tags ?? [] }),
          ...sealed,
          modifiedBy: caller.principal.name,
        };
        await refuseSelfGrant(app, caller, { resourceType, resourceId: id }, current, next);
        return { next, pairs };
      },
    );
    details.revision = credential.revision;
    await publishChange(app, 'credential', credential);
    // An update without pairs must not show what `get` protects.
    const mayGetNow = await isAllowed(app, caller, {
      resourceType,
      action: 'get',
      resourceId: id,
      resource: credential,
    });
    const withValues = mayGetNow && !metadataOnly;
    const isOwn = change !== undefined && 'all' in change;
    if (isOwn || !withValues) return view(app, caller, credential, pairs, { withValues, mayGet: mayGetNow });
    return audited(app, caller, { action: 'get', resourceType, resourceId: id }, async (read) => {
      read.revision = credential.revision;
      return view(app, caller, await recordShown(app, credential), pairs, { withValues: true, mayGet: mayGetNow });
    });
  });
}

/** Writes a new revision from an old one: ciphertext, data key and rotation date are carried over unchanged. */
export async function revertCredential(
  app: App,
  caller: Caller,
  id: string,
  { revision, expected }: Revert,
): Promise<CredentialView> {
  await authorize(app, caller, { resourceType, action: 'revert', resourceId: id }, `revert credential ${id}`);
  return audited(app, caller, { action: 'revert', resourceType, resourceId: id }, async (details) => {
    const { next: credential, pairs } = await updateRevision(
      app,
      'credential',
      () => requireCredential(app, id, 'wrong_kind'),
      async (current) => {
        refuseUnexpected(current, expected);
        const old = await requireRevision(app, id, revision);
        const pairs = await app.sealer.open(id, old.sealed);
        if (await hasSameContent(app, current, old, { oldPairs: pairs, mayGet: await mayGet(app, caller, id) })) {
          throw new Refusal('no_difference', 'No difference between old and new credential.');
        }
        await refuseSelfGrant(app, caller, { resourceType, resourceId: id }, current, old);
        await refuseConflicts(app, { id, kind: 'credential', keys: Object.keys(pairs) });
        const next: Credential = {
          ...old,
          // People who saw the values then still know them.
          lastDecryptedDate: later(current.lastDecryptedDate, old.lastDecryptedDate),
          modifiedBy: caller.principal.name,
        };
        return { next, pairs };
      },
    );
    details.revision = credential.revision;
    await publishChange(app, 'credential', credential, true);
    return view(app, caller, credential, pairs, { withValues: false });
  });
}

export async function getCredentialHistory(app: App, caller: Caller, id: string): Promise<CredentialMetadata[]> {
  await authorize(app, caller, { resourceType, action: 'metadata', resourceId: id }, `credential ${id} revisions`);
  const current = await requireCredential(app, id, 'not_found');
  return (await app.store.getRevisions('credential', id, current.revision)).map(withoutCiphertext);
}

export async function getCredentialServices(app: App, caller: Caller, id: string): Promise<Service[]> {
  await authorize(app, caller, { resourceType, action: 'metadata', resourceId: id }, `credential ${id}`);
  return app.services.mapping('credential', id);
}

/**
 * compat: the order of the two revisions does not matter. To a caller who may not `get` the credential, all values of pairs
 * that were written anew differ: otherwise the comparison would confirm a guess that the caller wrote.
 */
export async function diffCredentialRevisions(
  app: App,
  caller: Caller,
  id: string,
  revisions: readonly [number, number],
): Promise<DiffBody> {
  await authorize(app, caller, { resourceType, action: 'metadata', resourceId: id }, `diff credential ${id}`);
  return audited(app, caller, { action: 'diff', resourceType, resourceId: id }, async () => {
    await requireCredential(app, id, 'wrong_kind');
    const comparesValues = await mayGet(app, caller, id);
    const [old, current] = await Promise.all(
      [Math.min(...revisions), Math.max(...revisions)].map(async (revision) => {
        const row = await requireRevision(app, id, revision);
        return { ...row, pairs: await app.sealer.open(id, row.sealed) };
      }),
    );
    const isWrittenAnew = old!.sealed.token !== current!.sealed.token;
    return diffCredentials(old!, current!, { allPairsDiffer: isWrittenAnew && !comparesValues });
  });
}

function mayGet(app: App, caller: Caller, id: string): Promise<boolean> {
  return isAllowed(app, caller, { resourceType, action: 'get', resourceId: id });
}

/**
 * Reads a credential that must exist. compat: a row of another kind is a 404 for reads, and a 400 for writes and
 * comparisons.
 */
async function requireCredential(app: App, id: string, otherKind: 'not_found' | 'wrong_kind'): Promise<Credential> {
  const found = await app.store.get('credential', id);
  if (found === 'absent') throw new Refusal('not_found', 'Credential not found.');
  if (found !== 'other-kind') return found;
  throw otherKind === 'not_found'
    ? new Refusal('not_found', 'Credential not found.')
    : new Refusal('wrong_kind', 'id provided is not a credential.');
}

async function requireRevision(app: App, id: string, revision: number): Promise<Credential> {
  const row = await app.store.getRevision('credential', id, revision);
  if (row === undefined) throw new Refusal('not_found', 'Credential not found.');
  return row;
}

/** Records that the values were shown, if ENABLE_SAVE_LAST_DECRYPTION_TIME is set. */
async function recordShown(app: App, credential: Credential): Promise<Credential> {
  if (!app.recordDecryptions || app.inMaintenance()) return credential;
  const lastDecryptedDate = app.clock.now();
  const recorded = await app.store.setLastDecrypted(credential.id, credential.revision, lastDecryptedDate);
  return recorded ? { ...credential, lastDecryptedDate } : credential;
}

function later(left: Instant | null, right: Instant | null): Instant | null {
  if (left === null || right === null) return left ?? right;
  return left > right ? left : right;
}

/** @param mayGet whether the policy allows `get`; if omitted, the policy is asked */
async function view(
  app: App,
  caller: Caller,
  credential: Credential,
  pairs: Pairs,
  { withValues, mayGet }: { withValues: boolean; mayGet?: boolean },
): Promise<CredentialView> {
  const may = (action: 'metadata' | 'get' | 'update'): Promise<boolean> =>
    isAllowed(app, caller, { resourceType, action, resourceId: credential.id, resource: credential });
  return {
    ...visibleCredential(credential, pairs, withValues),
    permissions: {
      metadata: await may('metadata'),
      get: mayGet ?? (await may('get')),
      update: await may('update'),
    },
  };
}
