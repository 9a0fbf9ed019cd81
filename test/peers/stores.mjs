import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { redisServer, ROOT } from './installs.mjs';
import { cleanEnvironment, run, tail, temporaryFolder } from './processes.mjs';
import { add, check } from './report.mjs';
import { startDynamoDbLocal } from './servers.mjs';

const TIMEOUT_MS = 30 * 60_000;

/** Runs the suites of the stores against Amazon's own DynamoDB Local. */
export async function storesAgainstDynamoDbLocal() {
  const dynamo = await startDynamoDbLocal();
  await suite(['packages/server/test/adapters/store'], {
    CONFIDANT_TEST_DYNAMODB_URL: dynamo.url,
  });
  await dynamo.stop();
}

/** Runs the tests of sessions in Redis against a real Redis. */
export async function sessionsInRedis() {
  const bin = await redisServer();
  const passed = await suite(['packages/server/test/adapters/expiring/redis.test.ts'], {
    PATH: `${bin}${delimiter}${process.env.PATH}`,
  });
  // Without redis-server on its PATH, the file would only test our stand-in.
  await check('the tests used the real Redis', async () =>
    assert.ok(passed.some((name) => name.includes('redis-server'))),
  );
}

/** Runs tests of `npm test` with a real peer instead of a stand-in. Returns the names of the tests that passed. */
async function suite(paths, environment) {
  const report = join(temporaryFolder('suite'), 'report.json');
  const options = ['--reporter=json', `--outputFile.json=${report}`];
  const end = await run(process.execPath, [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', ...paths, ...options], {
    cwd: ROOT,
    env: cleanEnvironment(environment),
    timeoutMs: TIMEOUT_MS,
  });
  if (!existsSync(report)) throw new Error(`vitest wrote no report\n${tail(end.stdout + end.stderr)}`);
  const result = JSON.parse(readFileSync(report, 'utf8'));
  for (const file of result.testResults) {
    const name = file.name.replace(ROOT, '');
    const failed = file.assertionResults.filter(({ status }) => status === 'failed');
    const passed = file.assertionResults.filter(({ status }) => status === 'passed').length;
    console.log(`  ${name}: ${passed} passed, ${failed.length} failed`);
    for (const { fullName, failureMessages } of failed) {
      console.log(
        `  FAIL  ${fullName}\n        ${tail(failureMessages.join('\n'), 30).split('\n').slice(0, 8).join('\n        ')}`,
      );
    }
    // A file that could not be loaded has no failed tests, so it is counted here.
    if (file.status === 'failed' && file.assertionResults.length === 0) {
      console.log(`  FAIL  ${name} could not be loaded: ${file.message}`);
      add({ passed: 0, failed: 1 });
    }
  }
  add({ passed: result.numPassedTests, failed: result.numFailedTests });
  // An error outside of every test counts too.
  if (end.code !== 0 && !result.testResults.some(({ status }) => status === 'failed')) {
    console.log(`  FAIL  vitest ended with ${end.code}\n${tail(end.stdout + end.stderr)}`);
    add({ passed: 0, failed: 1 });
  }
  return result.testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'passed').map(({ fullName }) => fullName),
  );
}
