// Enforces the import law: which folder may import what. ARCHITECTURE.md gives the reasons.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));

/**
 * What the files of a package's folders may import. The entry with the longest matching path counts: `adapters` holds
 * for `adapters/clock.ts`, but not for `adapters/store/rows.ts`. The files of one entry may import each other.
 *
 * - `local`: folders (with what is below them) and files of the same package's src.
 * - `packages`: packages with their subpaths, exact subpaths, or `node:` for every module of Node.
 * - `apart`: the entry's files may not import each other.
 *
 * A permission that no file uses is an error, so that the table stays precise.
 */
const LAW = {
  contract: {
    '.': { packages: ['zod'] },
    // What clients load on every start comes without the schemas.
    'wire.ts': { local: ['addresses.ts', 'cli-login.ts', 'errors.ts', 'json.ts', 'loopback.ts'], packages: [] },
  },
  kmsauth: {
    '.': { local: ['aws.ts'], packages: ['node:', 'lru-cache'] },
    // Only this file imports the AWS SDK.
    'aws.ts': { local: ['.'], packages: ['node:', '@aws-sdk/client-kms', '@smithy/node-http-handler'] },
  },
  client: {
    'index.ts': { local: ['sdk'], packages: ['@confidant/kmsauth'] },
    text: { packages: ['@confidant/contract', 'yaml'] },
    sdk: {
      local: ['text'],
      packages: [
        ...['@confidant/contract', '@confidant/kmsauth', 'node:', 'yaml', '@smithy/core'],
        ...['@aws-sdk/client-iam', '@aws-sdk/client-sts', '@aws-sdk/credential-provider-node'],
      ],
    },
    'cli/arguments': {
      local: ['text', 'sdk/config/limits.ts'],
      packages: ['@confidant/contract', 'node:fs', 'commander'],
    },
    'cli/terminal': { local: ['cli/arguments'], packages: ['node:'] },
    'cli/login': { local: ['sdk'], packages: ['@confidant/kmsauth/private-file', 'node:'] },
    'cli/failures': {
      local: ['text', 'sdk', 'cli/arguments', 'cli/local-environment.ts'],
      packages: ['@confidant/contract', '@confidant/kmsauth/sender'],
    },
    'cli/failures/advise-unauthorized.ts': { local: ['sdk', 'cli/context.ts', 'cli/login'], packages: [] },
    'cli/process': { local: ['text', 'cli/terminal', 'cli/failures'], packages: ['@confidant/contract', 'node:'] },
    'cli/configuration': {
      local: [
        ...['sdk', 'cli/arguments', 'cli/terminal', 'cli/login'],
        ...['cli/profile.ts', 'cli/load-debug.ts', 'cli/local-environment.ts'],
      ],
      packages: [],
    },
    'cli/changes': {
      local: ['text', 'sdk', 'cli/arguments', 'cli/terminal', 'cli/failures'],
      packages: ['@confidant/contract', 'node:'],
    },
    'cli/output': {
      local: ['text', 'cli/arguments', 'cli/terminal'],
      packages: ['@confidant/contract', '@confidant/kmsauth'],
    },
    'cli/environment': {
      local: [
        ...['text', 'cli/arguments', 'cli/process', 'cli/output'],
        ...['cli/context.ts', 'cli/decrypt-service.ts', 'cli/offline-copy.ts'],
      ],
      packages: ['@confidant/contract'],
    },
    'cli/commands/specs': { local: ['cli/arguments/command-spec.ts'], packages: [] },
    'cli/commands/table.ts': { local: ['cli/commands/specs', 'cli/arguments/command-spec.ts'], packages: [] },
    'cli/commands/handler.ts': {
      local: ['cli/commands/table.ts', 'cli/arguments', 'cli/context.ts', 'cli/output'],
      packages: [],
    },
    // A command imports no other command: what several share stands in the folders below.
    'cli/commands': {
      apart: true,
      local: [
        ...['text', 'sdk', 'cli/arguments', 'cli/terminal', 'cli/login', 'cli/process', 'cli/failures', 'cli/changes'],
        ...['cli/output', 'cli/environment'],
        ...['cli/context.ts', 'cli/decrypt-service.ts', 'cli/load-debug.ts', 'cli/offline-copy.ts'],
        ...['cli/commands/handler.ts', 'cli/commands/table.ts'],
      ],
      packages: ['@confidant/contract', '@confidant/kmsauth', 'node:', 're2js'],
    },
    // What the folders of the command line share, and what joins them.
    cli: {
      local: ['sdk', 'cli/arguments', 'cli/terminal', 'cli/login', 'cli/failures', 'cli/output', 'cli/configuration'],
      packages: ['@confidant/contract', '@confidant/kmsauth', 'node:'],
    },
    'cli/run.ts': { local: ['sdk', 'cli'], packages: [] },
    'cli/main.ts': { local: ['cli/arguments', 'cli/commands/table.ts', 'cli/run.ts'], packages: [] },
    format: {
      local: ['text', 'cli/arguments', 'cli/terminal'],
      packages: ['@confidant/contract', 'node:', 'commander'],
    },
  },
  web: {
    'session.ts': { packages: ['react'] },
    api: { local: ['session.ts'], packages: ['@confidant/contract', '@tanstack/react-query'] },
    list: { local: ['parts/when.tsx'], packages: ['@confidant/contract'] },
    values: { local: ['api', 'parts/toast.tsx', 'session.ts'], packages: ['@confidant/contract', 'react'] },
    parts: {
      local: ['api', 'session.ts', 'values', 'icons.svg?no-inline'],
      packages: ['@confidant/contract', '@tanstack/react-query', '@tanstack/react-router', 'react'],
    },
    mapping: {
      local: ['api', 'parts'],
      packages: ['@confidant/contract', '@tanstack/react-query', '@tanstack/react-router', 'react'],
    },
    pages: {
      local: ['api', 'editing', 'list', 'mapping', 'parts', 'values'],
      packages: [
        ...['@confidant/contract', 'react'],
        ...['@tanstack/react-query', '@tanstack/react-router', '@tanstack/react-virtual'],
      ],
    },
    editing: {
      local: ['api', 'mapping', 'parts', 'session.ts', 'values'],
      packages: ['@confidant/contract', '@tanstack/react-query', '@tanstack/react-router', 'react'],
    },
    history: {
      local: ['api', 'mapping', 'parts'],
      packages: ['@confidant/contract', '@tanstack/react-query', '@tanstack/react-router', 'react'],
    },
    rotation: {
      local: ['api', 'list', 'parts', 'values'],
      packages: ['@tanstack/react-query', '@tanstack/react-router', 'react'],
    },
    'router.tsx': { local: ['editing', 'history', 'pages', 'parts', 'rotation'], packages: ['@tanstack/react-router'] },
    'main.tsx': {
      local: ['api', 'router.tsx', 'sheet.css'],
      packages: ['@tanstack/react-query', '@tanstack/react-router', 'react', 'react-dom'],
    },
  },
  server: {
    domain: { packages: ['@confidant/contract', 're2js'] },
    ports: { local: ['domain'], packages: [] },
    app: { local: ['domain', 'ports'], packages: ['@confidant/contract', 'node:crypto'] },
    auth: {
      local: ['domain', 'ports'],
      packages: ['@confidant/contract', '@confidant/kmsauth', 'node:crypto', 'jose', 'lru-cache', 'zod'],
    },
    http: {
      local: ['app', 'auth', 'domain', 'net', 'ports'],
      packages: [
        ...['@confidant/contract', 'node:crypto', 'node:fs/promises', 'node:http', 'node:net', 'node:path'],
        ...['fastify', '@fastify/static', 'cookie', 'pino', 'zod'],
      ],
    },
    config: {
      local: ['domain/ca-names.ts'],
      packages: ['@confidant/contract', '@confidant/kmsauth/proxy', 'node:crypto', 'node:fs', 'node:net'],
    },
    // SigV4 is shared by the AWS adapters, which sign, and the embedded KMS, which checks signatures.
    aws: { packages: ['node:crypto'] },
    net: { packages: ['node:'] },
    // The files that several folders of the adapters share; they import none of these folders.
    adapters: { local: ['domain', 'ports'], packages: ['node:', 'yaml'] },
    'adapters/access': { local: ['domain'], packages: ['node:', 'yaml', 'zod'] },
    'adapters/aws': {
      local: ['aws', 'ports', 'adapters/read-response.ts'],
      packages: [
        ...['@confidant/contract', '@confidant/kmsauth', 'node:'],
        ...['@aws-sdk/client-iam', '@aws-sdk/core', '@aws-sdk/credential-provider-node', '@smithy/core'],
      ],
    },
    'adapters/expiring': {
      local: ['ports', 'adapters/private-database.ts'],
      packages: ['@photostructure/sqlite', '@redis/client', 'lru-cache'],
    },
    'adapters/login': {
      local: ['domain', 'ports', 'adapters/read-response.ts', 'adapters/yaml-entries.ts'],
      packages: [...['@confidant/kmsauth/proxy', 'node:'], ...['@node-saml/node-saml', 'openid-client', 'yaml']],
    },
    'adapters/sealing': {
      local: ['domain', 'ports', 'adapters/yaml-entries.ts'],
      packages: ['@confidant/contract', '@confidant/kmsauth', 'node:', 'lru-cache', 'yaml'],
    },
    // AWS Private CA is called with the same signed JSON requests as DynamoDB.
    'adapters/signing': {
      local: ['domain', 'ports', 'adapters/aws', 'adapters/signing/x509'],
      packages: ['@confidant/contract', 'node:', 'lru-cache', 'zod'],
    },
    'adapters/signing/x509': { local: ['domain', 'ports'], packages: ['node:'] },
    'adapters/store': { local: ['domain', 'ports'], packages: ['@confidant/contract'] },
    'adapters/store/dynamodb': {
      local: ['domain', 'ports', 'adapters/aws', 'adapters/store/decode.ts', 'adapters/store/rows.ts'],
      packages: ['@confidant/contract', 'node:', 'lru-cache'],
    },
    'adapters/store/sqlite': {
      local: [
        ...['domain', 'ports', 'adapters/private-database.ts'],
        ...['adapters/store/decode.ts', 'adapters/store/rows.ts'],
      ],
      packages: ['@confidant/contract', 'node:', '@photostructure/sqlite'],
    },
    'adapters/telemetry': {
      local: ['domain', 'net', 'ports'],
      packages: ['@confidant/kmsauth/proxy', 'node:', 'pino', 'prom-client'],
    },
    embedded: {
      local: ['aws', 'net'],
      packages: ['@confidant/contract', '@confidant/kmsauth', 'node:', '@photostructure/sqlite', 'yaml', 'zod'],
    },
    // The composition root: only it, the server's program and confidant-admin construct adapters.
    compose: {
      local: ['adapters', 'app', 'auth', 'config', 'domain', 'embedded', 'http', 'ports'],
      packages: [
        ...['@confidant/contract', '@confidant/kmsauth', '@confidant/web', 'pino'],
        ...['node:cluster', 'node:crypto', 'node:fs', 'node:os', 'node:path', 'node:zlib'],
      ],
    },
    admin: {
      local: [
        ...['app', 'compose', 'domain', 'ports'],
        ...['adapters/access/acl-module.ts', 'adapters/access/parse-policy.ts', 'adapters/aws/kms-grants.ts'],
        ...['adapters/clock.ts', 'adapters/sealing/secrets-bootstrap.ts'],
        ...['config/server-settings.ts', 'config/setting-types.ts'],
        ...['embedded/login-link.ts', 'embedded/private-files.ts'],
      ],
      packages: ['@confidant/kmsauth', 'commander', 'node:', 'pino', 'yaml'],
    },
    'main.ts': {
      local: [
        ...['compose', 'adapters/telemetry/log.ts', 'http/hang-up.ts'],
        ...['config/faults.ts', 'config/notices.ts', 'config/server-settings.ts', 'config/setting-types.ts'],
      ],
      packages: ['node:module', 'pino'],
    },
  },
};

