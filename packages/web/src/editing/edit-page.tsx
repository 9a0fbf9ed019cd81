import type { CredentialBody } from '@confidant/contract';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useBlocker, useNavigate, useParams } from '@tanstack/react-router';
import { useCallback, useEffect, useRef, useState } from 'react';
import { configQuery, credentialQuery, personQuery } from '../api/queries.js';
import { Icon } from '../parts/icon.js';
import { Plain } from '../parts/marks.js';
import { Failed, Says, Waiting } from '../parts/says.js';
import { useTitle } from '../parts/title.js';
import { toast } from '../parts/toast.js';
import { count } from '../parts/when.js';
import { useSessionEnded } from '../session.js';
import { useCollisions } from '../mapping/collisions.js';
import { join, type Joined } from './conflict.js';
import { countsOf, type Draft, draftOf, faultOf, type PairRow, stateOf, updateOf, withPairs } from './draft.js';
import { Fields } from './fields.js';
import { PairRows } from './pair-rows.js';
import { Paste } from './paste.js';
import { published, save, type Saved } from './save.js';
import { dropDraft, goneKeys, keepDraft, keptDraft } from './stored-draft.js';
import { SaveBar } from './save-bar.js';

/** Editing one credential in place: nothing is stored until it is saved, as one revision. */
export function EditPage() {
  const { id } = useParams({ from: '/credentials/$id/edit' });
  const credential = useQuery({ ...credentialQuery(id), refetchOnWindowFocus: false });
  useTitle(`Edit ${credential.data?.name ?? 'credential'}`, 'Credentials');
  const person = useQuery(personQuery);
  if (credential.data !== undefined && !person.isPending) {
    return <Editor key={id} credential={credential.data} author={person.data?.email} />;
  }
  return (
    <main className="page">
      <h1 className="sr">Edit a credential</h1>
      {credential.isPending || person.isPending ? (
        <Waiting />
      ) : (
        <Failed error={credential.error} what="credential" retry={() => void credential.refetch()} />
      )}
    </main>
  );
}

