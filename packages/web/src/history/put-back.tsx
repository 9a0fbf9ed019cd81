import type { DiffBody, ServiceBody } from '@confidant/contract';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { asApiError } from '../api/errors.js';
import { configQuery, credentialQuery, diffQuery } from '../api/queries.js';
import { request } from '../api/request.js';
import { useCollisions } from '../mapping/collisions.js';
import { FieldError } from '../parts/says.js';
import { toast } from '../parts/toast.js';
import { count } from '../parts/when.js';
import type { Kind } from './revisions.js';

interface PutBackProps {
  kind: Kind;
  id: string;
  /** The revision to put back, and the present one. */
  back: number;
  present: number;
  onDone: () => void;
  onCancel: () => void;
  /** Somebody saved another revision: everything is read again. */
  onOutdated: () => void;
}

/** What putting an old revision back would do, and the button that does it. */
export function PutBack({ kind, id, back, present, onDone, onCancel, onOutdated }: PutBackProps) {
  const queries = useQueryClient();
  const { data: config } = useQuery(configQuery);
  const [isSaving, setSaving] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const inMaintenance = config?.generated.maintenance_mode === true;
  const put = async (): Promise<void> => {
    setSaving(true);
    setFailure(undefined);
    try {
      const path = `/v1/${kind}/${encodeURIComponent(id)}/${back}`;
      const { revision } = await request<Pick<ServiceBody, 'revision'>>(path, {
        method: 'PUT',
        body: { expected_revision: present },
      });
      toast(`Revision ${back} is back, as revision ${revision}.`);
      await queries.invalidateQueries();
      onDone();
    } catch (error) {
      setFailure(error);
      if (asApiError(error).code === 'write_conflict') onOutdated();
    } finally {
      setSaving(false);
    }
  };
  return (
    <>
      <div className="band info" role="region" aria-label="Put back">
        <span>
          Putting <b className="strong">revision {back}</b> back writes it as{' '}
          <b className="strong">revision {present + 1}</b>.{' '}
          {kind === 'credentials' && <Touched id={id} back={back} present={present} />}
          {inMaintenance && 'Nothing can be saved during maintenance.'}
        </span>
        <span className="right">
          <button className="btn" type="button" onClick={onCancel}>
            Cancel
          </button>
          <button className="btn ink" type="button" disabled={isSaving || inMaintenance} onClick={() => void put()}>
            {isSaving ? 'Putting back…' : `Put revision ${back} back`}
          </button>
        </span>
      </div>
      {failure !== undefined && <FieldError>{describe(failure, kind)}</FieldError>}
    </>
  );
}

/** The services that would get the old values, and keys of then that collide now. */
function Touched({ id, back, present }: { id: string; back: number; present: number }) {
  const { services, collisions } = useCollisions(id);
  const { data: credential } = useQuery(credentialQuery(id));
  const { data: diff } = useQuery(diffQuery('credentials', id, Math.min(back, present), Math.max(back, present)));
  const returning = keysThatReturn(diff, credential?.credential_keys ?? []);
  const colliding = returning.filter((key) => collisions.has(key));
  return (
    <>
      {count(services.length, 'service')} get{services.length === 1 ? 's' : ''} it.{' '}
      {colliding.length > 0 && <b className="strong">{collisions.get(colliding[0]!)} </b>}
    </>
  );
}

/** Keys that the old revision has and the present one has not. */
function keysThatReturn(diff: DiffBody | undefined, now: readonly string[]): string[] {
  const removed = diff?.['credential_pairs']?.removed;
  return Array.isArray(removed) ? removed.filter((key) => !now.includes(key)) : [];
}

function describe(error: unknown, kind: Kind): string {
  const { status, code, message, conflicts } = asApiError(error);
  if (code === 'no_difference') return 'That is what it is now: nothing was written.';
  if (code === 'write_conflict')
    return 'Somebody else saved a revision meanwhile. Look at it, then put this one back again.';
  if (code === 'not_authorized') return 'You may not put revisions back here. Ask whoever keeps the access policy.';
  if (code === 'maintenance') return 'Nothing can be saved during maintenance.';
  if (code === 'key_conflict' || conflicts !== undefined) {
    const keys = Object.keys(conflicts ?? {}).join(', ') || 'a key of it';
    return `${keys} would collide with another credential${kind === 'services' ? ' of this service' : ''}.`;
  }
  if (status === 401) return 'Your session has ended.';
  if (status === 0) return 'No answer came, so nobody knows whether it was put back. Look at the revisions.';
  if (status >= 500) return 'The server failed. Look at the revisions before you try again.';
  return message;
}