/** The entries with full paths, the longest path first. */
const entries = Object.entries(LAW)
  .flatMap(([name, folders]) => {
    const source = `packages/${name}/src`;
    return Object.entries(folders).map(([path, { local = [], packages, apart = false }]) => ({
      path: join(source, path),
      local: local.map((place) => join(source, place)),
      packages,
      apart,
      used: new Set(),
    }));
  })
  .sort((a, b) => b.path.length - a.path.length);

const files = sources(join(root, 'packages'));
const graph = new Map();
const broken = [];
for (const file of files) {
  const imports = importsOf(file);
  graph.set(
    file,
    imports.filter(({ target }) => target !== undefined).map(({ target }) => target),
  );
  const entry = entryOf(file);
  if (entry === undefined) broken.push(`${file} has no entry in the import law`);
  else {
    for (const { specifier, target } of imports) {
      if (!isAllowed(entry, specifier, target)) broken.push(`${file} may not import ${specifier}`);
    }
  }
}
for (const { path, local, packages, used } of entries) {
  for (const permission of [...local, ...packages]) {
    if (!used.has(permission)) broken.push(`${path}: no file uses the permission to import ${permission}`);
  }
}
for (const cycle of cycles(graph)) broken.push(`import cycle: ${cycle.join(' -> ')}`);
for (const line of broken) console.error(line);
if (broken.length === 0) console.log(`import law: ${files.length} files keep it`);
process.exitCode = broken.length === 0 ? 0 : 1;

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .filter((path) => /^packages\/\w+\/src\//.test(path))
    .sort();
}

