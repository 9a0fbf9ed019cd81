import { randomUUID } from 'node:crypto';
import {
  type CredentialCreate,
  type CredentialUpdate,
  type DiffBody,
  type JsonObject,
  stringifyJson,
} from '@confidant/contract';
import { diffCredentials } from '../domain/diff.js';
import type { Instant } from '../domain/instant.js';
import { normalizePairs, type Pairs, samePairs } from '../domain/pairs.js';
import type { Credential, CredentialMetadata, SealedPairs, Service } from '../domain/records.js';
import { Refusal } from '../domain/refusal.js';
import { Unreadable } from '../ports/sealer.js';
import { audited, authorize, isAllowed, refuseSelfGrant } from './access.js';
import type { App, Caller } from './app.js';
import { announce, refuseConflicts } from './conflicts.js';
import { listPage, type Page } from './lists.js';
import { refuseUnexpected, writeRevision, type Revert } from './revisions.js';

/** What the caller may do with the thing shown, for clients that hide buttons. */
export type Permissions = Record<string, boolean>;

/** A credential with as much as the caller may see. */
export interface CredentialView {
  credential: CredentialMetadata;
  keys: string[];
  /** Undefined: without values. */
  pairs?: Pairs;
  permissions: Permissions;
}

const resourceType = 'credential';

export async function listCredentials(
  app: App,
  caller: Caller,
  query: { limit?: number | undefined; page?: string | undefined },
  archived: boolean,
): Promise<Page<CredentialMetadata>> {
  await authorize(app, caller, { resourceType, action: 'list' }, 'list credentials');
  return listPage(app, 'credential', archived, query);
}

export async function createCredential(app: App, caller: Caller, input: CredentialCreate): Promise<CredentialView> {
  const resource = { name: input.name, tags: input.tags ?? [] };
  await authorize(app, caller, { resourceType, action: 'create', resource }, 'create credentials');
  return audited(app, caller, { action: 'create', resourceType }, async (details) => {
    if (app.enforceDocumentation) requireDocumentation(input.documentation);
    const pairs = normalizePairs(input.credential_pairs);
    const id = randomUUID().replaceAll('-', '');
    details.resourceId = id;
    const sealed = await app.sealer.seal(id, pairs);
    const credential = await writeRevision(
      app,
      'credential',
      () => Promise.resolve('absent'),
      () =>
        Promise.resolve<Credential>({
          id,
          revision: 1,
          name: input.name,
          enabled: input.enabled ?? true,
          documentation: input.documentation ?? null,
          metadata: (input.metadata ?? {}) as JsonObject,
          tags: input.tags ?? [],
          sealed,
          lastRotationDate: app.clock.now(),
          lastDecryptedDate: null,
          modifiedBy: caller.principal.name,
          modifiedDate: null,
        }),
    );
    details.revision = credential.revision;
    return view(app, caller, credential, pairs);
  });
}

/**
 * compat: `get` denied still answers, without values; keys are shown with metadata. Showing values is recorded when
 * the setting asks for it (bug 14: that attribute alone, and never in maintenance).
 */
export async function getCredential(
  app: App,
  caller: Caller,
  id: string,
  metadataOnly: boolean,
): Promise<CredentialView> {
  await authorize(app, caller, { resourceType, action: 'metadata', resourceId: id }, `credential ${id}`);
  const mayGet = await isAllowed(app, caller, { resourceType, action: 'get', resourceId: id });
  const withValues = mayGet && !metadataOnly;
  const what = { action: withValues ? 'get' : 'metadata', resourceType, resourceId: id };
  return audited(app, caller, what, async (details) => {
    let credential = await requireCredential(app, id, 'not_found');
    details.revision = credential.revision;
    const pairs = await app.sealer.open(id, credential.sealed);
    // compat: the answer shows it already.
    if (withValues) credential = await recordShown(app, credential);
    return view(app, caller, credential, pairs, { withValues, mayGet });
  });
}

