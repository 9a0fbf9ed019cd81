import type { CredentialBody } from '@confidant/contract';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useCallback, useState } from 'react';
import { asApiError } from '../api/errors.js';
import { credentialQuery, servicesOfQuery } from '../api/queries.js';
import { Command } from '../parts/command.js';
import { Documentation, Metadata } from '../parts/documentation.js';
import { Icon } from '../parts/icon.js';
import { Bar, Plain, Tags } from '../parts/marks.js';
import { Failed, FieldError, Says, Waiting } from '../parts/says.js';
import { useTitle } from '../parts/title.js';
import { toast } from '../parts/toast.js';
import { UsedBy } from '../parts/used-by.js';
import { Views } from '../parts/views.js';
import { By, count, daysUntil, When } from '../parts/when.js';
import { copyPending, sayCopied } from '../values/clipboard.js';
import { type OpenWindow, useOpenWindow } from '../values/open-window.js';
import { describeText, textOf, typeOf } from '../values/text.js';

/** One credential: its keys, its values while they are open, and who gets them. */
export function CredentialPage() {
  const { id } = useParams({ from: '/credentials/$id' });
  const credential = useQuery(credentialQuery(id));
  useTitle(credential.data?.name ?? 'Credential', 'Credentials');
  if (credential.isPending) {
    return (
      <main className="page">
        <Waiting />
      </main>
    );
  }
  if (credential.isError && credential.data === undefined) {
    return (
      <main className="page">
        <span className="crumb">
          <Link to="/credentials">Credentials</Link>
        </span>
        <h1 className="sr">Credential</h1>
        <Failed error={credential.error} what="credential" retry={() => void credential.refetch()} />
      </main>
    );
  }
  return <Credential key={id} credential={credential.data} />;
}

function Credential({ credential }: { credential: CredentialBody }) {
  const { id, name, enabled, revision, tags } = credential;
  return (
    <main className="page">
      <div className="head">
        <div>
          <span className="crumb">
            <Link to="/credentials">Credentials</Link>
          </span>
          <h1 className="title">
            <Plain text={name} />
          </h1>
          <p className="facts">
            {enabled ? 'Enabled' : 'Disabled'}
            <span className="dot">·</span>revision {revision}
            <span className="dot">·</span>changed <When date={credential.modified_date} /> by{' '}
            <By name={credential.modified_by} />
            {tags.length > 0 && (
              <>
                <span className="dot">·</span>
                <Tags tags={tags} />
              </>
            )}
          </p>
        </div>
        {credential.permissions['update'] !== false && (
          <div className="actions">
            <Link className="btn grow" to="/credentials/$id/edit" params={{ id }}>
              Edit
            </Link>
          </div>
        )}
      </div>
      <Views kind="credentials" id={id} here="now" />
      {!enabled && (
        <p className="note">
          Disabled is a mark for people. Services still get these values. To cut one off, take the credential out of it.
        </p>
      )}
      <div className="two">
        <div className="stack">
          <Values credential={credential} />
          <Documentation text={credential.documentation} />
          <Metadata metadata={credential.metadata} />
        </div>
        <div className="side">
          <UsedBy kind="credentials" id={id} name={name} />
          <Rotation credential={credential} />
          <WhoCanRead id={id} />
          <section>
            <h2>Command line</h2>
            <Command words={['confidant', 'get_credential', '--id', id]} />
          </section>
        </div>
      </div>
    </main>
  );
}

function Values({ credential }: { credential: CredentialBody }) {
  const { id, name, credential_keys: keys, permissions } = credential;
  const queries = useQueryClient();
  const [failure, setFailure] = useState<unknown>();
  const onRevision = useCallback(
    (revision: number) => {
      // The values are of another revision than the page: what stands beside them is read again.
      if (revision !== credential.revision) void queries.invalidateQueries({ queryKey: ['credential', id] });
    },
    [queries, id, credential.revision],
  );
  const values = useOpenWindow(id, onRevision);
  const mayRead = permissions['get'] !== false;
  const asked = (work: Promise<unknown>): void => {
    setFailure(undefined);
    work.catch(setFailure);
  };
  return (
    <section>
      <div className="sub">
        <h2 className="sr">Values</h2>
        <span className="quiet">{count(keys.length, 'key')}</span>
        {values.secondsLeft !== undefined && (
          <span className="right">
            <span className="window">
              {values.open.size === 0 ? 'Held' : 'Open'} for {values.secondsLeft} s{' '}
              <button type="button" onClick={values.keepOpen}>
                Keep 2 minutes
              </button>
              <button type="button" onClick={values.hideAll}>
                {values.open.size === 0 ? 'Forget' : 'Hide all'}
              </button>
            </span>
          </span>
        )}
      </div>
      {failure !== undefined && <ReadFailed error={failure} />}
      <div className="pairs" translate="no" key={values.generation}>
        {keys.map((key) => (
          <Pair key={key} name={name} pairKey={key} values={values} mayRead={mayRead} asked={asked} />
        ))}
      </div>
      <p className="note">
        {!mayRead
          ? 'You see the keys of this credential, not its values. Ask whoever keeps the access policy of this server.'
          : values.readAt === undefined
            ? 'Showing or copying a value is recorded.'
            : `Reading values is recorded: this was one read by you, at ${new Date(values.readAt).toTimeString().slice(0, 5)}.`}
      </p>
    </section>
  );
}

