// Runs our server and client with the original and other real programs: `npm run test:peers [part ...]`. Ends with
// `N passed, N failed`.
import { sweepAtEnd } from './processes.mjs';
import { close, part } from './report.mjs';
import { awsCliAgainstTheKeyring } from './aws-cli.mjs';
import { requestsMadeFromOpenApi } from './openapi.mjs';
import { originalBesideOurs } from './original.mjs';
import { productionOnMoto } from './production.mjs';
import { pythonClientAgainstOurServer } from './python-client.mjs';
import { recipesWithTheirPrograms } from './recipes.mjs';
import { sessionsInRedis, storesAgainstDynamoDbLocal } from './stores.mjs';

/** The time for everything. Installations may take half of it. */
const DEADLINE_MS = 50 * 60_000;
const PARTS = {
  client: ["the original's Python client against our server", pythonClientAgainstOurServer],
  original: ['the original server beside ours on one table', originalBesideOurs],
  production: ['our server as in production, with moto as AWS', productionOnMoto],
  stores: ["the stores' suites against Amazon's DynamoDB Local", storesAgainstDynamoDbLocal],
  redis: ['sessions in a real Redis', sessionsInRedis],
  aws: ["AWS's command line against the local keyring", awsCliAgainstTheKeyring],
  recipes: ['the recipes, with the programs they are for', recipesWithTheirPrograms],
  openapi: ['requests made from the OpenAPI document', requestsMadeFromOpenApi],
};

sweepAtEnd(DEADLINE_MS);
const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => PARTS[name] === undefined);
if (unknown !== undefined) {
  console.error(`There is no part ${unknown}. The parts: ${Object.keys(PARTS).join(', ')}`);
  process.exit(2);
}
for (const [name, [title, body]] of Object.entries(PARTS)) {
  if (wanted.length === 0 || wanted.includes(name)) await part(name, title, body);
}
process.exit(close());
