// Generates the reference pages in docs/reference/ from the code. With --check it writes nothing and fails if they differ.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { ERRORS, openApi } from '../packages/contract/dist/index.js';
import { CA_SETTINGS } from '../packages/server/dist/config/ca-settings.js';
import { SETTINGS } from '../packages/server/dist/config/settings.js';

const folder = new URL('../docs/reference/', import.meta.url);
const note = 'This page is generated from the code by `npm run reference`.';

const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('\n', ' ');

function settingRows(table, suffix = '') {
  return Object.entries(table).map(([name, setting]) => {
    const fallback = Array.isArray(setting.fallback) ? setting.fallback.join(',') : setting.fallback;
    const shown =
      fallback === null || fallback === ''
        ? ''
        : `\`${typeof fallback === 'object' ? JSON.stringify(fallback) : fallback}\``;
    return `| \`${name}${suffix}\` | ${cell(setting.doc)} | ${cell(setting.expects)} | ${cell(shown)} | ${setting.bootstrap ? 'yes' : ''} |`;
  });
}

function settingsPage() {
  const head = ['| setting | meaning | expects | default | bootstrap |', '| --- | --- | --- | --- | --- |'];
  return [
    '# Settings',
    '',
    `${note} Settings are environment variables, which the server and \`confidant-admin\` read once, when they start. If settings are invalid, the server lists every problem and exits with 1.`,
    '',
    'Names, defaults and meanings are those of the original Confidant; "New in this server" marks settings that it does not have. The last column marks settings that SECRETS_BOOTSTRAP may hold; a value there overrides the variable.',
    '',
    ...head,
    ...settingRows(SETTINGS),
    '',
    '## Settings of each ACM private CA',
    '',
    '`X` stands for the name of the CA in ACM_PRIVATE_CAS, in capitals.',
    '',
    ...head,
    ...settingRows(CA_SETTINGS, '_X'),
    '',
  ].join('\n');
}

function errorsPage() {
  const rows = Object.entries(ERRORS).map(([code, { status, text }]) => `| \`${code}\` | ${status} | ${cell(text)} |`);
  return [
    '# Errors',
    '',
    `${note} An error response has the code in the header \`X-Confidant-Error\` and the body \`{"error": text}\`, with \`reference\` (an id) and \`conflicts\` where they apply.`,
    '',
    '| code | status | default text |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

const options = await resolveConfig(new URL('../README.md', import.meta.url));
const pages = {
  'settings.md': await format(settingsPage(), { ...options, parser: 'markdown' }),
  'errors.md': await format(errorsPage(), { ...options, parser: 'markdown' }),
  'openapi.json': `${JSON.stringify(openApi(), null, 2)}\n`,
};
if (process.argv.includes('--check')) {
  for (const [name, text] of Object.entries(pages)) {
    let committed = '';
    try {
      committed = readFileSync(new URL(name, folder), 'utf8');
    } catch {
      // A missing page counts as different.
    }
    if (committed !== text) {
      console.error(`docs/reference/${name} differs from the code: run npm run reference`);
      process.exitCode = 1;
    }
  }
} else {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(pages)) writeFileSync(new URL(name, folder), text);
}
