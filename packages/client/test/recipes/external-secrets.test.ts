import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { recipeFile, startProgram, startRecipeServer, type RecipeServer } from '../support/recipe-server.js';

interface Container {
  command: string[];
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
}
interface Manifest {
  kind: string;
  metadata: { name: string; namespace: string; labels?: Record<string, string> };
}
interface CronJob extends Manifest {
  spec: { jobTemplate: { spec: { template: { spec: PodSpec } } } };
}
interface PodSpec {
  serviceAccountName: string;
  initContainers: Container[];
  containers: Container[];
}
interface Webhook {
  url: string;
  headers: Record<string, string>;
  secrets: { name: string; secretRef: { name: string } }[];
  result: { jsonPath: string };
}
interface Entry {
  secretKey: string;
  remoteRef: { key: string; property: string };
}

const manifests = ['token.yaml', 'secrets.yaml'].flatMap((name) =>
  parseAllDocuments(recipeFile(`external-secrets/${name}`)).map((document) => document.toJS() as Manifest),
);
const manifest = <T extends Manifest>(kind: string): T => manifests.find((one) => one.kind === kind) as T;
const pod = manifest<CronJob>('CronJob').spec.jobTemplate.spec.template.spec;
const [makeToken] = pod.initContainers as [Container];
const [patchSecret] = pod.containers as [Container];
const store = manifest<Manifest & { spec: { provider: { webhook: Webhook } } }>('SecretStore').spec.provider.webhook;
const { data } = manifest<Manifest & { spec: { data: Entry[] } }>('ExternalSecret').spec as { data: Entry[] };

let server: RecipeServer;
beforeAll(async () => {
  server = await startRecipeServer({ db_password: 'pä"s\nword', db_user: 'web' });
});
afterAll(() => server?.stop());

/** Runs the job: the first container writes the patch, and the second would send it to the API server. */
async function runJob(env: Record<string, string> = {}): Promise<{ code: number | null; patch?: string }> {
  const token = join(server.folder, `token-${Math.random()}`);
  mkdirSync(token);
  // The volume is a folder here, and `confidant` is on the PATH as in the image.
  const command = makeToken.command.map((word) => word.replaceAll('/token/', `${token}/`));
  const image = { PATH: `${server.bin}:/usr/bin:/bin`, CONFIDANT_CONFIG_FILES: server.config, ...server.aws, ...env };
  const { code } = await startProgram(command, { env: image, cwd: '/' }).ended;
  const file = patchSecret.command
    .find((word) => word.startsWith('--patch-file='))!
    .slice('--patch-file=/token'.length);
  try {
    return { code, patch: readFileSync(token + file, 'utf8') };
  } catch {
    return { code };
  }
}

type Known = Record<string, Record<string, string>>;

/** Renders the part of Go's templates that the recipe uses, and refuses anything else. */
function fillIn(template: string, known: Known): string {
  const look = (path: string): string => {
    const [, from, key] = /^\.(\w+)\.(\w+)$/.exec(path)!;
    const value = known[from!]?.[key!];
    if (value === undefined) throw new Error(`${path} is not known`);
    return value;
  };
  return template.replaceAll(/\{\{ (.*?) \}\}/g, (_, action: string) => {
    const [words, encode, ...more] = action.split(' | ');
    if (more.length > 0 || ![undefined, 'b64enc'].includes(encode)) throw new Error(`unknown: ${action}`);
    const printed = words!.startsWith('print ') ? words!.slice('print '.length).split(' ') : [words!];
    const text = printed.map((word) => (word.startsWith('"') ? (JSON.parse(word) as string) : look(word))).join('');
    return encode === undefined ? text : Buffer.from(text).toString('base64');
  });
}

