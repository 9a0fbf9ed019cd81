import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { ApiError } from '../api/errors.js';
import { blindListQuery, configQuery, credentialsQuery } from '../api/queries.js';
import { mayStandInAddress, readFilter, type Row } from '../list/filter.js';
import { blindRow, credentialRow, DEFAULT_SORT, sortRows } from '../list/rows.js';
import { Icon } from '../parts/icon.js';
import { Plain, Tags } from '../parts/marks.js';
import { Failed, Says, Waiting } from '../parts/says.js';
import { useTitle } from '../parts/title.js';
import { By, count, Due, When } from '../parts/when.js';

const ADDRESS_MS = 400;
const MOST_TAGS = 3;

/** All credentials, ordinary and blind together. */
export function CredentialsPage() {
  useTitle('Credentials');
  const { q = '', sort = DEFAULT_SORT } = useSearch({ from: '/credentials' });
  const [filter, setFilter] = useState(q);
  const navigate = useNavigate();
  const { data: config } = useQuery(configQuery);
  const list = useInfiniteQuery(credentialsQuery);
  const mayListBlind = config?.generated.permissions.blind_credentials.list === true;
  const blind = useQuery({ ...blindListQuery, enabled: mayListBlind });

  // Every page is read, one after the other: the filter works on all rows.
  const { hasNextPage, isFetchingNextPage, isError, fetchNextPage } = list;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && !isError) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, isError, fetchNextPage]);

  const readsOn = list.isPending || hasNextPage || isFetchingNextPage;
  const rows = useMemo(
    () => [
      ...(list.data?.pages.flatMap((page) => page.credentials.map(credentialRow)) ?? []),
      ...(blind.data?.map(blindRow) ?? []),
    ],
    [list.data, blind.data],
  );
  const deferred = useDeferredValue(filter);
  const sorted = useMemo(() => sortRows(rows, sort), [rows, sort]);
  const { matches, faults } = useMemo(() => readFilter(deferred, Date.now()), [deferred]);
  const shown = useMemo(() => sorted.filter(matches), [sorted, matches]);
  // Back leads here with the filter of then; what this page wrote itself changes nothing.
  const written = useRef(q);
  useEffect(() => {
    if (q !== written.current) setFilter(q);
    written.current = q;
  }, [q]);
  useEffect(() => {
    if (filter !== deferred || readsOn) return undefined;
    const wanted = mayStandInAddress(filter, shown.length) ? filter.trim() : '';
    if (wanted === q) return undefined;
    const timer = setTimeout(() => {
      written.current = wanted;
      void navigate({ to: '/credentials', search: searchOf(wanted, sort), replace: true });
    }, ADDRESS_MS);
    return () => clearTimeout(timer);
  }, [filter, deferred, readsOn, shown.length, q, sort, navigate]);
  const facets = useMemo(() => facetsOf(rows), [rows]);

  const denied = list.error instanceof ApiError && list.error.code === 'not_authorized';
  if (denied && !mayListBlind) {
    return (
      <main className="page thin">
        <h1 className="sr">Credentials</h1>
        <Says title="You may not list credentials">You can open those that you have a link to.</Says>
      </main>
    );
  }
  const isEmpty = rows.length === 0 && list.isSuccess && !readsOn && (blind.isSuccess || !mayListBlind);
  return (
    <main className="page thin">
      <h1 className="sr">Credentials</h1>
      <div className="find">
        <div className="filter" role="search">
          <Icon name="search" />
          <input
            // The list is opened to find something.
            autoFocus
            type="search"
            aria-label="Filter credentials"
            placeholder="Filter: words, tag:production, due:<30d"
            value={filter}
            autoComplete="off"
            spellCheck={false}
            data-1p-ignore=""
            data-lpignore="true"
            onChange={(event) => setFilter(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'ArrowDown') {
                event.preventDefault();
                document.querySelector<HTMLElement>('.rows tbody a')?.focus();
              } else if (event.key === 'Enter' && shown.length > 0) {
                void navigate(placeOf(shown[0]!));
              }
            }}
          />
          <span className="right" role="status">
            {filter === ''
              ? count(rows.length, 'credential')
              : `${shown.length.toLocaleString('en')} of ${rows.length.toLocaleString('en')}`}
            {readsOn && rows.length > 0 && ' read so far…'}
          </span>
        </div>
        <div className="facets">
          {facets.map(({ term, name, rows: n }) => {
            const isOn = filter.split(/\s+/).includes(term);
            return (
              <button
                key={term}
                type="button"
                aria-pressed={isOn}
                onClick={() =>
                  setFilter(
                    isOn
                      ? filter
                          .split(/\s+/)
                          .filter((each) => each !== term)
                          .join(' ')
                      : `${filter} ${term}`.trim(),
                  )
                }
              >
                {name} <span>{n.toLocaleString('en')}</span>
              </button>
            );
          })}
        </div>
      </div>
      {faults.map(({ term, problem }) => (
        <p className="note" role="status" key={term}>
          <code>{term}</code> is left out: {problem}.
        </p>
      ))}
      {blind.isError && (
        <div className="band warn" role="alert">
          <span>
            <b className="strong">Blind credentials are missing from this list.</b>
          </span>
          <span className="right">
            <button className="btn" type="button" onClick={() => void blind.refetch()}>
              Try again
            </button>
          </span>
        </div>
      )}
      {list.isPending ? (
        <Waiting />
      ) : list.isError && rows.length === 0 ? (
        <Failed error={list.error} what="the credentials" retry={() => void list.refetch()} />
      ) : isEmpty ? (
        <Nothing mayCreate={config?.generated.permissions.credentials.create === true} />
      ) : shown.length === 0 && !readsOn ? (
        <Says
          title={`No credential matches ${filter.trim()}`}
          actions={
            <button className="btn" type="button" onClick={() => setFilter('')}>
              Clear the filter
            </button>
          }
        />
      ) : (
        <Table rows={shown} sort={sort} q={q} />
      )}
      {list.isError && rows.length > 0 && (
        <div className="band warn" role="alert">
          <span>
            <b className="strong">The rest of the list did not come.</b>
          </span>
          <span className="right">
            <button className="btn" type="button" onClick={() => void list.fetchNextPage()}>
              Try again
            </button>
          </span>
        </div>
      )}
    </main>
  );
}

