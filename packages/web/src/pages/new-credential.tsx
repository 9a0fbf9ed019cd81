import type { CredentialBody } from '@confidant/contract';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useBlocker, useNavigate } from '@tanstack/react-router';
import { type SyntheticEvent, useRef, useState } from 'react';
import { type ApiError, asApiError } from '../api/errors.js';
import { addToService } from '../api/map.js';
import { configQuery } from '../api/queries.js';
import { request } from '../api/request.js';
import { type NewValue, valueOf } from '../editing/draft.js';
import { Paste } from '../editing/paste.js';
import { asShown, pasteInto, withEdit } from '../editing/typed-text.js';
import { Icon } from '../parts/icon.js';
import { FieldError, Says } from '../parts/says.js';
import { useTitle } from '../parts/title.js';
import { toast } from '../parts/toast.js';
import { describeRefusal, ServicePicker } from '../parts/used-by.js';
import { generateValue } from '../values/generate.js';

interface Line extends NewValue {
  id: number;
  key: string;
}

/** One form that stores a credential and maps it to services. */
export function NewCredentialPage() {
  useTitle('New credential', 'Credentials');
  const { data: config } = useQuery(configQuery);
  const navigate = useNavigate();
  const queries = useQueryClient();
  const nextId = useRef(1);
  const [name, setName] = useState('');
  const [lines, setLines] = useState<readonly Line[]>([{ id: 0, key: '', value: '', type: 'text' }]);
  const [pasted, setPasted] = useState<string>();
  const [tags, setTags] = useState('');
  const [documentation, setDocumentation] = useState('');
  const [services, setServices] = useState<readonly string[]>([]);
  const [isPicking, setPicking] = useState(false);
  const [isSaving, setSaving] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const [unmapped, setUnmapped] = useState<{ id: string; failures: { service: string; problem: string }[] }>();
  const saved = useRef(false);

  const isDirty = name !== '' || lines.some(({ key, value }) => key !== '' || value !== '');
  useBlocker({
    shouldBlockFn: () => isDirty && !saved.current && !confirm('Leave this page? What you typed here is lost.'),
    enableBeforeUnload: () => isDirty && !saved.current,
  });

  if (config !== undefined && !config.generated.permissions.credentials.create) {
    return (
      <main className="page">
        <h1 className="title">New credential</h1>
        <Says title="You may not create credentials">Ask whoever keeps the access policy of this server.</Says>
      </main>
    );
  }
  if (unmapped !== undefined) {
    return (
      <main className="page">
        <h1 className="title">{name}</h1>
        <Says
          title={`Stored, but not mapped to ${unmapped.failures.map((each) => each.service).join(', ')}`}
          actions={
            <Link className="btn ink" to="/credentials/$id" params={{ id: unmapped.id }}>
              Open the credential
            </Link>
          }
        >
          {unmapped.failures.map((each) => `${each.service}: ${each.problem}`).join(' ')}
        </Says>
      </main>
    );
  }

  const used = lines.filter(({ key, value }) => key !== '' || value !== '');
  const keyFaults = new Map(lines.map((line) => [line.id, faultOf(line, used)]));
  const inMaintenance = config?.generated.maintenance_mode === true;
  const canSave =
    name.trim() !== '' &&
    used.length > 0 &&
    [...keyFaults.values()].every((fault) => fault === undefined) &&
    !isSaving &&
    !inMaintenance;
  const change = (id: number, part: Partial<Line>): void =>
    setLines(lines.map((line) => (line.id === id ? { ...line, ...part } : line)));

  const use = (pairs: ReadonlyMap<string, NewValue>, replaceAll: boolean): void => {
    const kept = replaceAll ? [] : used.filter(({ key }) => !pairs.has(key));
    const added = [...pairs].map(([key, value]) => ({ id: nextId.current++, key, ...value }));
    setLines([...kept, ...added]);
    setPasted(undefined);
  };

  const save = async (event: SyntheticEvent): Promise<void> => {
    event.preventDefault();
    if (!canSave || saved.current) return;
    saved.current = true;
    setSaving(true);
    setFailure(undefined);
    try {
      const { id } = await request<CredentialBody>('/v1/credentials', {
        method: 'POST',
        body: {
          name: name.trim(),
          // A null prototype: `__proto__` is an ordinary key.
          credential_pairs: Object.assign(
            Object.create(null),
            Object.fromEntries(used.map((line) => [storedKey(line.key), valueOf(line) ?? null])),
          ) as object,
          tags: tags
            .split(/[\s,]+/)
            .map((tag) => tag.replace(/^#/, ''))
            .filter(Boolean),
          ...(documentation.trim() !== '' && { documentation }),
        },
      });
      const failures: { service: string; problem: string }[] = [];
      for (const each of services) {
        await addToService(each, 'credentials', id).catch((error: unknown) => {
          failures.push({ service: each, problem: describeRefusal(error) });
        });
      }
      void queries.invalidateQueries({ queryKey: ['credentials'] });
      void queries.invalidateQueries({ queryKey: ['services'] });
      queries.removeQueries({ queryKey: ['service'] });
      if (failures.length > 0) {
        setUnmapped({ id, failures });
        return;
      }
      toast(
        services.length === 0 ? 'Saved as revision 1.' : `Saved as revision 1, and mapped to ${services.join(', ')}.`,
      );
      await navigate({ to: '/credentials/$id', params: { id }, replace: true });
    } catch (error) {
      saved.current = false;
      setFailure(error);
    } finally {
      setSaving(false);
    }
  };

  const error = failure === undefined ? undefined : asApiError(failure);
  return (
    <main className="page">
      <div className={pasted === undefined ? '' : 'split wide'}>
        <div className="left">
          <span className="crumb">
            <Link to="/credentials">Credentials</Link>
          </span>
          <h1 className="title">New credential</h1>
          <form className="form" autoComplete="off" onSubmit={(event) => void save(event)}>
            <div>
              <label className="label" htmlFor="name">
                Name
              </label>
              <input
                id="name"
                className={error?.code === 'name_taken' ? 'field bad' : 'field'}
                autoFocus
                value={name}
                maxLength={1024}
                data-1p-ignore=""
                data-lpignore="true"
                placeholder="Orders database"
                onChange={(event) => setName(event.target.value)}
                {...(error?.code === 'name_taken' && { 'aria-describedby': 'name-error', 'aria-invalid': true })}
              />
              {error?.code === 'name_taken' && (
                <FieldError id="name-error">Another credential has this name.</FieldError>
              )}
            </div>
            <fieldset className="bare" translate="no">
              <legend className="label">Keys and values</legend>
              {lines.map((line) => (
                <Pair
                  key={line.id}
                  line={line}
                  fault={keyFaults.get(line.id)}
                  isOnly={lines.length === 1}
                  onChange={(part) => change(line.id, part)}
                  onRemove={() => setLines(lines.filter(({ id }) => id !== line.id))}
                  onPasteMany={setPasted}
                />
              ))}
              <p>
                <button
                  className="btn plain hang"
                  type="button"
                  onClick={() => {
                    setLines([...lines, { id: nextId.current, key: '', value: '', type: 'text' }]);
                    nextId.current += 1;
                  }}
                >
                  <Icon name="plus" />
                  Add a key
                </button>
                <button className="btn plain" type="button" onClick={() => setPasted('')}>
                  <Icon name="paste" />
                  Paste many
                </button>
              </p>
              <span className="hint">Keys are stored in lower case. Values are stored exactly as you type them.</span>
            </fieldset>
            <div>
              <label className="label" htmlFor="tags">
                Tags
              </label>
              <input
                id="tags"
                className="field"
                value={tags}
                placeholder="production pci"
                onChange={(event) => setTags(event.target.value)}
              />
            </div>
            <div>
              <label className="label" htmlFor="documentation">
                Documentation
              </label>
              <textarea
                id="documentation"
                className="field"
                rows={3}
                value={documentation}
                placeholder="What it is for, and how to change it"
                onChange={(event) => setDocumentation(event.target.value)}
              />
            </div>
            <div className="anchor">
              <span className="label">Map to services</span>
              {services.map((each) => (
                <span className="term" key={each}>
                  {each}
                  <button
                    type="button"
                    aria-label={`Do not map to ${each}`}
                    onClick={() => setServices(services.filter((one) => one !== each))}
                  >
                    <Icon name="cross" />
                  </button>
                </span>
              ))}
              <button className="btn plain hang" type="button" onClick={() => setPicking(true)}>
                <Icon name="plus" />
                Choose a service
              </button>
              {isPicking && (
                <ServicePicker
                  has={new Set(services)}
                  onChoose={(each) => {
                    setServices([...services, each]);
                    setPicking(false);
                  }}
                  onClose={() => setPicking(false)}
                />
              )}
            </div>
            {error !== undefined && error.code !== 'name_taken' && <FieldError>{problemOf(error)}</FieldError>}
            <div className="row-end">
              <button className="btn ink" type="submit" disabled={!canSave}>
                {isSaving ? 'Saving…' : 'Store the credential'}
              </button>
              <Link className="btn" to="/credentials">
                Cancel
              </Link>
              {inMaintenance && <span className="soft">Nothing can be saved during maintenance.</span>}
            </div>
          </form>
        </div>
        {pasted !== undefined && (
          <Paste
            key={pasted}
            keys={used.map(({ key }) => key)}
            text={pasted}
            onUse={use}
            onClose={() => setPasted(undefined)}
          />
        )}
      </div>
    </main>
  );
}

interface PairProps {
  line: Line;
  fault: string | undefined;
  isOnly: boolean;
  onChange: (part: Partial<Line>) => void;
  onRemove: () => void;
  /** Several lines, or `KEY=value`, were pasted in the place of a key. */
  onPasteMany: (text: string) => void;
}

function Pair({ line, fault, isOnly, onChange, onRemove, onPasteMany }: PairProps) {
  const errorId = `key-error-${line.id}`;
  return (
    <div className="pairline masked">
      <div>
        <input
          className={fault === undefined ? 'field' : 'field bad'}
          aria-label="Key"
          value={line.key}
          placeholder="db_password"
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          data-1p-ignore=""
          data-lpignore="true"
          // Shown as it will be stored.
          onChange={(event) => onChange({ key: storedKey(event.target.value) })}
          onPaste={(event) => {
            const text = event.clipboardData.getData('text/plain');
            if (!/[\r\n=]/.test(text)) return;
            event.preventDefault();
            onPasteMany(text);
          }}
          {...(fault !== undefined && { 'aria-describedby': errorId, 'aria-invalid': true })}
        />
        {fault !== undefined && <FieldError id={errorId}>{fault}</FieldError>}
      </div>
      <textarea
        className="field"
        rows={1}
        aria-label={line.key === '' ? 'Value' : `Value of ${line.key}`}
        value={asShown(line.value)}
        autoComplete="off"
        autoCapitalize="off"
        autoCorrect="off"
        spellCheck={false}
        data-1p-ignore=""
        data-lpignore="true"
        onChange={(event) => onChange({ value: withEdit(line.value, event.target.value), type: 'text' })}
        onPaste={(event) => pasteInto(event, line.value, (value) => onChange({ value, type: 'text' }))}
      />
      <div className="row-end">
        {line.type !== 'text' && <span className="type">{line.type}</span>}
        <button
          className="btn plain"
          type="button"
          aria-label={`Generate a value${line.key === '' ? '' : ` for ${line.key}`}`}
          onClick={() => onChange({ value: generateValue(), type: 'text' })}
        >
          <Icon name="dice" />
        </button>
        {!isOnly && (
          <button
            className="btn plain"
            type="button"
            aria-label={`Remove ${line.key === '' ? 'this line' : line.key}`}
            onClick={onRemove}
          >
            <Icon name="trash" />
          </button>
        )}
      </div>
    </div>
  );
}

/** The server folds ASCII and other letters alike. */
function storedKey(key: string): string {
  return key.toLowerCase();
}

function faultOf(line: Line, used: readonly Line[]): string | undefined {
  if (line.key === '') return line.value === '' ? undefined : 'Name the key of this value.';
  if (used.some((other) => other.id !== line.id && other.key === line.key)) return 'This key is entered twice.';
  return undefined;
}

function problemOf(error: ApiError): string {
  if (error.status === 413) return 'Larger than the server takes: about 400 kB for all pairs.';
  if (error.status === 0)
    return 'No answer came, so nobody knows yet whether it was stored: look in the list before you store it again.';
  return describeRefusal(error);
}
