import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseHcl, type Block } from '../support/hcl.js';
import { recipeFile, startProgram, startRecipeServer, type RecipeServer } from '../support/recipe-server.js';

const source = recipeFile('terraform/main.tf');
const file = parseHcl(source);
const blocks = (of: Block, type: string): Block[] => of.blocks.filter((block) => block.type === type);
const block = (of: Block, type: string, ...labels: string[]): Block =>
  blocks(of, type).find((one) => one.labels.join() === labels.join())!;
const request = block(file, 'data', 'http', 'confidant');

let server: RecipeServer;
beforeAll(async () => {
  server = await startRecipeServer({ db_password: '${not} "replaced"', db_user: 'web' });
});
afterAll(() => server?.stop());

/** Runs the first line of the file in a shell, and returns the environment that Terraform would get. */
async function variables(given: Record<string, string>): Promise<Record<string, unknown>> {
  const line = /^# (TF_VAR_.*)$/m.exec(source)![1]!;
  const shell = line.replace('terraform plan', 'sh -c \'printf %s "$TF_VAR_confidant_token"\'');
  const env = { PATH: `${server.bin}:/usr/bin:/bin`, CONFIDANT_CONFIG_FILES: server.config, ...server.aws };
  const { stdout } = await startProgram(['sh', '-c', shell], { env }).ended;
  const defaults = blocks(file, 'variable').map((variable) => [
    variable.labels[0],
    variable.attributes.get('default')?.({}),
  ]);
  return { ...Object.fromEntries(defaults), confidant_url: server.url, confidant_token: stdout, ...given };
}

/** Does what Terraform and its http provider do: the request, the postcondition and the outputs. */
async function plan(given: Record<string, string> = {}, of = file): Promise<Record<string, unknown>> {
  const scope = { var: await variables(given) };
  const get = (name: string): unknown => request.attributes.get(name)!(scope);
  const response = await fetch(get('url') as string, {
    headers: get('request_headers') as Record<string, string>,
    signal: AbortSignal.timeout(get('request_timeout_ms') as number),
  });
  const result = { status_code: response.status, response_body: await response.text() };
  for (const condition of blocks(block(request, 'lifecycle'), 'postcondition')) {
    const inner = { ...scope, self: result };
    const [holds, message] = ['condition', 'error_message'].map((name) => condition.attributes.get(name)!(inner));
    if (holds !== true) throw new Error(message as string);
  }
  const local: Record<string, unknown> = {};
  const whole = { ...scope, data: { http: { confidant: result } }, local };
  for (const [name, value] of block(of, 'locals').attributes) local[name] = value(whole);
  return Object.fromEntries(
    blocks(of, 'output').map((output) => [output.labels[0], output.attributes.get('value')!(whole)]),
  );
}

describe('Terraform', () => {
  test('Terraform reads a value of the service with the token of the environment', async () => {
    expect(await plan()).toEqual({ db_password: '${not} "replaced"' });
  });

  test('another service, a bad token and a missing service are errors with the status', async () => {
    await expect(plan({ confidant_service: 'other' })).rejects.toThrow('Confidant answered 403 for other.');
    await expect(plan({ confidant_token: '2/service/web-production:AAAA' })).rejects.toThrow('answered 403');
    await expect(plan({ confidant_token: '' })).rejects.toThrow('answered 401');
  });

  test('a missing value is an error', async () => {
    const other = parseHcl(source.replace('local.secrets["db_password"]', 'local.secrets["none"]'));
    await expect(plan({}, other)).rejects.toThrow('there is no none');
  });

  test('the token and every value are sensitive, and attempts and time are limited', () => {
    const marked = (one: Block): boolean => one.attributes.get('sensitive') !== undefined;
    expect(marked(block(file, 'variable', 'confidant_token'))).toBe(true);
    expect(blocks(file, 'output').map(marked)).toEqual([true]);
    expect(source.match(/response_body/g)).toHaveLength(1);
    expect(source).toContain('credentials = sensitive(jsondecode(data.http.confidant.response_body)');
    expect(request.attributes.get('request_timeout_ms')!({})).toBeLessThanOrEqual(30_000);
    expect(block(request, 'retry').attributes.get('attempts')!({})).toBeLessThanOrEqual(5);
    // Either would send the token to another server.
    expect(request.attributes.has('insecure')).toBe(false);
    expect(new URL(block(file, 'variable', 'confidant_url').attributes.get('default')!({}) as string).protocol).toBe(
      'https:',
    );
  });
});