/** What a file imports: the specifier, and for a file of the same package its path (`target`). */
function importsOf(file) {
  const text = readFileSync(join(root, file), 'utf8');
  const pattern = /^\s*(?:import|export)\s+(?:type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm;
  return [...text.matchAll(pattern)].map(([, fixed, lazy]) => {
    const specifier = fixed ?? lazy;
    if (!specifier.startsWith('.')) return { specifier };
    const written = relative(root, resolve(root, dirname(file), specifier));
    const paths = [written.replace(/\.js$/, '.ts'), written.replace(/\.js$/, '.tsx'), written];
    return { specifier, target: paths.find((path) => existsSync(join(root, path))) ?? written };
  });
}

function entryOf(file) {
  return entries.find(({ path }) => isWithin(file, path));
}

/** Whether an entry permits an import; notes the permissions that it rests on as used. */
function isAllowed(entry, specifier, target) {
  const permissions =
    target !== undefined
      ? entry.local.filter((place) => isWithin(target, place))
      : entry.packages.filter(
          (name) => specifier === name || specifier.startsWith(name.endsWith(':') ? name : `${name}/`),
        );
  for (const permission of permissions) entry.used.add(permission);
  return permissions.length > 0 || (target !== undefined && !entry.apart && entryOf(target) === entry);
}

function isWithin(file, path) {
  return file === path || file.startsWith(`${path}/`);
}

function* cycles(edges) {
  const state = new Map();
  function* visit(node, path) {
    state.set(node, 'open');
    for (const next of edges.get(node) ?? []) {
      if (state.get(next) === 'open') yield [...path.slice(path.indexOf(next)), next];
      else if (!state.has(next)) yield* visit(next, [...path, next]);
    }
    state.set(node, 'done');
  }
  for (const node of edges.keys()) if (!state.has(node)) yield* visit(node, [node]);
}