function Editor({ credential, author: email }: { credential: CredentialBody; author: string | undefined }) {
  const { id } = credential;
  const queries = useQueryClient();
  const navigate = useNavigate();
  const { data: config } = useQuery(configQuery);
  // A draft belongs to the person who began it, whoever logs in later.
  const [author] = useState(email);
  const [draft, setDraft] = useState(
    () => (author === undefined ? undefined : keptDraft(author, id)) ?? draftOf(credential),
  );
  const [pasted, setPasted] = useState<string>();
  const [isSaving, setSaving] = useState(false);
  const [problem, setProblem] = useState<Exclude<Saved, { kind: 'saved' }>>();
  const [joined, setJoined] = useState<Joined>();
  const { services, collisions } = useCollisions(id);
  const done = useRef(false);

  const update = updateOf(draft);
  const counts = countsOf(draft);
  const faults = draft.pairs.filter(
    (row) => faultOf(row, draft) !== undefined || (stateOf(row) === 'added' && collisions.has(row.key)),
  ).length;
  const isLast = draft.pairs.every((row) => row.isRemoved || (!row.isStored && row.key === ''));
  const inMaintenance = config?.generated.maintenance_mode === true;
  const mayUpdate = draft.base.permissions['update'] !== false;
  const canSave =
    update !== undefined && faults === 0 && !isLast && draft.name.trim() !== '' && !isSaving && !inMaintenance;
  const change = (part: Partial<Draft>): void => setDraft((before) => ({ ...before, ...part }));
  const changeRow = (row: number, part: Partial<PairRow>): void =>
    setDraft((before) => ({
      ...before,
      pairs: before.pairs.map((each) =>
        each.id === row ? { ...each, ...(part.value !== undefined && { isGone: false }), ...part } : each,
      ),
    }));
  const addRow = (): void =>
    setDraft((before) => ({
      ...before,
      pairs: [
        ...before.pairs,
        { id: before.nextId, key: '', isStored: false, isRemoved: false, value: '', type: 'text' },
      ],
      nextId: before.nextId + 1,
    }));

  const leave = useCallback((): void => {
    done.current = true;
    void navigate({ to: '/credentials/$id', params: { id }, replace: true });
  }, [navigate, id]);
  const store = useCallback(async (): Promise<void> => {
    if (!canSave || done.current) return;
    setSaving(true);
    setProblem(undefined);
    try {
      const outcome = await save(queries, author, draft.base, update);
      if (outcome.kind === 'saved') {
        published(queries, outcome.credential);
        const who =
          services.length === 0
            ? ''
            : ` ${count(services.length, 'service')} get${services.length === 1 ? 's' : ''} it at the next fetch.`;
        toast(`Saved as revision ${outcome.credential.revision}.${who}`);
        leave();
        return;
      }
      if (outcome.kind === 'conflict') {
        const together = await join(draft).catch(() => undefined);
        if (together !== undefined) {
          setDraft(together.draft);
          setJoined(together);
          return;
        }
      }
      setProblem(outcome);
    } finally {
      setSaving(false);
    }
  }, [canSave, queries, author, draft, update, services.length, leave]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== 's' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      if (!event.repeat) void store();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [store]);
  const hasEnded = useSessionEnded();
  useEffect(() => {
    if (!hasEnded) setProblem((now) => (now?.kind === 'refused' && now.error.status === 401 ? undefined : now));
  }, [hasEnded]);
  const isDirty = update !== undefined;
  const gone = goneKeys(draft);
  useEffect(() => {
    if (author === undefined) return;
    if (isDirty) keepDraft(author, draft);
    else dropDraft(author, id);
  }, [author, isDirty, draft, id]);
  // Leaving the page, saving and logging out end the draft; loading the tab again does not come here.
  useEffect(() => () => (author === undefined ? undefined : dropDraft(author, id)), [author, id]);
  useBlocker({
    shouldBlockFn: () => isDirty && !done.current && !confirm('Leave this page? What you changed here is not saved.'),
    enableBeforeUnload: () => isDirty && !done.current,
  });

  return (
    <div className="with-savebar">
      <main className="page">
        <div className={pasted === undefined ? '' : 'split wide'}>
          <div className="left">
            <div className="head">
              <div>
                <span className="crumb">
                  <Link to="/credentials">Credentials</Link>
                </span>
                <h1 className="title">
                  <Plain text={draft.base.name} />
                </h1>
                <p className="facts">
                  Editing from revision {draft.base.revision}. Nothing is stored until you save. Values that you do not
                  change are never read.
                </p>
              </div>
            </div>
            {!mayUpdate && (
              <Says title="You may not change this credential">
                Ask whoever keeps the access policy of this server.
              </Says>
            )}
            {gone.length > 0 && (
              <p className="note" role="status">
                What you typed for {gone.join(', ')} is gone: values are kept in memory only. Type it again, or undo.
              </p>
            )}
            {joined !== undefined && <JoinedBand joined={joined} />}
            <section className="edit">
              <div className="sub">
                <h2>Values</h2>
                <span className="quiet">{count(draft.pairs.filter((row) => !row.isRemoved).length, 'key')}</span>
                <span className="right">
                  <button className="btn plain" type="button" onClick={() => setPasted('')}>
                    <Icon name="paste" />
                    Paste many
                  </button>
                  <button className="btn plain" type="button" onClick={addRow}>
                    <Icon name="plus" />
                    Add a key
                  </button>
                </span>
              </div>
              <PairRows
                draft={draft}
                collisions={collisions}
                onChange={changeRow}
                onDrop={(row) => change({ pairs: draft.pairs.filter((each) => each.id !== row) })}
                onPasteMany={setPasted}
              />
            </section>
            <Fields
              draft={draft}
              isNameTaken={problem?.kind === 'refused' && problem.error.code === 'name_taken'}
              onChange={change}
            />
          </div>
          {pasted !== undefined && (
            <Paste
              keys={draft.pairs.filter((row) => row.isStored).map(({ key }) => key)}
              text={pasted}
              onUse={(pairs, replaceAll) => {
                setDraft(withPairs(draft, pairs, replaceAll));
                setPasted(undefined);
              }}
              onClose={() => setPasted(undefined)}
            />
          )}
        </div>
      </main>
      <SaveBar
        counts={counts}
        revision={draft.base.revision + 1}
        services={services}
        removed={draft.pairs.filter((row) => row.isRemoved).map(({ key }) => key)}
        faults={faults}
        isLast={isLast}
        problem={problem}
        canSave={canSave && mayUpdate}
        isSaving={isSaving}
        inMaintenance={inMaintenance}
        onSave={() => void store()}
        onDiscard={leave}
      />
    </div>
  );
}

/** What somebody else saved while this was edited. */
function JoinedBand({ joined: { draft, both, theirs } }: { joined: Joined }) {
  return (
    <div className={both.length > 0 ? 'band warn' : 'band info'} role="alert">
      <span>
        <b className="strong">Somebody else saved revision {draft.base.revision}.</b>{' '}
        {both.length > 0
          ? `You both changed ${both.join(', ')}: saving replaces their change by yours. Undo yours to keep theirs.`
          : 'Both are kept: look at it, and save again.'}
        {theirs.length > 0 && ` Only they changed ${theirs.join(', ')}.`}
      </span>
    </div>
  );
}
