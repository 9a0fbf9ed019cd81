import { createRequire } from 'node:module';
import type { Logger } from 'pino';
import { openLog } from './adapters/telemetry/log.js';
import { openEmbedded } from './compose/embedded.js';
import { openSettings } from './compose/open-settings.js';
import { openServer } from './compose/server.js';
import { describeCauses, describePortFailure } from './compose/start-failure.js';
import { stopRequested } from './compose/stop-signal.js';
import { serveMetrics } from './compose/telemetry.js';
import { isWorker, leaveSupervisor, reportListening, superviseWorkers } from './compose/workers.js';
import { describeFaults } from './config/faults.js';
import { dangers, migrationNotes, misspeltSettings } from './config/notices.js';
import type { Settings } from './config/server-settings.js';
import type { Environment } from './config/setting-types.js';
import { prepareHangUp } from './http/hang-up.js';

/**
 * Runs the server until it is stopped. Resolves with the exit code: 0 after a graceful stop, 1 when settings are invalid
 * or the start failed, 2 for unknown arguments.
 */
export async function main(environment: Environment, args: readonly string[]): Promise<number> {
  if (args.length > 0) return answerArguments(args);
  const { settings, faults, warnings } = await openSettings(environment);
  if (faults.length > 0) {
    process.stderr.write(describeFaults(faults));
    return 1;
  }
  const logger = openLog(settings.LOG_LEVEL);
  try {
    if (isWorker()) return await serve(settings, logger);
    showNotices(warnings, settings, environment, logger);
    const embedded = settings.kind === 'embedded' ? await openEmbedded(settings, logger) : undefined;
    const announce = (url: string): void => {
      logger.info({ url, workers: settings.WEB_CONCURRENCY }, 'listening');
      embedded?.announce(url);
    };
    const run = settings.WEB_CONCURRENCY > 1 ? supervise : serve;
    const exitCode = await run(settings, logger, announce);
    await embedded?.close();
    return exitCode;
  } catch (error) {
    const reason = describePortFailure(error, settings);
    logger.fatal(reason === undefined ? { err: error } : { reason }, 'the server could not start');
    process.stderr.write(`Confidant could not start: ${reason ?? describeCauses(error)}\n`);
    return 1;
  }
}

const HELP = `confidant-server: the server of Confidant

It takes no arguments. Settings are environment variables; docs/reference/settings.md lists them all.
  HOST, PORT             address to listen on (default 127.0.0.1:8080)
  CONFIDANT_DATA_DIR     data directory of the embedded server (default ./data)
  DYNAMODB_TABLE, KMS_MASTER_KEY, AUTH_KEY, AUTH_CONTEXT
                         use DynamoDB and AWS KMS instead of the embedded store
                         and keyring

  --help                 print this text
  --version              print name and version
`;

function answerArguments(args: readonly string[]): number {
  const only = args.length === 1 ? args[0] : undefined;
  if (only === '--help' || only === '-h') {
    process.stdout.write(HELP);
    return 0;
  }
  if (only === '--version') {
    const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
    process.stdout.write(`confidant-server ${version}\n`);
    return 0;
  }
  process.stderr.write('confidant-server takes no arguments; see confidant-server --help\n');
  return 2;
}

function showNotices(warnings: readonly string[], settings: Settings, environment: Environment, logger: Logger): void {
  for (const warning of warnings) {
    logger.error(warning);
    process.stderr.write(`Warning: ${warning}\n`);
  }
  for (const note of [...migrationNotes(environment), ...misspeltSettings(environment)]) logger.warn(note);
  for (const danger of dangers(settings)) {
    logger.warn(danger);
    process.stderr.write(`WARNING: ${danger}\n`);
  }
}

/** Runs the workers, and serves the sum of their metrics. */
async function supervise(settings: Settings, logger: Logger, announce: (url: string) => void): Promise<number> {
  const metrics = await serveMetrics(settings, logger);
  const shutdownTimeoutMs = settings.SHUTDOWN_TIMEOUT_SECONDS * 1000;
  const exitCode = await superviseWorkers(settings.WEB_CONCURRENCY, logger, shutdownTimeoutMs, announce);
  await metrics?.close();
  return exitCode;
}

/** Serves in this process until a stop is requested, then lets requests in flight end. */
async function serve(settings: Settings, logger: Logger, announce?: (url: string) => void): Promise<number> {
  const opened = await openServer(settings, logger);
  // Metrics of workers are served by their supervisor.
  const metrics = isWorker() ? undefined : await serveMetrics(settings, logger, opened.prometheus);
  const hangUp = prepareHangUp(opened.server.server);
  const address = await opened.server.listen({ host: settings.HOST, port: settings.PORT });
  // Signals count before the address is announced: a reader of the announcement may stop the server at once.
  const stopping = stopRequested();
  announce?.(address);
  void opened.check();
  reportListening(address);
  const signal = await stopping;
  logger.info({ signal }, 'stopping');
  const overdue = setTimeout(() => {
    logger.warn('requests in flight did not end in time');
    process.exit(0);
  }, settings.SHUTDOWN_TIMEOUT_SECONDS * 1000);
  const stopHangingUp = hangUp();
  await opened.close();
  await metrics?.close();
  stopHangingUp();
  clearTimeout(overdue);
  leaveSupervisor();
  return 0;
}
