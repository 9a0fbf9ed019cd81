import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { blindHistoryQuery, credentialHistoryQuery, credentialQuery, serviceHistoryQuery } from '../api/queries.js';
import { Plain } from '../parts/marks.js';
import { Failed, Says, Waiting } from '../parts/says.js';
import { useTitle } from '../parts/title.js';
import { Views } from '../parts/views.js';
import { By, count, When } from '../parts/when.js';
import { DiffTable } from './diff-table.js';
import { PutBack } from './put-back.js';
import { type Kind, ofBlindCredential, ofCredential, ofService, type Revision, summaryOf } from './revisions.js';

export function CredentialHistoryPage() {
  const { id } = useParams({ from: '/credentials/$id/history' });
  const query = useQuery(credentialHistoryQuery(id));
  const { data: credential } = useQuery(credentialQuery(id));
  const name = credential?.name ?? query.data?.revisions.at(-1)?.name ?? 'Credential';
  return (
    <History kind="credentials" id={id} name={name} query={query} revisions={query.data?.revisions.map(ofCredential)} />
  );
}

export function BlindHistoryPage() {
  const { id } = useParams({ from: '/blind/$id/history' });
  const query = useQuery(blindHistoryQuery(id));
  const name = query.data?.revisions[0]?.name ?? 'Blind credential';
  return (
    <History
      kind="blind_credentials"
      id={id}
      name={name}
      query={query}
      revisions={query.data?.revisions.map(ofBlindCredential)}
    />
  );
}

export function ServiceHistoryPage() {
  const { id } = useParams({ from: '/services/$id/history' });
  const query = useQuery(serviceHistoryQuery(id));
  return <History kind="services" id={id} name={id} query={query} revisions={query.data?.revisions.map(ofService)} />;
}

const PLACES = {
  credentials: { crumb: 'Credentials', list: '/credentials', history: '/credentials/$id/history' },
  blind_credentials: { crumb: 'Credentials', list: '/credentials', history: '/blind/$id/history' },
  services: { crumb: 'Services', list: '/services', history: '/services/$id/history' },
} as const;

interface HistoryProps {
  kind: Kind;
  id: string;
  name: string;
  query: { isPending: boolean; error: unknown; refetch: () => Promise<unknown> };
  revisions: readonly Revision[] | undefined;
}

/** The revisions of one thing: any two compared, and any old one put back. */
function History({ kind, id, name, query, revisions }: HistoryProps) {
  const search = useSearch({ strict: false }) as { from?: string; to?: string; back?: string };
  const navigate = useNavigate();
  const place = PLACES[kind];
  useTitle(`History of ${name}`, place.crumb);
  const all = (revisions ?? []).toSorted((a, b) => b.number - a.number);
  const present = all[0];
  const find = (text: string | undefined): Revision | undefined => all.find(({ number }) => String(number) === text);
  const back = find(search.back);
  const isBack = back !== undefined && back !== present;
  const to = isBack ? back : (find(search.to) ?? present);
  const from = isBack ? present : (find(search.from) ?? all[all.findIndex((each) => each === to) + 1]);
  const show = (wanted: { from?: number | undefined; to?: number; back?: number }): void => {
    const texts = Object.entries(wanted).filter(([, value]) => value !== undefined);
    void navigate({
      to: place.history,
      params: { id },
      search: Object.fromEntries(texts.map(([key, value]) => [key, String(value)])),
      replace: true,
    });
  };
  return (
    <main className="page">
      <div className="head">
        <div>
          <span className="crumb">
            <Link to={place.list}>{place.crumb}</Link>
          </span>
          <h1 className={kind === 'services' ? 'title mono' : 'title'}>
            <Plain text={name} />
          </h1>
          {present !== undefined && <p className="facts">{count(all.length, 'revision')}</p>}
        </div>
      </div>
      <Views kind={kind} id={id} here="history" />
      {present === undefined ? (
        query.isPending ? (
          <Waiting />
        ) : (
          <Failed error={query.error} what="history" retry={() => void query.refetch()} />
        )
      ) : (
        <div className="hist">
          <section className="revs" aria-label="Revisions">
            <div className="revhead" aria-hidden="true">
              <span>from</span>
              <span>to</span>
            </div>
            <ol>
              {all.map((each, at) => (
                <li key={each.number} className={each === to ? 'rev to' : each === from ? 'rev from' : 'rev'}>
                  <span className="pick">
                    {(['from', 'to'] as const).map((side) => (
                      <input
                        key={side}
                        type="radio"
                        name={side}
                        aria-label={`Compare ${side} revision ${each.number}`}
                        checked={each === (side === 'from' ? from : to)}
                        onChange={() =>
                          show({ from: from?.number, to: to?.number ?? each.number, [side]: each.number })
                        }
                      />
                    ))}
                  </span>
                  <span className="n">{each.number}</span>
                  <span className="what">
                    <button
                      type="button"
                      className="link"
                      onClick={() => show({ from: all[at + 1]?.number, to: each.number })}
                    >
                      <Plain text={summaryOf(each, all.slice(at + 1), kind)} />
                    </button>
                    <br />
                    <span className="quiet">
                      <When date={each.date} />, <By name={each.by} />
                    </span>
                  </span>
                </li>
              ))}
            </ol>
          </section>
          <div className="stack2">
            {isBack && (
              <PutBack
                key={back.number}
                kind={kind}
                id={id}
                back={back.number}
                present={present.number}
                onDone={() => show({})}
                onCancel={() => show({ from: back.number, to: present.number })}
                onOutdated={() => void query.refetch()}
              />
            )}
            {from === undefined || to === undefined ? (
              <Says title={all.length === 1 ? 'It has never changed' : 'This is the oldest revision'} />
            ) : (
              <>
                {!isBack && [from, to].some((each) => each !== present) && (
                  <p className="line">
                    {[from, to]
                      .filter((each, at, pair) => each !== present && pair.indexOf(each) === at)
                      .map((each) => (
                        <button
                          key={each.number}
                          className="btn"
                          type="button"
                          onClick={() => show({ back: each.number })}
                        >
                          Put revision {each.number} back…
                        </button>
                      ))}
                  </p>
                )}
                <DiffTable
                  kind={kind}
                  id={id}
                  from={from}
                  to={to}
                  notes={
                    isBack
                      ? [', now', ', as it would be']
                      : [from === present ? ', now' : '', to === present ? ', now' : '']
                  }
                />
              </>
            )}
          </div>
        </div>
      )}
    </main>
  );
}
