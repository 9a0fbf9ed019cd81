import type { ServiceBody } from '@confidant/contract';
import { type QueryClient, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useCallback, useEffect, useState } from 'react';
import { ApiError } from '../api/errors.js';
import { blindListQuery, configQuery, credentialQuery, credentialsQuery, serviceQuery } from '../api/queries.js';
import { request } from '../api/request.js';
import { Command } from '../parts/command.js';
import { Icon } from '../parts/icon.js';
import { Plain } from '../parts/marks.js';
import { type Choice, Picker } from '../parts/picker.js';
import { Failed, FieldError, Says, Waiting } from '../parts/says.js';
import { useTitle } from '../parts/title.js';
import { toast } from '../parts/toast.js';
import { describeRefusal } from '../parts/used-by.js';
import { By, count, When } from '../parts/when.js';

/** What a service gets. */
export function ServicePage() {
  const { id } = useParams({ from: '/services/$id' });
  const service = useQuery(serviceQuery(id));
  useTitle(id, 'Services');
  const isNew = service.error instanceof ApiError && service.error.status === 404;
  if (service.isPending) {
    return (
      <main className="page">
        <Waiting />
      </main>
    );
  }
  if (isNew) return <Service key={id} id={id} service={undefined} />;
  if (service.data === undefined) {
    return (
      <main className="page">
        <span className="crumb">
          <Link to="/services">Services</Link>
        </span>
        <h1 className="title mono">
          <Plain text={id} />
        </h1>
        <Failed error={service.error} what="service" retry={() => void service.refetch()} />
      </main>
    );
  }
  return <Service key={id} id={id} service={service.data} />;
}

/** A credential that a service gets, or would get after saving. */
interface Mapped {
  kind: 'credentials' | 'blind_credentials';
  id: string;
  name: string;
  keys: readonly string[];
  enabled: boolean;
}

interface Draft {
  added: readonly Mapped[];
  removed: ReadonlySet<string>;
}

const NO_DRAFT: Draft = { added: [], removed: new Set() };

function Service({ id, service }: { id: string; service: ServiceBody | undefined }) {
  const queries = useQueryClient();
  const { data: config } = useQuery(configQuery);
  const [draft, setDraft] = useState(NO_DRAFT);
  const [isPicking, setPicking] = useState(false);
  const [isSaving, setSaving] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const stored = mappedOf(service);
  const rows = [...stored, ...draft.added.filter((each) => !stored.some((one) => one.id === each.id))];
  const kept = rows.filter((row) => !draft.removed.has(row.id));
  const added = rows.length - stored.length;
  const removed = stored.filter((row) => draft.removed.has(row.id)).length;
  const isDirty = added + removed > 0;
  const mayUpdate = service === undefined || service.permissions['update'] !== false;
  const inMaintenance = config?.generated.maintenance_mode === true;

  const save = useCallback(async (): Promise<void> => {
    if (isSaving || !isDirty || inMaintenance) return;
    setSaving(true);
    setFailure(undefined);
    const idsOf = (kind: Mapped['kind']): string[] => kept.filter((row) => row.kind === kind).map((row) => row.id);
    try {
      const saved = await request<ServiceBody>(`/v1/services/${encodeURIComponent(id)}`, {
        method: 'PUT',
        body: {
          credentials: idsOf('credentials'),
          blind_credentials: idsOf('blind_credentials'),
          expected_revision: service?.revision ?? 0,
        },
      });
      queries.removeQueries({ queryKey: ['services of'] });
      await readAgain(queries, id);
      void queries.invalidateQueries({ queryKey: ['services'] });
      setDraft(NO_DRAFT);
      toast(`Saved as revision ${saved.revision}. ${id} gets it when it asks next.`);
    } catch (error) {
      setFailure(error);
      // Somebody was faster: what they saved is shown, and the draft, which is a set, still applies.
      if (error instanceof ApiError && error.code === 'write_conflict') {
        await readAgain(queries, id).catch(() => undefined);
      }
    } finally {
      setSaving(false);
    }
  }, [isSaving, isDirty, inMaintenance, kept, id, service, queries]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== 's' || !(event.ctrlKey || event.metaKey) || !isDirty) return;
      event.preventDefault();
      void save();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [save, isDirty]);
  useEffect(() => {
    if (!isDirty) return undefined;
    const onLeave = (event: BeforeUnloadEvent): void => event.preventDefault();
    addEventListener('beforeunload', onLeave);
    return () => removeEventListener('beforeunload', onLeave);
  }, [isDirty]);

  return (
    <div className={isDirty ? 'with-savebar' : ''}>
      <main className="page">
        <div className="head">
          <div>
            <span className="crumb">
              <Link to="/services">Services</Link>
            </span>
            <h1 className="title mono">
              <Plain text={id} />
            </h1>
            <Facts service={service} />
          </div>
          {mayUpdate && (
            <div className="actions anchor">
              <button className="btn grow" type="button" onClick={() => setPicking(true)}>
                <Icon name="plus" />
                Add a credential
              </button>
              {isPicking && (
                <CredentialPicker
                  rows={kept}
                  onChoose={(mapped) => {
                    setPicking(false);
                    void withKeys(queries, mapped).then((known) => setDraft((before) => add(before, known)));
                  }}
                  onClose={() => setPicking(false)}
                />
              )}
            </div>
          )}
        </div>
        <div className="two">
          <div className="stack">
            <section>
              <div className="sub">
                <h2 className="sr">What it gets</h2>
                <span className="quiet">
                  {count(kept.length, 'credential')},{' '}
                  {count(
                    kept.reduce((sum, row) => sum + row.keys.length, 0),
                    'key',
                  )}
                </span>
              </div>
              {rows.length === 0 ? (
                <Says title="It gets nothing yet">
                  Add a credential, and it fetches the values the next time it asks.
                </Says>
              ) : (
                <Gets rows={rows} stored={stored} draft={draft} mayUpdate={mayUpdate} setDraft={setDraft} />
              )}
            </section>
          </div>
          <div className="side">
            {service?.account !== null && service?.account !== undefined && (
              <section>
                <h2>Account</h2>
                <p>
                  <Plain text={service.account} />
                </p>
                <p className="note">Its tokens count only when the key of this account made them.</p>
              </section>
            )}
            <section>
              <h2>Who gets these values</h2>
              <p>
                Whoever may assume the role <code>{id}</code>, or use the authentication key in its name.
              </p>
            </section>
            <section>
              <h2>Command line</h2>
              <Command words={['confidant', 'run', '--service', id, '--', './start']} />
            </section>
          </div>
        </div>
      </main>
      {isDirty && (
        <div className="savebar" role="region" aria-label="Draft">
          <span className="counts">
            {added > 0 && <span className="added">{added} added</span>}
            {removed > 0 && <span className="removed">{removed} removed</span>}
          </span>
          {failure === undefined ? (
            <span className="soft">
              {inMaintenance ? 'Nothing can be saved during maintenance.' : 'Nothing is saved yet.'}
            </span>
          ) : (
            <FieldError>
              {isConflict(failure)
                ? 'Somebody else saved a revision: it is shown now. Save again to apply yours.'
                : describeRefusal(failure)}
            </FieldError>
          )}
          <span className="right">
            <button className="btn" type="button" onClick={() => setDraft(NO_DRAFT)}>
              Discard
            </button>
            <button className="btn ink" type="button" disabled={isSaving || inMaintenance} onClick={() => void save()}>
              {isSaving ? 'Saving…' : `Save revision ${(service?.revision ?? 0) + 1}`}
              <kbd>Ctrl S</kbd>
            </button>
          </span>
        </div>
      )}
    </div>
  );
}

