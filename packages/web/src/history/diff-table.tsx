import type { DiffBody } from '@confidant/contract';
import { useQuery } from '@tanstack/react-query';
import { blindQuery, credentialQuery, diffQuery } from '../api/queries.js';
import { Bar, Plain } from '../parts/marks.js';
import { Failed, Waiting } from '../parts/says.js';
import { By, When } from '../parts/when.js';
import { fieldDifferences, type Kind, type Revision } from './revisions.js';

interface DiffTableProps {
  kind: Kind;
  id: string;
  from: Revision;
  to: Revision;
  /** What stands in the heads besides the numbers. */
  notes: readonly [string, string];
}

/** What differs between two revisions. The server tells which keys changed; values are never asked for. */
export function DiffTable({ kind, id, from, to, notes }: DiffTableProps) {
  const [low, high] = [Math.min(from.number, to.number), Math.max(from.number, to.number)];
  const hasDiff = kind !== 'blind_credentials';
  const diff = useQuery({ ...diffQuery(kind, id, low, high), enabled: hasDiff && low !== high });
  if (hasDiff && low !== high && diff.data === undefined) {
    return diff.isError ? (
      <Failed error={diff.error} what="comparison" retry={() => void diff.refetch()} />
    ) : (
      <Waiting />
    );
  }
  const isBack = from.number > to.number;
  const fields = fieldDifferences(from, to);
  const pairs = sidesOf(diff.data, 'credential_pairs', isBack);
  const mapped = {
    credentials: sidesOf(diff.data, 'credentials', isBack),
    blind_credentials: sidesOf(diff.data, 'blind_credentials', isBack),
  };
  const hasNewCiphertext = kind === 'blind_credentials' && from.values !== to.values;
  const hasMapped = mapped.credentials.all.length + mapped.blind_credentials.all.length > 0;
  const isSame = fields.length === 0 && pairs.all.length === 0 && !hasNewCiphertext && !hasMapped;
  return (
    <>
      <table className="diff">
        <thead>
          <tr>
            <th>
              <span className="sr">What</span>
            </th>
            <Head revision={from} note={notes[0]} />
            <Head revision={to} note={notes[1]} />
          </tr>
        </thead>
        <tbody>
          {(pairs.all.length > 0 || hasNewCiphertext) && <Group name="Values" />}
          {hasNewCiphertext && <Line state="chg" label="ciphertext" old={<Bar />} now={<Bar />} word="other" />}
          {pairs.all.map((key) => {
            const state = pairs.stateOf(key);
            return (
              <Line
                key={key}
                state={state}
                label={key}
                old={state === 'add' ? undefined : <Bar />}
                now={state === 'del' ? undefined : <Bar />}
                word={state === 'chg' ? 'other value' : undefined}
              />
            );
          })}
          {hasMapped && <Group name="What it gets" />}
          {(['credentials', 'blind_credentials'] as const).flatMap((of) =>
            mapped[of].all.map((each) => {
              const state = mapped[of].stateOf(each);
              const name = <NameOf kind={of} id={each} />;
              return (
                <Line
                  key={each}
                  state={state}
                  label={of === 'credentials' ? 'credential' : 'blind credential'}
                  old={state === 'add' ? undefined : name}
                  now={state === 'del' ? undefined : name}
                />
              );
            }),
          )}
          {fields.length > 0 && <Group name="About it" />}
          {fields.map(({ field, old, now }) => (
            <Line
              key={field}
              state={old === undefined ? 'add' : now === undefined ? 'del' : 'chg'}
              label={field}
              old={old === undefined ? undefined : <Plain text={old} />}
              now={now === undefined ? undefined : <Plain text={now} />}
            />
          ))}
          {isSame && (
            <tr className="fold">
              <td colSpan={3}>Nothing that is shown here differs.</td>
            </tr>
          )}
        </tbody>
      </table>
      {kind === 'credentials' && (
        <p className="note">Old values are not shown, only that they differ. To use them, put the revision back.</p>
      )}
    </>
  );
}

type State = 'add' | 'del' | 'chg';

interface Sides {
  all: readonly string[];
  stateOf: (key: string) => State;
}

function sidesOf(diff: DiffBody | undefined, field: string, isBack: boolean): Sides {
  const side = (name: 'added' | 'removed'): string[] => {
    const keys = diff?.[field]?.[name];
    return Array.isArray(keys) ? keys : [];
  };
  const added = new Set(side(isBack ? 'removed' : 'added'));
  const removed = new Set(side(isBack ? 'added' : 'removed'));
  return {
    all: [...new Set([...added, ...removed])].toSorted(),
    stateOf: (key) => (added.has(key) && removed.has(key) ? 'chg' : added.has(key) ? 'add' : 'del'),
  };
}

function Head({ revision, note }: { revision: Revision; note: string }) {
  return (
    <th scope="col">
      <b>Revision {revision.number}</b>
      {note}
      <br />
      <When date={revision.date} />, <By name={revision.by} />
    </th>
  );
}

function Group({ name }: { name: string }) {
  return (
    <tr className="group">
      <td colSpan={3}>{name}</td>
    </tr>
  );
}

const SAID: Readonly<Record<State, string>> = { add: 'added', del: 'removed', chg: 'changed' };

interface LineProps {
  state: State;
  label: string;
  old: React.ReactNode;
  now: React.ReactNode;
  word?: string | undefined;
}

function Line({ state, label, old, now, word }: LineProps) {
  return (
    <tr className={state}>
      <td className="k" translate="no">
        <span className="sr">{SAID[state]}: </span>
        <Plain text={label} />
      </td>
      <td className={old === undefined ? 'o void' : 'o'}>{old ?? 'not there'}</td>
      <td className={now === undefined ? 'n void' : 'n'}>
        {now ?? 'gone'}
        {word !== undefined && <span className={`w ${state}`}>{word}</span>}
      </td>
    </tr>
  );
}

/** The name of a credential that a service gets or got; its id when it cannot be read. */
function NameOf({ kind, id }: { kind: 'credentials' | 'blind_credentials'; id: string }) {
  const ordinary = useQuery({ ...credentialQuery(id), enabled: kind === 'credentials' });
  // Reading a blind credential is recorded as a read of its ciphertext, so only what is known already is used.
  const blind = useQuery({ ...blindQuery(id), enabled: false });
  const name = (kind === 'credentials' ? ordinary.data : blind.data)?.name;
  return name === undefined ? <code>{id}</code> : <Plain text={name} />;
}
