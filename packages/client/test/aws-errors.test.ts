import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { awsEnvironment, callCli, runCli, type CliEnd } from './support/cli.js';
import { deploy, type Deployment } from './support/deployment.js';
import { startAnswering, type Answer, type AnsweringServer } from './support/http.js';

let at: Deployment;
/** KMS, which speaks JSON, and STS and IAM, which speak XML. */
let aws: AnsweringServer;
let kms: Answer;
let sts: Answer;
beforeAll(async () => {
  at = await deploy();
  at.configure({ token_cache_file: '' });
  aws = await startAnswering(({ headers, body }) => {
    if (headers['x-amz-target'] !== undefined) return kms;
    return new URLSearchParams(body).get('Action') === 'GetUser' ? USER : sts;
  });
});
afterAll(async () => {
  await aws.close();
  await at.close();
});
beforeEach(() => {
  kms = {};
  sts = {};
});

const XML = { 'content-type': 'text/xml' };
const USER: Answer = {
  headers: XML,
  body: '<GetUserResponse><GetUserResult><User><UserName>alice</UserName><Arn>arn:aws:iam::123456789012:user/alice</Arn><UserId>x</UserId><Path>/</Path><CreateDate>2026-01-01T00:00:00Z</CreateDate></User></GetUserResult></GetUserResponse>',
};
const ofKms = (code: string, message = 'The Canonical String holds s3cret'): Answer => ({
  status: 400,
  headers: { 'content-type': 'application/x-amz-json-1.1' },
  body: { __type: code, message },
});
const ofSts = (code: string): Answer => ({
  status: 403,
  headers: XML,
  body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>s3cret</Message></Error></ErrorResponse>`,
});

const environment = (): Record<string, string> => ({
  ...awsEnvironment(aws.url),
  AWS_ENDPOINT_URL_STS: aws.url,
  AWS_ENDPOINT_URL_IAM: aws.url,
});
const list = (...options: string[]): string[] => ['confidant', '--config-files', at.config, ...options, 'list_cas'];
/** Runs a command whose KMS seems to be on another machine: 0.0.0.0 leads to this one. */
function told(env: Record<string, string> = {}): Promise<CliEnd> {
  const elsewhere = aws.url.replace('127.0.0.1', '0.0.0.0');
  return callCli(list(), { ...environment(), AWS_ENDPOINT_URL_KMS: elsewhere, ...env });
}

describe('errors of AWS about credentials', () => {
  const ofKeys = 'AWS does not accept the credentials (AWS_ACCESS_KEY_ID)';
  test.each([
    [
      'InvalidSignatureException',
      `${ofKeys}: the secret access key does not belong to the access key id; correct them`,
    ],
    ['SignatureDoesNotMatch', `${ofKeys}: the secret access key does not belong to the access key id; correct them`],
    [
      'UnrecognizedClientException',
      `${ofKeys}: the access key does not exist, or the session token does not belong to it; correct them`,
    ],
    [
      'InvalidClientTokenId',
      `${ofKeys}: the access key does not exist, or the session token does not belong to it; correct them`,
    ],
    ['IncompleteSignatureException', `${ofKeys}: the access key id or secret is malformed; correct them`],
    ['ExpiredTokenException', 'the AWS session (AWS_ACCESS_KEY_ID) has expired: get new credentials'],
    [
      'RequestExpired',
      "this machine's clock is wrong: correct it, because AWS accepts requests of the last few minutes only",
    ],
    ['OptInRequired', 'the AWS account (AWS_ACCESS_KEY_ID) is not signed up for this service'],
  ])('%s says what is wrong with the credentials', async (code, words) => {
    kms = ofKms(code);
    const end = await told();
    expect(end).toMatchObject({ code: 1, stderr: `confidant: error: ${words} (${code})\n` });
    expect(JSON.parse(end.stdout)).toEqual({ error: `${words} (${code})`, result: false });
  });

  test('a signature that is too old or too new is reported as a wrong clock', async () => {
    for (const reason of [
      'Signature expired: 20261122T080000Z is now earlier than x',
      'Signature not yet current: x',
    ]) {
      kms = ofKms('InvalidSignatureException', reason);
      expect((await told()).stderr).toContain("this machine's clock is wrong");
    }
  });

  test('for a KMS on this machine the advice is to read client.env again', async () => {
    kms = ofKms('UnrecognizedClientException');
    expect((await told({ AWS_ENDPOINT_URL_KMS: aws.url })).stderr).toMatch(
      /^confidant: error: the KMS on this machine does not accept .*; the server may have been re-created: run `\. data\/client\.env` again \(/,
    );
  });

  test('the message names the AWS profile', async () => {
    const config = join(at.folder, 'aws-config');
    writeFileSync(config, '[profile stage]\naws_access_key_id = AKIASTAGE\naws_secret_access_key = x\n');
    kms = ofKms('InvalidSignatureException');
    const { stderr } = await told({ AWS_CONFIG_FILE: config, AWS_PROFILE: 'stage' });
    expect(stderr).toContain('AWS does not accept the credentials (profile stage)');
  });

  test('an expired session of aws sso is not reported as missing credentials', async () => {
    const config = join(at.folder, 'sso-config');
    const sso =
      'sso_start_url = https://x.awsapps.com/start\nsso_region = us-east-1\nsso_account_id = 1\nsso_role_name = r';
    writeFileSync(config, `[profile people]\n${sso}\n`);
    const { stderr } = await told({ AWS_CONFIG_FILE: config, AWS_PROFILE: 'people' });
    expect(stderr).toBe(
      'confidant: error: the AWS session (profile people) has expired or does not exist: run aws sso login\n',
    );
  });

  test('errors of STS name the requested role', async () => {
    sts = ofSts('InvalidClientTokenId');
    at.configure({ token_cache_file: '', assume_role: 'reader' });
    const end = await told();
    expect(end.stderr).toMatch(
      /^confidant: error: could not assume the role reader: InvalidClientTokenId: AWS does not accept the credentials \(AWS_ACCESS_KEY_ID\): the access key does not exist.*; correct them\n$/,
    );
    expect(end.stdout + end.stderr).not.toContain('s3cret');
    at.configure({ token_cache_file: '' });
  });

  test('an unavailable KMS is reported as unavailable', async () => {
    kms = ofKms('DependencyTimeoutException', 'later');
    expect((await told()).stderr).toBe('confidant: error: KMS is unavailable (DependencyTimeoutException): later\n');
  });
});

describe('failures to get AWS credentials', () => {
  test('--mfa without a terminal is a usage error with exit code 2 and no output', async () => {
    const end = await runCli(list('--mfa'), { env: environment() });
    expect(end).toEqual({
      code: 2,
      signal: null,
      stdout: '',
      stderr: 'confidant: MFA code can only be asked for on a terminal\nconfidant: see confidant list_cas --help\n',
    });
  });

  test('an unreachable IAM is reported with the network error', async () => {
    at.configure({ token_cache_file: '', assume_role: 'reader' });
    const { stderr } = await told({ AWS_ENDPOINT_URL_IAM: 'http://127.0.0.1:1' });
    expect(stderr).toBe('confidant: error: could not get the name of the user from IAM (GetUser): ECONNREFUSED\n');
    at.configure({ token_cache_file: '' });
  });

  test('a role that may not be assumed is named', async () => {
    sts = ofSts('AccessDenied');
    at.configure({ token_cache_file: '', assume_role: 'reader' });
    const end = await told();
    expect(end).toMatchObject({
      code: 1,
      stderr: 'confidant: error: could not assume the role reader: AccessDenied\n',
    });
    at.configure({ token_cache_file: '' });
  });
});