export async function updateCredential(
  app: App,
  caller: Caller,
  id: string,
  input: CredentialUpdate,
): Promise<CredentialView> {
  await authorize(app, caller, { resourceType, action: 'update', resourceId: id }, `update credential ${id}`);
  return audited(app, caller, { action: 'update', resourceType, resourceId: id }, async (details) => {
    const given = input.credential_pairs && normalizePairs(input.credential_pairs);
    let pairs: Pairs = {};
    const credential = await writeRevision(
      app,
      'credential',
      () => requireCredential(app, id, 'wrong_kind'),
      async (row) => {
        const current = row as Credential;
        refuseUnexpected(current, input.expected_revision);
        // compat: old clients revert by sending a whole old revision back, which may lack documentation.
        if (app.enforceDocumentation && !input.revision) {
          requireDocumentation(input.documentation === undefined ? current.documentation : input.documentation);
        }
        const change = await changedPairs(app, current, given);
        pairs = change.pairs;
        if (given) await refuseConflicts(app, { id, kind: 'credential', keys: Object.keys(given) });
        const next: Credential = {
          ...current,
          ...(input.name !== undefined && { name: input.name }),
          ...(input.enabled !== undefined && { enabled: input.enabled }),
          ...(input.documentation !== undefined && { documentation: input.documentation }),
          ...(input.metadata !== undefined && { metadata: (input.metadata ?? {}) as JsonObject }),
          ...(input.tags !== undefined && { tags: input.tags ?? [] }),
          sealed: change.sealed,
          lastRotationDate: change.rotated ?? current.lastRotationDate,
          modifiedBy: caller.principal.name,
        };
        await refuseSelfGrant(app, caller, { resourceType, resourceId: id }, current, next);
        return next;
      },
    );
    details.revision = credential.revision;
    await announce(app, 'credential', credential);
    // An update without pairs must not show what `get` protects. compat: to whom may get, the values are shown.
    const mayGet = await isAllowed(app, caller, { resourceType, action: 'get', resourceId: id, resource: credential });
    if (given !== undefined || !mayGet) return view(app, caller, credential, pairs, { withValues: mayGet, mayGet });
    // Values that the caller did not send are shown: that is a read, whatever the request was called.
    const { revision } = credential;
    return audited(app, caller, { action: 'get', resourceType, resourceId: id }, async (read) => {
      read.revision = revision;
      return view(app, caller, await recordShown(app, credential), pairs, { withValues: true, mayGet });
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
    let pairs: Pairs = {};
    const credential = await writeRevision(
      app,
      'credential',
      () => requireCredential(app, id, 'wrong_kind'),
      async (row) => {
        const current = row as Credential;
        refuseUnexpected(current, expected);
        const old = await requireRevision(app, id, revision);
        pairs = await app.sealer.open(id, old.sealed);
        if (await sameContent(app, current, old, pairs)) {
          throw new Refusal('no_difference', 'No difference between old and new credential.');
        }
        await refuseSelfGrant(app, caller, { resourceType, resourceId: id }, current, old);
        await refuseConflicts(app, { id, kind: 'credential', keys: Object.keys(pairs) });
        return {
          ...old,
          // Whoever saw the values then still knows them.
          lastDecryptedDate: later(current.lastDecryptedDate, old.lastDecryptedDate),
          modifiedBy: caller.principal.name,
        };
      },
    );
    details.revision = credential.revision;
    await announce(app, 'credential', credential, true);
    return view(app, caller, credential, pairs, { withValues: false, mayGet: undefined });
  });
}

export async function getCredentialHistory(app: App, caller: Caller, id: string): Promise<CredentialMetadata[]> {
  await authorize(app, caller, { resourceType, action: 'metadata', resourceId: id }, `credential ${id} revisions`);
  const current = await requireCredential(app, id, 'not_found');
  return app.store.getRevisions('credential', id, current.revision);
}

export async function getCredentialServices(app: App, caller: Caller, id: string): Promise<Service[]> {
  await authorize(app, caller, { resourceType, action: 'metadata', resourceId: id }, `credential ${id}`);
  return app.services.mapping('credential', id);
}

/** compat: the order of the two revisions does not matter. */
export async function diffCredentialRevisions(
  app: App,
  caller: Caller,
  id: string,
  revisions: readonly [number, number],
): Promise<DiffBody> {
  await authorize(app, caller, { resourceType, action: 'metadata', resourceId: id }, `diff credential ${id}`);
  return audited(app, caller, { action: 'diff', resourceType, resourceId: id }, async () => {
    await requireCredential(app, id, 'wrong_kind');
    const [old, current] = await Promise.all(
      [Math.min(...revisions), Math.max(...revisions)].map(async (revision) => {
        const row = await requireRevision(app, id, revision);
        return { ...row, pairs: await app.sealer.open(id, row.sealed) };
      }),
    );
    return diffCredentials(old!, current!);
  });
}

/** compat: what is of another kind is a 404 when read and a 400 when written or compared. */
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

/** Remembers, where the setting asks for it, that somebody was shown the values. */
async function recordShown(app: App, credential: Credential): Promise<Credential> {
  if (!app.recordDecryptions || app.inMaintenance()) return credential;
  const lastDecryptedDate = app.clock.now();
  const recorded = await app.store.setLastDecrypted(credential.id, credential.revision, lastDecryptedDate);
  return recorded ? { ...credential, lastDecryptedDate } : credential;
}

/** ENFORCE_DOCUMENTATION. */
export function requireDocumentation(documentation: string | null | undefined): void {
  if (!documentation) throw new Refusal('invalid_request', 'documentation is a required field');
}

/**
 * The pairs after an update. Pairs that stay the same keep their ciphertext, their data key and their rotation date;
 * pairs that can not be read any more count as changed, so that an update mends them.
 */
async function changedPairs(
  app: App,
  current: Credential,
  given: Pairs | undefined,
): Promise<{ pairs: Pairs; sealed: SealedPairs; rotated?: Instant }> {
  const stored = await app.sealer.open(current.id, current.sealed).catch((error: unknown) => {
    if (given !== undefined && error instanceof Unreadable) return undefined;
    throw error;
  });
  if (stored !== undefined && (given === undefined || samePairs(stored, given))) {
    return { pairs: stored, sealed: current.sealed };
  }
  const pairs = given!;
  return { pairs, sealed: await app.sealer.seal(current.id, pairs), rotated: app.clock.now() };
}

async function sameContent(app: App, current: Credential, old: Credential, oldPairs: Pairs): Promise<boolean> {
  const described = ({ name, enabled, documentation, metadata, tags }: Credential): string =>
    stringifyJson([name, enabled, documentation, metadata, tags]);
  if (described(current) !== described(old)) return false;
  if (current.sealed.token === old.sealed.token) return true;
  return samePairs(await app.sealer.open(current.id, current.sealed), oldPairs);
}

function later(left: Instant | null, right: Instant | null): Instant | null {
  if (left === null || right === null) return left ?? right;
  return left > right ? left : right;
}

async function view(
  app: App,
  caller: Caller,
  credential: CredentialMetadata,
  pairs: Pairs,
  known: { withValues: boolean; mayGet: boolean | undefined } = { withValues: true, mayGet: undefined },
): Promise<CredentialView> {
  const may = (action: 'metadata' | 'get' | 'update'): Promise<boolean> =>
    isAllowed(app, caller, { resourceType, action, resourceId: credential.id, resource: credential });
  return {
    credential,
    keys: Object.keys(pairs),
    ...(known.withValues && { pairs }),
    permissions: {
      metadata: await may('metadata'),
      get: known.mayGet ?? (await may('get')),
      update: await may('update'),
    },
  };
}
