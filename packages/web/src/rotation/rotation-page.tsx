import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useDeferredValue, useEffect, useMemo, useState } from 'react';
import { credentialsQuery } from '../api/queries.js';
import { mayStandInAddress, readFilter, type Row } from '../list/filter.js';
import { credentialRow } from '../list/rows.js';
import { Icon } from '../parts/icon.js';
import { Plain, Tags } from '../parts/marks.js';
import { Failed, Says, Waiting } from '../parts/says.js';
import { useTitle } from '../parts/title.js';
import { count, Due, When } from '../parts/when.js';
import { copyText } from '../values/clipboard.js';
import { Strip } from './strip.js';
import { csvOf, GROUPS, groupsOf, weeksOf } from './weeks.js';

const ADDRESS_MS = 400;
/** Rows shown of one group; the filter finds the others. */
const MOST_SHOWN = 200;

/** When new values are due, the latest first. */
export function RotationPage() {
  useTitle('Rotation');
  const { q = '' } = useSearch({ from: '/rotation' });
  const [filter, setFilter] = useState(q);
  const navigate = useNavigate();
  const list = useInfiniteQuery(credentialsQuery);
  const { hasNextPage, isFetchingNextPage, isError, fetchNextPage } = list;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && !isError) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, isError, fetchNextPage]);
  const rows = useMemo(
    () => list.data?.pages.flatMap((page) => page.credentials.map(credentialRow)) ?? [],
    [list.data],
  );
  const deferred = useDeferredValue(filter);
  // One present for the whole page, so that its parts agree.
  const [now] = useState(() => Date.now());
  const { matches, faults } = useMemo(() => readFilter(deferred, now), [deferred, now]);
  const found = useMemo(() => rows.filter(matches), [rows, matches]);
  const dated = useMemo(() => found.filter(({ due }) => due !== null), [found]);
  const groups = useMemo(() => groupsOf(dated, now), [dated, now]);
  useEffect(() => {
    const wanted = mayStandInAddress(filter, found.length) ? filter.trim() : '';
    if (wanted === q || list.isPending || hasNextPage) return undefined;
    const timer = setTimeout(() => {
      void navigate({ to: '/rotation', search: wanted === '' ? {} : { q: wanted }, replace: true });
    }, ADDRESS_MS);
    return () => clearTimeout(timer);
  }, [filter, found.length, q, list.isPending, hasNextPage, navigate]);
  const readsOn = list.isPending || hasNextPage;
  return (
    <main className="page thin">
      <h1 className="sr">Rotation</h1>
      <div className="find">
        <div className="filter" role="search">
          <Icon name="search" />
          <input
            type="search"
            aria-label="Filter what is due"
            placeholder="Filter: words, tag:production, by:mina"
            value={filter}
            autoComplete="off"
            spellCheck={false}
            data-1p-ignore=""
            data-lpignore="true"
            onChange={(event) => setFilter(event.target.value)}
          />
          <span className="right" role="status">
            {count(dated.length, 'credential')} with a date{readsOn && rows.length > 0 && ', read so far…'}
          </span>
        </div>
        <div className="facets">
          <button
            type="button"
            disabled={dated.length === 0}
            onClick={() => void copyText(csvOf(dated), `${count(dated.length, 'row')} as CSV`)}
          >
            Copy as CSV
          </button>
        </div>
      </div>
      {faults.map(({ term, problem }) => (
        <p className="note" role="status" key={term}>
          <code>{term}</code> is left out: {problem}.
        </p>
      ))}
      {list.isPending ? (
        <Waiting />
      ) : list.isError && rows.length === 0 ? (
        <Failed error={list.error} what="the credentials" retry={() => void list.refetch()} />
      ) : (
        <>
          {list.isError && (
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
          {dated.length === 0 ? (
            <Says title={filter.trim() === '' ? 'Nothing is due' : `Nothing that matches ${filter.trim()} has a date`}>
              New values are due by the rotation settings of this server, by tag or for all.
            </Says>
          ) : (
            <Strip {...weeksOf(dated, now)} />
          )}
          {GROUPS.map((name) => (
            <Group key={name} name={name} rows={groups.get(name)!} />
          ))}
          <p className="note">
            {count(found.length - dated.length, 'credential')} without a date: never due, or it is not known when the
            values last changed. A value that somebody was shown is due from that moment, where the server records it.
            Blind credentials have no dates.
          </p>
        </>
      )}
    </main>
  );
}

function Group({ name, rows }: { name: string; rows: readonly Row[] }) {
  if (rows.length === 0) return null;
  return (
    <section aria-label={name}>
      <div className="groupline">
        <h2>{name}</h2>
        <span className="quiet">{rows.length.toLocaleString('en')}</span>
      </div>
      <table className="plainlist">
        <tbody>
          {rows.slice(0, MOST_SHOWN).map((row) => (
            <tr key={row.id}>
              <td className="c1 strong">
                <Link to="/credentials/$id" params={{ id: row.id }}>
                  <Plain text={row.name} />
                </Link>
                {!row.enabled && <span className="quiet"> disabled</span>}
              </td>
              <td className="c2">
                <Due date={row.due} />
              </td>
              <td className="c3 soft">
                changed <When date={row.changed} />
              </td>
              <td className="c5">
                <Tags tags={row.tags} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > MOST_SHOWN && <p className="note">{rows.length - MOST_SHOWN} more: filter to see them.</p>}
    </section>
  );
}
