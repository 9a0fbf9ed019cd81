import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { type SyntheticEvent, useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { configQuery, rolesQuery, servicesQuery } from '../api/queries.js';
import { mayStandInAddress } from '../list/filter.js';
import { isServiceName } from '../api/service-name.js';
import { Icon } from '../parts/icon.js';
import { Plain } from '../parts/marks.js';
import { Failed, Says, Waiting } from '../parts/says.js';
import { useTitle } from '../parts/title.js';
import { By, count, When } from '../parts/when.js';

const MOST_SHOWN = 500;
/** Roles that are offered while a name is typed. */
const MOST_ROLES = 20;

/** All services, by name. */
export function ServicesPage() {
  useTitle('Services');
  const { q = '' } = useSearch({ from: '/services' });
  const [filter, setFilter] = useState(q);
  const navigate = useNavigate();
  const { data: config } = useQuery(configQuery);
  const list = useInfiniteQuery(servicesQuery);
  const { hasNextPage, isFetchingNextPage, isError, fetchNextPage } = list;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && !isError) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, isError, fetchNextPage]);
  const rows = useMemo(
    () => (list.data?.pages.flatMap((page) => page.services) ?? []).toSorted((a, b) => a.id.localeCompare(b.id, 'en')),
    [list.data],
  );
  const words = useDeferredValue(filter).toLowerCase().split(/\s+/).filter(Boolean);
  const found = rows.filter(({ id, modified_by: by }) =>
    words.every((word) => `${id}\n${by ?? ''}`.toLowerCase().includes(word)),
  );
  const shown = found.slice(0, MOST_SHOWN);
  const written = useRef(q);
  useEffect(() => {
    if (q !== written.current) setFilter(q);
    written.current = q;
  }, [q]);
  useEffect(() => {
    if (list.isPending || hasNextPage) return undefined;
    const wanted = mayStandInAddress(filter, found.length) ? filter.trim() : '';
    if (wanted === q) return undefined;
    const timer = setTimeout(() => {
      written.current = wanted;
      void navigate({ to: '/services', search: wanted === '' ? {} : { q: wanted }, replace: true });
    }, 400);
    return () => clearTimeout(timer);
  }, [filter, found.length, list.isPending, hasNextPage, q, navigate]);
  const mayCreate = config?.generated.permissions.services.create === true;
  return (
    <main className="page thin">
      <h1 className="sr">Services</h1>
      <div className="find">
        <div className="filter" role="search">
          <Icon name="search" />
          <input
            autoFocus
            type="search"
            aria-label="Filter services"
            placeholder="Filter: words of the name"
            value={filter}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => setFilter(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && shown.length > 0) {
                void navigate({ to: '/services/$id', params: { id: shown[0]!.id } });
              }
            }}
          />
          <span className="right" role="status">
            {count(found.length, 'service')}
          </span>
        </div>
        {mayCreate && <NewService taken={rows.map((row) => row.id)} />}
      </div>
      {list.isPending ? (
        <Waiting />
      ) : list.isError && rows.length === 0 ? (
        <Failed error={list.error} what="the services" retry={() => void list.refetch()} />
      ) : rows.length === 0 ? (
        <Says title="No service has been mapped yet">
          A service is named after the IAM role that it runs as. Map a credential to it, and it can fetch it.
        </Says>
      ) : shown.length === 0 ? (
        <Says title={`No service matches ${filter.trim()}`} />
      ) : (
        <table className="rows">
          <thead>
            <tr>
              <th className="c-mark">
                <span className="sr">State</span>
              </th>
              <th>Name</th>
              <th className="c-due">Account</th>
              <th className="c-when">Changed</th>
              <th className="c-by">By</th>
              <th className="c-rev num">Revision</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((service) => (
              <tr
                key={service.id}
                onClick={(event) => {
                  if ((event.target as Element).closest('a') === null) {
                    void navigate({ to: '/services/$id', params: { id: service.id } });
                  }
                }}
              >
                <td className="mk">
                  {!service.enabled && <span className="bar small none" aria-hidden="true" />}
                  <span className="sr">{service.enabled ? 'service' : 'disabled service'}</span>
                </td>
                <td className="nm">
                  <Link
                    to="/services/$id"
                    params={{ id: service.id }}
                    className={service.enabled ? 'name' : 'name off-name'}
                  >
                    <Plain text={service.id} />
                  </Link>
                  {!service.enabled && <span className="quiet"> disabled</span>}
                </td>
                <td className="du soft">{service.account}</td>
                <td className="wn soft">
                  <When date={service.modified_date} />
                </td>
                <td className="by soft">
                  <By name={service.modified_by} />
                </td>
                <td className="rv num">{service.revision}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {found.length > shown.length && (
        <p className="note">{count(found.length - shown.length, 'more service')}: filter to see them.</p>
      )}
    </main>
  );
}

/** Opens the page of a service that has nothing yet, by its name. */
function NewService({ taken }: { taken: readonly string[] }) {
  const [name, setName] = useState<string>();
  const navigate = useNavigate();
  const { data: roles } = useQuery({ ...rolesQuery, enabled: name !== undefined });
  if (name === undefined) {
    return (
      <button className="btn push" type="button" onClick={() => setName('')}>
        <Icon name="plus" />
        New service
      </button>
    );
  }
  const trimmed = name.trim();
  const near = (roles ?? []).filter((role) => role.includes(trimmed) && !taken.includes(role)).slice(0, MOST_ROLES);
  // Without IAM the roles are the services themselves, and a name that is not among them is as good as any.
  const knowsRoles = roles?.some((role) => !taken.includes(role)) === true;
  const isNoRole = knowsRoles && isServiceName(trimmed) && !roles.includes(trimmed);
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (isServiceName(trimmed)) void navigate({ to: '/services/$id', params: { id: trimmed } });
  };
  return (
    <form className="row-end push" onSubmit={submit}>
      <label className="sr" htmlFor="new-service">
        Name of the service
      </label>
      <input
        id="new-service"
        list="roles"
        className="field"
        autoFocus
        value={name}
        placeholder="Name: its IAM role"
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => setName(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') setName(undefined);
        }}
      />
      <datalist id="roles">
        {near.map((role) => (
          <option key={role} value={role} />
        ))}
      </datalist>
      {isNoRole && <span className="quiet">No IAM role of this name was found.</span>}
      <button className="btn ink" type="submit" disabled={!isServiceName(trimmed)}>
        {taken.includes(trimmed) ? 'Open' : 'Go on'}
      </button>
    </form>
  );
}
