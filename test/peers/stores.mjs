import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './installs.mjs';
import { cleanEnvironment, run, tail, temporaryFolder } from './processes.mjs';
import { add } from './report.mjs';
import { startDynamoDbLocal } from './servers.mjs';

const TIMEOUT_MS = 10 * 60_000;

/** The suites that every store passes, against Amazon's own DynamoDB Local. */
export async function storesAgainstDynamoDbLocal() {
  const dynamo = await startDynamoDbLocal();
  const report = join(temporaryFolder('stores'), 'report.json');
  const args = ['run', 'packages/server/test/stores', 'packages/server/test/archive'];
  // DynamoDB Local answers in tens of milliseconds where the suite's usual server needs one.
  const options = ['--testTimeout=60000', '--hookTimeout=60000', '--reporter=json', `--outputFile.json=${report}`];
  const end = await run(process.execPath, [join(ROOT, 'node_modules/vitest/vitest.mjs'), ...args, ...options], {
    cwd: ROOT,
    env: cleanEnvironment({ CONFIDANT_TEST_DYNAMODB_URL: dynamo.url }),
    timeoutMs: TIMEOUT_MS,
  });
  await dynamo.stop();
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
    // A file that could not be loaded has no tests to fail.
    if (file.status === 'failed' && file.assertionResults.length === 0) {
      console.log(`  FAIL  ${name} could not be loaded: ${file.message}`);
      add({ passed: 0, failed: 1 });
    }
  }
  add({ passed: result.numPassedTests, failed: result.numFailedTests });
}