function Nothing({ mayCreate }: { mayCreate: boolean }) {
  return (
    <Says
      title="Nothing is stored yet"
      actions={
        mayCreate && (
          <Link className="btn ink" to="/credentials/new">
            Store the first credential
          </Link>
        )
      }
    >
      A credential is a set of keys and values. Map it to a service, and the service can fetch it.
    </Says>
  );
}

const COLUMNS = [
  { key: 'name', name: 'Name', className: '' },
  { key: undefined, name: 'Tags', className: 'c-tags' },
  { key: 'due', name: 'Due', className: 'c-due' },
  { key: 'changed', name: 'Changed', className: 'c-when' },
  { key: 'by', name: 'By', className: 'c-by' },
  { key: 'revision', name: 'Revision', className: 'c-rev num' },
] as const;

function Table({ rows, sort, q }: { rows: readonly Row[]; sort: string; q: string }) {
  const body = useRef<HTMLTableSectionElement>(null);
  const navigate = useNavigate();
  const [rowHeight, setRowHeight] = useState(28);
  const [offset, setOffset] = useState(0);
  useEffect(() => {
    setOffset(body.current?.offsetTop ?? 0);
    // The sheet knows how high a row is; on phones it is another.
    const narrow = matchMedia('(max-width: 720px)');
    const measure = (): void => setRowHeight(narrow.matches ? 60 : 28);
    measure();
    narrow.addEventListener('change', measure);
    return () => narrow.removeEventListener('change', measure);
  }, []);
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => rowHeight,
    overscan: 20,
    scrollMargin: offset,
    getItemKey: (index) => rows[index]!.id,
  });
  useEffect(() => virtual.measure(), [virtual, rowHeight]);
  const items = virtual.getVirtualItems();
  const above = items.length === 0 ? 0 : items[0]!.start - offset;
  const below = items.length === 0 ? 0 : virtual.getTotalSize() - (items.at(-1)!.end - offset);
  return (
    <table className="rows" aria-rowcount={rows.length + 1}>
      <thead>
        <tr>
          <th className="c-mark">
            <span className="sr">Kind</span>
          </th>
          {COLUMNS.map(({ key, name, className }) => {
            const order =
              sort === key ? ('ascending' as const) : sort === `-${key}` ? ('descending' as const) : undefined;
            return (
              <th key={name} className={className} {...(order !== undefined && { 'aria-sort': order })}>
                {key === undefined ? (
                  name
                ) : (
                  <button
                    className="sort"
                    type="button"
                    onClick={() =>
                      void navigate({
                        to: '/credentials',
                        search: searchOf(q, order === 'ascending' ? `-${key}` : key),
                        replace: true,
                      })
                    }
                  >
                    {name} {order !== undefined && <Icon name={order === 'ascending' ? 'up' : 'down'} />}
                  </button>
                )}
              </th>
            );
          })}
        </tr>
      </thead>
      <tbody ref={body}>
        {above > 0 && (
          <tr className="gap" style={{ height: above }}>
            <td />
          </tr>
        )}
        {items.map(({ index, key }) => (
          <RowLine key={key} row={rows[index]!} index={index} />
        ))}
        {below > 0 && (
          <tr className="gap" style={{ height: below }}>
            <td />
          </tr>
        )}
      </tbody>
    </table>
  );
}