/** Evaluates `$.list[*].map["key"]` as External Secrets does: the first match counts, and no match is an error. */
function select(jsonPath: string, answer: Record<string, unknown>): unknown {
  const [, list, map, key] = /^\$\.(\w+)\[\*\]\.(\w+)(\["[^"]+"\])$/.exec(jsonPath)!;
  const [name] = JSON.parse(key!) as [string];
  const maps = (answer[list!] as Record<string, Record<string, unknown>>[]).map((one) => one[map!]!);
  const found = maps.filter((one) => Object.hasOwn(one, name));
  if (found.length === 0) throw new Error(`no ${name}`);
  return found[0]![name];
}

/** Does what External Secrets does with one entry of `data`. */
async function sync(remoteRef: Entry['remoteRef'], secret: Record<string, string>): Promise<unknown> {
  const known = { remoteRef, [store.secrets[0]!.name]: secret };
  const escaped = { remoteRef: { ...remoteRef, key: encodeURIComponent(remoteRef.key) } };
  const url = fillIn(store.url, escaped).replace('https://confidant.example.com', server.url);
  const headers = Object.entries(store.headers).map(
    ([name, value]) => [name, fillIn(value, known)] as [string, string],
  );
  const response = await fetch(url, { headers });
  if (response.status !== 200) throw new Error(`endpoint gave error ${response.status}`);
  return select(fillIn(store.result.jsonPath, known), (await response.json()) as Record<string, unknown>);
}

const secretOf = (patch: string): Record<string, string> =>
  (JSON.parse(patch) as { stringData: Record<string, string> }).stringData;

describe('External Secrets', () => {
  test('every value of the ExternalSecret is read with the token that the job put into the Secret', async () => {
    const { code, patch } = await runJob();
    expect(code).toBe(0);
    const values = await Promise.all(
      data.map(async ({ secretKey, remoteRef }) => [secretKey, await sync(remoteRef, secretOf(patch!))]),
    );
    expect(Object.fromEntries(values)).toEqual({ DB_PASSWORD: 'pä"s\nword', DB_USER: 'web' });
  });

  test('a missing value and another service are errors, not empty values', async () => {
    const secret = secretOf((await runJob()).patch!);
    await expect(sync({ key: 'web-production', property: 'none' }, secret)).rejects.toThrow('no none');
    await expect(sync({ key: 'other', property: 'db_user' }, secret)).rejects.toThrow('403');
    await expect(sync({ key: '../credentials', property: 'db_user' }, secret)).rejects.toThrow(/40\d/);
    await expect(sync(data[0]!.remoteRef, { ...secret, token: 'AAAA' })).rejects.toThrow('403');
  });

  test('if no token can be made, the job fails before it patches the Secret', async () => {
    const end = await runJob({ AWS_ENDPOINT_URL_KMS: 'http://127.0.0.1:9', CONFIDANT_CONFIG_FILES: '/nowhere' });
    expect(end).toEqual({ code: expect.any(Number) as number });
    expect(end.code).not.toBe(0);
  });

  test('the lifetime of the token is the default maximum of the server, and longer than three intervals of the job', () => {
    expect(makeToken.command.join(' ')).toContain('--token-lifetime 60');
    const { schedule } = (manifest<CronJob>('CronJob') as unknown as { spec: { schedule: string } }).spec;
    const [, everyMinutes] = /^\*\/(\d+) \* \* \* \*$/.exec(schedule)!;
    // 57 of 60 minutes remain, because tokens are valid from three minutes ago.
    expect(Number(everyMinutes) * 3).toBeLessThan(57);
  });

  test('the job may access only the Secret of the token', () => {
    const { rules } = manifest<Manifest & { rules: Record<string, string[]>[] }>('Role');
    const name = patchSecret.command[3]!;
    expect(patchSecret.command.slice(0, 4)).toEqual(['kubectl', 'patch', 'secret', manifest('Secret').metadata.name]);
    // kubectl gets the Secret that it patches.
    expect(rules).toEqual([
      { apiGroups: [''], resources: ['secrets'], resourceNames: [name], verbs: ['get', 'patch'] },
    ]);
    const binding = manifest<Manifest & { roleRef: { name: string }; subjects: { name: string }[] }>('RoleBinding');
    expect(binding.roleRef.name).toBe(manifest('Role').metadata.name);
    expect(binding.subjects.map((subject) => subject.name)).toEqual([pod.serviceAccountName]);
    expect(manifest('ServiceAccount').metadata.name).toBe(pod.serviceAccountName);
  });

  test('the webhook provider can read the Secret, and no value is committed in it', () => {
    const secret = manifest<Manifest & { data?: unknown; stringData?: unknown }>('Secret');
    expect(secret.metadata.labels).toEqual({ 'external-secrets.io/type': 'webhook' });
    expect(store.secrets.map(({ secretRef }) => secretRef.name)).toEqual([secret.metadata.name]);
    expect([secret.data, secret.stringData]).toEqual([undefined, undefined]);
    expect(new Set(manifests.map(({ metadata }) => metadata.namespace))).toEqual(new Set(['web']));
  });
});
