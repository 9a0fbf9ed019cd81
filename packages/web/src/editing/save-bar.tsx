import { FieldError } from '../parts/says.js';
import { describeRefusal } from '../parts/used-by.js';
import { count } from '../parts/when.js';
import type { Saved } from './save.js';

interface SaveBarProps {
  counts: { changed: number; added: number; removed: number };
  /** The number of the revision that saving makes. */
  revision: number;
  services: readonly string[];
  /** Keys that are removed, which services lose. */
  removed: readonly string[];
  faults: number;
  /** Whether no key is left. */
  isLast: boolean;
  problem: Exclude<Saved, { kind: 'saved' }> | undefined;
  canSave: boolean;
  isSaving: boolean;
  inMaintenance: boolean;
  onSave: () => void;
  onDiscard: () => void;
}

/** What a draft changes, who gets it, and the way to save or discard it. */
export function SaveBar(props: SaveBarProps) {
  const { counts, revision, services, removed, faults, isLast, problem, canSave, isSaving, inMaintenance } = props;
  const isLost = removed.length > 0 && services.length > 0;
  const isEmpty = counts.changed + counts.added + counts.removed === 0;
  return (
    <div className="savebar" role="region" aria-label="Draft">
      <span className="counts">
        {counts.changed > 0 && <span className="changed">{counts.changed} changed</span>}
        {counts.added > 0 && <span className="added">{counts.added} added</span>}
        {counts.removed > 0 && <span className="removed">{counts.removed} removed</span>}
      </span>
      {problem !== undefined ? (
        <FieldError>{describe(problem)}</FieldError>
      ) : (
        <span className="soft">
          {inMaintenance
            ? 'Nothing can be saved during maintenance.'
            : isLast
              ? 'A credential has at least one key.'
              : faults > 0
                ? `${count(faults, 'key')} cannot be saved like this.`
                : isEmpty
                  ? 'Nothing is changed yet.'
                  : isLost
                    ? `${services.slice(0, 3).join(', ')}${services.length > 3 ? ` and ${services.length - 3} more` : ''} will no longer get ${removed.join(', ')}.`
                    : `${count(services.length, 'service')} get${services.length === 1 ? 's' : ''} this.`}
        </span>
      )}
      <span className="right">
        <button className="btn" type="button" onClick={props.onDiscard}>
          {isEmpty ? 'Cancel' : 'Discard'}
        </button>
        <button className="btn ink" type="button" disabled={!canSave} onClick={props.onSave}>
          {isSaving ? 'Saving…' : `Save revision ${revision}`}
          <kbd>Ctrl S</kbd>
        </button>
      </span>
    </div>
  );
}

function describe(problem: Exclude<Saved, { kind: 'saved' }>): string {
  if (problem.kind === 'unknown') {
    return 'No answer came, so nobody knows yet whether it was saved. Save again: it is not stored twice.';
  }
  if (problem.kind === 'conflict')
    return 'Somebody else saved a revision meanwhile, and it could not be read. Save again.';
  if (problem.kind === 'other person') {
    return `You are now ${problem.now}, and this draft is of ${problem.author}. Nothing was sent: log in as ${problem.author}, or discard it.`;
  }
  const { error } = problem;
  if (error.code === 'name_taken') return 'Another credential has this name.';
  if (error.code === 'not_authorized') return 'You may not change this credential any more. Your draft stays here.';
  if (error.status === 404 || error.code === 'wrong_kind') {
    return 'There is no such credential any more: it may have been archived. Your draft stays here.';
  }
  if (error.status === 413) return 'Larger than the server takes: about 400 kB for all pairs.';
  if (error.status === 0 || error.status >= 500) return 'The server failed, and nothing was saved. Save again.';
  if (error.status === 401) return 'Your session has ended. Log in again in the other window; your draft stays here.';
  return describeRefusal(error);
}