interface PairProps {
  name: string;
  pairKey: string;
  values: OpenWindow;
  mayRead: boolean;
  asked: (work: Promise<unknown>) => void;
}

function Pair({ name, pairKey, values, mayRead, asked }: PairProps) {
  const isOpen = values.open.has(pairKey);
  const value = isOpen ? values.valueOf(pairKey) : undefined;
  const copy = async (): Promise<void> => {
    const text = values.read().then((pairs) => {
      if (!Object.hasOwn(pairs, pairKey)) throw new Error(`The credential has no key ${pairKey} any more.`);
      return textOf(pairs[pairKey]!);
    });
    if (await copyPending(text)) return sayCopied(pairKey, name);
    // Either the read failed, which is said, or the browser refused the clipboard.
    await text;
    toast('This browser does not let the page copy. Press Reveal, select the value, and press Ctrl C.');
  };
  return (
    <div className={value === undefined ? 'pair' : 'pair is-open'}>
      <div className="key">
        <Plain text={pairKey} />
      </div>
      <div className="val">{value === undefined ? <Bar /> : <Shown text={textOf(value)} type={typeOf(value)} />}</div>
      {mayRead && (
        <div className="acts">
          <button
            className="btn plain"
            type="button"
            aria-pressed={value !== undefined}
            aria-label={`${value === undefined ? 'Reveal' : 'Hide'} ${pairKey}`}
            onClick={() => {
              if (value === undefined) asked(values.reveal(pairKey));
              else values.hide(pairKey);
            }}
          >
            <Icon name={value === undefined ? 'eye' : 'hide'} />
            <span>{value === undefined ? 'Reveal' : 'Hide'}</span>
          </button>
          <button className="btn plain" type="button" aria-label={`Copy ${pairKey}`} onClick={() => asked(copy())}>
            <Icon name="copy" />
            <span>Copy</span>
          </button>
        </div>
      )}
    </div>
  );
}

/** A value in the open. What cannot be seen in it is described. */
function Shown({ text, type }: { text: string; type: string | undefined }) {
  if (text === '') return <span className="open">empty text</span>;
  const isBlock = /[\r\n]/.test(text);
  const isOdd = /^\s|\s$|\t/.test(text);
  return (
    <>
      {isBlock ? (
        // A scrolled block must be within reach of the keyboard.
        <pre className="open" tabIndex={0}>
          {text}
        </pre>
      ) : (
        <span className="open pre">{text}</span>
      )}
      {type !== undefined && <span className="type"> {type}</span>}
      {(isBlock || isOdd) && (
        <p className="note">
          {isOdd && !isBlock ? `${describeText(text)}, with blanks at an end or a tab` : describeText(text)}
        </p>
      )}
    </>
  );
}

function ReadFailed({ error }: { error: unknown }) {
  const { status, message, requestId } = asApiError(error);
  if (status === 401) return null;
  if (status === 500) {
    return (
      <Says title="The values cannot be opened">
        The server has them, but could not open them. Services that have this credential get nothing at all until it is
        mended or taken out of them. {requestId !== undefined && <span className="req">Request {requestId}</span>}
      </Says>
    );
  }
  const text =
    status === 0 || status === 503 ? 'The server, or one that it depends on, does not answer. Try again.' : message;
  return <FieldError>{text}</FieldError>;
}

function Rotation({ credential }: { credential: CredentialBody }) {
  const { next_rotation_date: due, last_rotation_date: last } = credential;
  const days = due === null ? undefined : daysUntil(due, Date.now());
  const date = due?.slice(0, 10);
  return (
    <section>
      <h2>Rotation</h2>
      {days === undefined ? (
        <p>New values are never due.</p>
      ) : days < 0 ? (
        <p>
          <b className="late">Late by {count(-days, 'day')}</b>, since {date}.
        </p>
      ) : (
        <p>
          Due <b className="strong">in {count(days, 'day')}</b>, on {date}.
        </p>
      )}
      <p className="note">
        {last === null ? (
          'It is not known when the values last changed.'
        ) : (
          <>
            The values last changed <When date={last} />.
          </>
        )}
      </p>
    </section>
  );
}

function WhoCanRead({ id }: { id: string }) {
  const { data } = useQuery(servicesOfQuery('credentials', id));
  const services = data?.services.length ?? 0;
  return (
    <section>
      <h2>Who can read this</h2>
      <p>
        {services > 0 && `Whoever holds a token of ${services === 1 ? 'this service' : `these ${services} services`}; `}
        {services > 0 ? 'people' : 'People'} whom the policy of this server allows.
      </p>
      <p className="note">The server does not say which people those are.</p>
    </section>
  );
}