function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'write_conflict';
}

function Facts({ service }: { service: ServiceBody | undefined }) {
  if (service === undefined) return <p className="facts">No such service yet. It is created when you save.</p>;
  return (
    <p className="facts">
      {service.enabled ? 'Enabled' : 'Disabled'}
      <span className="dot">·</span>revision {service.revision}
      <span className="dot">·</span>changed <When date={service.modified_date} /> by <By name={service.modified_by} />
    </p>
  );
}

interface GetsProps {
  rows: readonly Mapped[];
  stored: readonly Mapped[];
  draft: Draft;
  mayUpdate: boolean;
  setDraft: (draft: Draft) => void;
}

function Gets({ rows, stored, draft, mayUpdate, setDraft }: GetsProps) {
  return (
    <table className="gets">
      <thead>
        <tr>
          <th className="c-name">Credential</th>
          <th>Keys</th>
          <th className="c-act">
            <span className="sr">Action</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const isRemoved = draft.removed.has(row.id);
          const isAdded = !stored.some((one) => one.id === row.id);
          const state = isRemoved ? 'removed' : isAdded ? 'added' : undefined;
          return (
            <tr key={row.id} className={state ?? ''}>
              <td className="c-name">
                <div className="name">
                  {isRemoved ? (
                    <span className="struck">
                      <Plain text={row.name} />
                    </span>
                  ) : (
                    <Link to={row.kind === 'credentials' ? '/credentials/$id' : '/blind/$id'} params={{ id: row.id }}>
                      <Plain text={row.name} />
                    </Link>
                  )}
                  {row.kind === 'blind_credentials' && (
                    <span className="aside">
                      <span className="seal small" aria-hidden="true" /> blind
                    </span>
                  )}
                  {!row.enabled && <span className="aside"> disabled</span>}
                </div>
              </td>
              <td>
                <span className="keys" translate="no">
                  {row.keys.map((key) => (
                    <span key={key}>
                      <Plain text={key} />
                    </span>
                  ))}
                </span>
              </td>
              <td className="c-act">
                {state !== undefined && <span className={`state ${state}`}>{state}</span>}
                {mayUpdate && (
                  <button
                    className="btn plain"
                    type="button"
                    aria-label={state === undefined ? `Remove ${row.name}` : `Undo: ${row.name} ${state}`}
                    onClick={() => setDraft(state === undefined ? remove(draft, row.id) : undo(draft, row.id))}
                  >
                    {state === undefined ? 'Remove' : <Icon name="undo" />}
                  </button>
                )}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

interface CredentialPickerProps {
  rows: readonly Mapped[];
  onChoose: (mapped: Mapped) => void;
  onClose: () => void;
}

function CredentialPicker({ rows, onChoose, onClose }: CredentialPickerProps) {
  const { data: config } = useQuery(configQuery);
  const list = useInfiniteQuery(credentialsQuery);
  const mayListBlind = config?.generated.permissions.blind_credentials.list === true;
  const blind = useQuery({ ...blindListQuery, enabled: mayListBlind });
  const { hasNextPage, isFetchingNextPage, fetchNextPage, isError } = list;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && !isError) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, isError, fetchNextPage]);
  const has = new Set(rows.map((row) => row.id));
  const all: (Mapped & Choice)[] = [
    ...(list.data?.pages.flatMap((page) => page.credentials) ?? []).map((each) => ({
      kind: 'credentials' as const,
      id: each.id,
      name: each.name,
      keys: each.credential_keys,
      enabled: each.enabled,
      text: [each.name, ...each.tags.map((tag) => `#${tag}`), each.documentation ?? ''].join('\n').toLowerCase(),
      ...(has.has(each.id)
        ? { note: 'it has it', isOff: true }
        : each.tags[0] !== undefined && { note: `#${each.tags[0]}` }),
    })),
    ...(blind.data ?? []).map((each) => ({
      kind: 'blind_credentials' as const,
      id: each.id,
      name: each.name,
      keys: [],
      enabled: each.enabled,
      text: [each.name, each.documentation ?? '', 'blind'].join('\n').toLowerCase(),
      ...(has.has(each.id) ? { note: 'it has it', isOff: true } : { note: 'blind' }),
    })),
  ];
  const byId = new Map(all.map((each) => [each.id, each]));
  return (
    <Picker
      label="Add a credential"
      choices={all}
      isReading={list.isPending || hasNextPage}
      about={({ id }) => <About mapped={byId.get(id)!} rows={rows} />}
      onChoose={({ id }) => onChoose(byId.get(id)!)}
      onClose={onClose}
    />
  );
}