function RowLine({ row, index }: { row: Row; index: number }) {
  const navigate = useNavigate();
  const about = row.documentation.split('\n', 1)[0]!;
  const move = (line: Element | null, to: 'nextElementSibling' | 'previousElementSibling'): void =>
    line?.[to]?.querySelector<HTMLElement>('a')?.focus();
  return (
    <tr
      aria-rowindex={index + 2}
      onClick={(event) => {
        // The whole row is the link; selecting text in it is not a press.
        if ((event.target as Element).closest('a') !== null || getSelection()?.toString() !== '') return;
        void navigate(placeOf(row));
      }}
      onKeyDown={(event) => {
        if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
        event.preventDefault();
        move(event.currentTarget, event.key === 'ArrowDown' ? 'nextElementSibling' : 'previousElementSibling');
      }}
    >
      <td className="mk">
        {row.kind === 'blind' && <span className="seal small" aria-hidden="true" />}
        {row.kind === 'credential' && !row.enabled && <span className="bar small none" aria-hidden="true" />}
        <span className="sr">{`${row.enabled ? '' : 'disabled '}${row.kind === 'blind' ? 'blind credential' : 'credential'}`}</span>
      </td>
      <td className="nm">
        <Link {...placeOf(row)} className={row.enabled ? 'name' : 'name off-name'}>
          <Plain text={row.name} />
        </Link>
        {!row.enabled && <span className="quiet"> disabled</span>}
        {about !== '' && (
          <span className="about">
            <Plain text={about} />
          </span>
        )}
      </td>
      <td className="tg">
        <Tags tags={row.tags} />
      </td>
      <td className="du">
        {row.kind === 'blind' ? <span className="quiet not-phone">no date</span> : <Due date={row.due} />}
      </td>
      <td className="wn soft">
        <When date={row.changed} />
      </td>
      <td className="by soft">
        <By name={row.by} />
      </td>
      <td className="rv num">{row.revision}</td>
    </tr>
  );
}

function placeOf(row: Row) {
  return row.kind === 'blind'
    ? ({ to: '/blind/$id', params: { id: row.id } } as const)
    : ({ to: '/credentials/$id', params: { id: row.id } } as const);
}

function searchOf(q: string, sort: string): { q?: string; sort?: string } {
  return { ...(q !== '' && { q }), ...(sort !== DEFAULT_SORT && { sort }) };
}

/** Filters that one press adds, with how many rows each finds. */
function facetsOf(rows: readonly Row[]): { term: string; name: string; rows: number }[] {
  const tags = new Map<string, number>();
  for (const row of rows) for (const tag of row.tags) tags.set(tag, (tags.get(tag) ?? 0) + 1);
  const most = [...tags].filter(([tag]) => !/[\s"]/.test(tag)).sort((a, b) => b[1] - a[1]);
  const terms = [
    { term: 'due:late', name: 'Late' },
    { term: 'due:<30d', name: 'Due in 30 days' },
    { term: 'kind:blind', name: 'Blind' },
    { term: 'is:disabled', name: 'Disabled' },
    { term: 'doc:none', name: 'No documentation' },
    ...most.slice(0, MOST_TAGS).map(([tag]) => ({ term: `tag:${tag}`, name: `#${tag}` })),
  ];
  const now = Date.now();
  return terms
    .map(({ term, name }) => ({ term, name, rows: rows.filter(readFilter(term, now).matches).length }))
    .filter((facet) => facet.rows > 0);
}
