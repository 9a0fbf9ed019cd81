import type { ServiceBody } from '@confidant/contract';
import { type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useBlocker, useParams, useSearch } from '@tanstack/react-router';
import { useCallback, useEffect, useState } from 'react';
import { ApiError } from '../api/errors.js';
import { configQuery, serviceQuery } from '../api/queries.js';
import { request } from '../api/request.js';
import { CredentialPicker } from '../mapping/credential-picker.js';
import { add, type Mapped, mappedOf, NO_DRAFT, withKeys } from '../mapping/draft.js';
import { Gets } from '../mapping/gets.js';
import { Grants } from '../mapping/grants.js';
import { Variables } from '../mapping/variables.js';
import { Command } from '../parts/command.js';
import { Icon } from '../parts/icon.js';
import { Plain } from '../parts/marks.js';
import { Failed, FieldError, Says, Waiting } from '../parts/says.js';
import { useTitle } from '../parts/title.js';
import { toast } from '../parts/toast.js';
import { describeRefusal } from '../parts/used-by.js';
import { Views } from '../parts/views.js';
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

function Service({ id, service }: { id: string; service: ServiceBody | undefined }) {
  const queries = useQueryClient();
  const { view } = useSearch({ from: '/services/$id' });
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
      toast(`Saved as revision ${saved.revision}. ${id} gets it the next time it fetches.`);
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
  useBlocker({
    // Another view of the same service keeps the draft.
    shouldBlockFn: ({ current, next }) =>
      current.pathname !== next.pathname && isDirty && !confirm('Leave this page? What you changed here is not saved.'),
    enableBeforeUnload: () => isDirty,
  });

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
        {service !== undefined && <Views kind="services" id={id} here="now" />}
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
                {rows.length > 0 && (
                  <nav className="right seg" aria-label="Order">
                    <Order id={id} view={undefined} now={view} name="By credential" />
                    <Order id={id} view="variables" now={view} name="By variable" />
                  </nav>
                )}
              </div>
              {rows.length === 0 ? (
                <Says title="It gets nothing yet">
                  Add a credential, and it fetches the values the next time it asks.
                </Says>
              ) : view === 'variables' ? (
                <Variables rows={rows} stored={stored} draft={draft} />
              ) : (
                <Gets rows={rows} stored={stored} draft={draft} mayUpdate={mayUpdate} setDraft={setDraft} />
              )}
            </section>
          </div>
          <div className="side">
            {service !== undefined && <Grants service={id} mayUpdate={mayUpdate} />}
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

function Order({
  id,
  view,
  now,
  name,
}: {
  id: string;
  view?: string | undefined;
  now: string | undefined;
  name: string;
}) {
  const search = view === undefined ? {} : { view };
  return (
    <Link
      to="/services/$id"
      params={{ id }}
      search={search}
      replace
      activeOptions={{ exact: true, includeSearch: true }}
      {...(view === now && { 'aria-current': 'page' as const })}
    >
      {name}
    </Link>
  );
}

function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'write_conflict';
}

function Facts({ service }: { service: ServiceBody | undefined }) {
  if (service === undefined)
    return <p className="facts">No such service yet. It is created when you add a credential and save.</p>;
  return (
    <p className="facts">
      {service.enabled ? 'Enabled' : 'Disabled'}
      <span className="dot">·</span>revision {service.revision}
      <span className="dot">·</span>changed <When date={service.modified_date} /> by <By name={service.modified_by} />
    </p>
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
