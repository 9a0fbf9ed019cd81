import { isPlainObject } from '@confidant/contract/wire';
import type { Json, JsonObject, Scalar } from '@confidant/contract';
import { isDangerousVariable } from '../text/dangerous-variables.js';
import { isShellName, shellQuote, shownName, shownSource, variableName } from '../text/variables.js';

/** The input cannot be formatted. The message names keys and credentials, never a value. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
}

/** Called with a message about what is left out or overwritten. */
export type Warn = (message: string) => void;

interface FormatterCredential {
  id: Json;
  name: Json;
  revision: Json;
  metadata: JsonObject;
  isBlind: boolean;
  /** Undefined if a blind credential is not decrypted. */
  pairs: Record<string, Scalar> | undefined;
}

interface FormatterService {
  revision: Json;
  credentials: FormatterCredential[];
}

/** Parses the output of `get_service`; without a service there are no credentials. Throws {@link FormatError}. */
export function readService(input: Json): FormatterService {
  const { service, result, error } = asObject(input, 'the input');
  if (result === false) {
    const reason = typeof error === 'string' ? `: ${error.slice(0, 500)}` : '';
    throw new FormatError(`the input is the output of a get_service that failed${reason}`);
  }
  if (service === undefined || service === null) return { revision: null, credentials: [] };
  const { revision = null, ...fields } = asObject(service, 'service');
  const read = (field: string, pairsField: string, isBlind: boolean): FormatterCredential[] =>
    asList(fields[field] ?? [], field).map((item) => {
      const credential = asObject(item, field);
      const pairs = credential[pairsField];
      return {
        id: credential['id'] ?? null,
        name: credential['name'] ?? null,
        revision: credential['revision'] ?? null,
        metadata: asObject(credential['metadata'] ?? {}, 'metadata'),
        isBlind,
        pairs:
          pairs === undefined && isBlind ? undefined : (asObject(pairs ?? {}, pairsField) as Record<string, Scalar>),
      };
    });
  return {
    revision,
    credentials: [
      ...read('credentials', 'credential_pairs', false),
      ...read('blind_credentials', 'decrypted_credential_pairs', true),
    ],
  };
}

/**
 * Writes shell lines that set each variable unless it is already set. compat: the format, and the prefix: an empty
 * `env_var_prefix` means the default prefix for credentials, but no prefix for blind ones. Blind credentials that are
 * not decrypted are skipped. Names that are not valid for a shell, or that can make programs run other code, are
 * skipped with a warning, because whoever writes a credential chooses them. Throws {@link FormatError} for a value that
 * is not text (compat: as recorded for a number).
 */
export function envExport({ credentials }: FormatterService, defaultPrefix: string, warn: Warn): string {
  return credentials
    .flatMap(({ id, name: title, metadata, pairs, isBlind }) => {
      const own = metadata['env_var_prefix'];
      const prefix = typeof own === 'string' && (own !== '' || isBlind) ? own : defaultPrefix;
      return Object.entries(pairs ?? {}).map(([key, value]) => {
        const name = variableName(prefix, key);
        if (!isShellName(key) || !isShellName(name)) {
          const what = isShellName(key) ? `${shownName(name)}, with its prefix,` : `the key ${shownName(key)}`;
          warn(`${what} is not the name of a shell variable and is left out`);
          return '';
        }
        if (isDangerousVariable(name)) {
          warn(`${name} of ${shownText(title, id)} decides what code programs load and is left out`);
          return '';
        }
        const what = `the value of ${shownName(key)} of ${shownText(title, id)}`;
        if (typeof value !== 'string')
          throw new FormatError(`${what} is not text: use confidant env --output shell to print it`);
        if (value.includes('\0')) throw new FormatError(`${what} contains a NUL character`);
        return `: \${${name}=${shellQuote(value)}}\nexport ${name}\n`;
      });
    })
    .join('');
}

/**
 * Combines all pairs into one map, with their sources and the credentials without their values. If two credentials have
 * the same key, the later one wins. Throws {@link FormatError} for a blind credential that is not decrypted.
 */
export function combineCredentials(
  { revision, credentials }: FormatterService,
  warn: Warn,
): { credentials: Record<string, Scalar>; credentials_metadata: JsonObject; credentials_source: JsonObject } {
  const combined = new Map<string, Scalar>();
  const source = new Map<string, Json>();
  for (const { id, name, pairs } of credentials) {
    if (pairs === undefined) throw new FormatError(`blind credential ${shownText(name, id)} is not decrypted`);
    if (Object.keys(pairs).some((key) => combined.has(key))) {
      warn(`credential ${shownText(name, id)} has a key that another credential has too; its value is used`);
    }
    for (const [key, value] of Object.entries(pairs)) {
      combined.set(key, value);
      source.set(key, id);
    }
  }
  const described = credentials.map(({ id, name, revision: of, metadata }) => ({
    id,
    name,
    revision: of,
    ...(Object.keys(metadata).length > 0 && { metadata }),
  }));
  return {
    credentials: Object.fromEntries(combined),
    credentials_metadata: { revision, credentials: described },
    credentials_source: Object.fromEntries(source),
  };
}

function asObject(value: Json, what: string): JsonObject {
  if (!isPlainObject(value)) throw new FormatError(`${what} is not a JSON object; it must be what get_service prints`);
  return value;
}

function asList(value: Json, what: string): Json[] {
  if (!Array.isArray(value)) throw new FormatError(`${what} is not a list; the input must be what get_service prints`);
  return value;
}

function shownText(name: Json, id: Json): string {
  return shownSource({ name: typeof name === 'string' ? name : '?', id: typeof id === 'string' ? id : '?' });
}
