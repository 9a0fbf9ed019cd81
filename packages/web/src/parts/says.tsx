import { type ReactNode, useEffect, useState } from 'react';
import { asApiError } from '../api/errors.js';
import { Icon } from './icon.js';

/** What a page says when it cannot show what was asked for. */
export function Says({ title, children, actions }: { title: string; children?: ReactNode; actions?: ReactNode }) {
  return (
    <div className="says" role="status">
      <b>{title}</b>
      {children !== undefined && <p className="soft">{children}</p>}
      {actions !== undefined && <div className="line">{actions}</div>}
    </div>
  );
}

const SLOW_MS = 2_000;
const FRAME_MS = 150;

/** Rules where rows will be; after two seconds it says that it still waits. */
export function Waiting() {
  const [stage, setStage] = useState(0);
  useEffect(() => {
    const timers = [setTimeout(() => setStage(1), FRAME_MS), setTimeout(() => setStage(2), SLOW_MS)];
    return () => timers.forEach(clearTimeout);
  }, []);
  return (
    <div className="lines" aria-busy="true">
      <p className="note" role="status">
        {stage === 2 ? 'Still waiting for the server…' : ' '}
      </p>
      {stage > 0 && Array.from({ length: 6 }, (_, i) => <div key={i} />)}
    </div>
  );
}

/** Why a read failed, and what to do. */
export function Failed({ error, what, retry }: { error: unknown; what: string; retry: () => void }) {
  const { status, code, message, requestId } = asApiError(error);
  const again = (
    <button className="btn" type="button" onClick={retry}>
      Try again
    </button>
  );
  const request = requestId !== undefined && (
    <p className="note">
      Request <span className="req">{requestId}</span>
    </p>
  );
  if (status === 401) return <Says title={`${what} cannot be shown`}>Your session has ended.</Says>;
  if (code === 'not_authorized') {
    return <Says title={`You may not see ${what}`}>Ask whoever keeps the access policy of this server.</Says>;
  }
  if (status === 404) return <Says title={`No such ${what}`}>It may have been archived.</Says>;
  if (status === 0) return <Says title="The server does not answer" actions={again} />;
  if (status === 429 || status === 503) {
    return (
      <Says title="Not now" actions={again}>
        A service that Confidant depends on does not answer, or it is busy.
      </Says>
    );
  }
  return (
    <>
      <Says title={status >= 500 ? 'The server failed' : 'That did not work'} actions={again}>
        {status >= 500 ? undefined : message}
      </Says>
      {request}
    </>
  );
}

/** Under a field: what is wrong with it. */
export function FieldError({ id, children }: { id?: string; children: ReactNode }) {
  return (
    <p className="error" {...(id !== undefined && { id })}>
      <Icon name="warn" />
      <span>{children}</span>
    </p>
  );
}