/** The keys of the credential under the cursor, and whether the service gets them from another already. */
function About({ mapped, rows }: { mapped: Mapped; rows: readonly Mapped[] }) {
  const { data } = useQuery({ ...credentialQuery(mapped.id), enabled: mapped.kind === 'credentials' });
  const keys = data?.credential_keys ?? mapped.keys;
  const others = rows.filter((row) => row.id !== mapped.id);
  const clashes = keys.filter((key) => others.some((row) => row.keys.includes(key)));
  const from = others.find((row) => row.keys.includes(clashes[0] ?? ''));
  return (
    <>
      <h3>
        <Plain text={mapped.name} />
      </h3>
      <p className="keys" translate="no">
        {keys.map((key) => (
          <span key={key} className={clashes.includes(key) ? 'clash' : ''}>
            <Plain text={key} />
          </span>
        ))}
      </p>
      {clashes.length > 0 && (
        <FieldError>
          <code>{clashes[0]}</code> comes from {from?.name} already. Take that one out first, or rename the key.
        </FieldError>
      )}
    </>
  );
}

/** Puts the present revision in the place of what is shown; the page, and a draft on it, stay. */
async function readAgain(queries: QueryClient, id: string): Promise<void> {
  const { queryKey } = serviceQuery(id);
  queries.setQueryData(
    queryKey,
    await request<ServiceBody>(`/v1/services/${encodeURIComponent(id)}?metadata_only=true`),
  );
}

/** Lists carry no keys, so they are asked for; without them the credential can be added all the same. */
async function withKeys(queries: QueryClient, mapped: Mapped): Promise<Mapped> {
  if (mapped.kind !== 'credentials') return mapped;
  const credential = await queries.fetchQuery(credentialQuery(mapped.id)).catch(() => undefined);
  return credential === undefined ? mapped : { ...mapped, keys: credential.credential_keys };
}

function mappedOf(service: ServiceBody | undefined): readonly Mapped[] {
  if (service === undefined) return [];
  const of = (kind: Mapped['kind']) =>
    service[kind].map(({ id, name, credential_keys: keys, enabled }) => ({ kind, id, name, keys, enabled }));
  return [...of('credentials'), ...of('blind_credentials')];
}

function add(draft: Draft, mapped: Mapped): Draft {
  const removed = new Set(draft.removed);
  if (removed.delete(mapped.id)) return { ...draft, removed };
  return { ...draft, added: [...draft.added.filter((each) => each.id !== mapped.id), mapped] };
}

function remove(draft: Draft, id: string): Draft {
  return { ...draft, removed: new Set([...draft.removed, id]) };
}

function undo(draft: Draft, id: string): Draft {
  const removed = new Set(draft.removed);
  removed.delete(id);
  return { added: draft.removed.has(id) ? draft.added : draft.added.filter((each) => each.id !== id), removed };
}
