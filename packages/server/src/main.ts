import cluster from 'node:cluster';
import { createRequire } from 'node:module';
import { userInfo } from 'node:os';
import { relative, resolve } from 'node:path';
import type { Logger } from 'pino';
import { openLog } from './adapters/telemetry/log.js';
import { openKeyring } from './compose/backends.js';
import { compose } from './compose/compose.js';
import { loadSettings } from './compose/settings.js';
import { serveMetrics } from './compose/telemetry.js';
import type { Environment, Fault } from './config/setting-types.js';
import { dangers, isEmbedded, migrationNotes } from './config/parse.js';
import { SETTINGS, type Settings } from './config/settings.js';
import { prepareHangUp } from './http/hang-up.js';
import { openAccessKey } from './embedded/access-key.js';
import { writeClientFiles } from './embedded/client-files.js';
import { lockDataDirectory } from './embedded/data-lock.js';
import { startKmsEndpoint } from './embedded/kms-endpoint.js';
import { firstSteps } from './embedded/first-steps.js';
import { issueLoginLink, loginLink } from './embedded/login-link.js';
import { superviseWorkers } from './compose/workers.js';

/**
 * Runs the server until it is told to stop. Resolves with the exit code: 0 after a graceful stop, 1 when the settings
 * are at fault or the start failed, 2 for arguments that it does not know.
 */
export async function main(environment: Environment, args: readonly string[]): Promise<number> {
  const answered = answerArguments(args);
  if (answered !== undefined) return answered;
  const { settings, faults, warnings } = await loadSettings(environment);
  if (faults.length > 0) {
    process.stderr.write(describeFaults(faults));
    return 1;
  }
  const logger = openLog(settings.LOG_LEVEL);
  try {
    if (cluster.isWorker) return await serve(settings, logger);
    for (const warning of warnings) {
      logger.error(warning);
      process.stderr.write(`Warning: ${warning}\n`);
    }
    for (const note of migrationNotes(environment)) logger.warn(note);
    for (const danger of dangers(settings)) {
      logger.warn(danger);
      process.stderr.write(`WARNING: ${danger}\n`);
    }
    const embedded = isEmbedded(settings) ? await openEmbedded(settings, logger) : undefined;
    const announce = (url: string): void => {
      logger.info({ url, workers: settings.WEB_CONCURRENCY }, 'listening');
      embedded?.announce(url);
    };
    const exitCode =
      settings.WEB_CONCURRENCY > 1
        ? await supervise(settings, logger, announce)
        : await serve(settings, logger, announce);
    await embedded?.close();
    return exitCode;
  } catch (error) {
    const onPort = portFailure(error, settings);
    logger.fatal(onPort === undefined ? { err: error } : { reason: onPort }, 'the server could not start');
    process.stderr.write(`Confidant could not start: ${onPort ?? causesOf(error)}\n`);
    return 1;
  }
}

/** What the operator can do where a port can not be had; undefined: that is not what failed. */
function portFailure(error: unknown, settings: Settings): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, port, address } = error as { code?: string; port?: number; address?: string };
  if (port === undefined || (code !== 'EADDRINUSE' && code !== 'EACCES')) return undefined;
  const setting = [
    ['METRICS_PORT', settings.METRICS_PORT],
    ['CONFIDANT_KMS_PORT', isEmbedded(settings) ? settings.CONFIDANT_KMS_PORT : null],
  ].find(([, own]) => own === port)?.[0];
  return code === 'EADDRINUSE'
    ? `${address}:${port} is in use by another program. Set ${setting ?? 'PORT'} to a free port.`
    : `this user may not listen on ${address}:${port}. Set ${setting ?? 'PORT'} to 1024 or more.`;
}

/** Every cause in a row. */
function causesOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const causes: string[] = [];
  for (let at: unknown = error; at instanceof Error && causes.length < 5; at = at.cause) causes.push(at.message);
  return causes.join(': ');
}

const HELP = `confidant-server: the server of Confidant

It takes no arguments: settings are environment variables, listed in docs/reference/settings.md.
  PORT, HOST             where to listen (127.0.0.1:8080)
  CONFIDANT_DATA_DIR     state of the embedded default (./data)
  DYNAMODB_TABLE, KMS_MASTER_KEY, AUTH_KEY, AUTH_CONTEXT
                         select DynamoDB and AWS KMS instead

  --help, --version      print and exit
`;

/** Answers the few arguments there are; undefined: none was given, so serve. */
function answerArguments(args: readonly string[]): number | undefined {
  if (args.length === 0) return undefined;
  if (args.length === 1 && (args[0] === '--help' || args[0] === '-h')) {
    process.stdout.write(HELP);
    return 0;
  }
  if (args.length === 1 && args[0] === '--version') {
    const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
    process.stdout.write(`confidant-server ${version}\n`);
    return 0;
  }
  process.stderr.write('confidant-server takes no arguments; see confidant-server --help\n');
  return 2;
}

function describeFaults(faults: readonly Fault[]): string {
  const lines = faults.map(({ setting, problem }) => `  ${setting}: ${problem}\n`);
  return `Confidant does not start: ${faults.length === 1 ? 'a setting is' : `${faults.length} settings are`} at fault.\n${lines.join('')}`;
}

/** The process above the workers: it restarts them, and adds up their metrics. */
async function supervise(settings: Settings, logger: Logger, announce: (url: string) => void): Promise<number> {
  const metrics = await serveMetrics(settings, logger);
  const exitCode = await superviseWorkers(
    settings.WEB_CONCURRENCY,
    logger,
    settings.SHUTDOWN_TIMEOUT_SECONDS * 1000,
    announce,
  );
  await metrics?.close();
  return exitCode;
}

/** One process that serves: until SIGTERM or SIGINT, then requests in flight end. */
async function serve(settings: Settings, logger: Logger, announce?: (url: string) => void): Promise<number> {
  const composed = await compose(settings, logger);
  // Workers have no port of their own for this: the supervisor asks them.
  const metrics = cluster.isWorker ? undefined : await serveMetrics(settings, logger, composed.prometheus);
  const hangUp = prepareHangUp(composed.server.server);
  const address = await composed.server.listen({ host: settings.HOST, port: settings.PORT });
  // From before it is told that it listens: who reads that may stop it at once.
  const stopping = stopRequested();
  announce?.(address);
  void composed.check();
  process.send?.({ listening: address });
  const signal = await stopping;
  logger.info({ signal }, 'stopping');
  const overdue = setTimeout(() => {
    logger.warn('requests in flight did not end in time');
    process.exit(0);
  }, settings.SHUTDOWN_TIMEOUT_SECONDS * 1000);
  const stopHangingUp = hangUp();
  await composed.close();
  await metrics?.close();
  stopHangingUp();
  clearTimeout(overdue);
  // A worker that listens to its supervisor lives until one of them hangs up.
  if (cluster.isWorker) process.disconnect();
  return 0;
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
function stopRequested(): Promise<string> {
  return new Promise((resolveSignal) => {
    let asked = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        resolveSignal(signal);
      });
    }
    // A worker whose supervisor died has nobody left to stop it.
    process.on('disconnect', () => resolveSignal('disconnect'));
  });
}

/** The embedded default's KMS endpoint and the files its clients use. */
async function openEmbedded(
  settings: Settings,
  logger: Logger,
): Promise<{ announce(url: string): void; close(): Promise<void> }> {
  const dataDir = settings.CONFIDANT_DATA_DIR;
  const unlock = lockDataDirectory(dataDir);
  const keyring = openKeyring(settings);
  const accessKey = openAccessKey(dataDir);
  const endpoint = await startKmsEndpoint({
    keyring,
    accessKey,
    host: '127.0.0.1',
    port: settings.CONFIDANT_KMS_PORT,
    onFault: (error) => logger.error({ err: error }, 'the local KMS endpoint failed'),
  });
  return {
    announce: (serverUrl) => {
      const { envPath } = writeClientFiles({
        dataDir,
        serverUrl,
        kmsUrl: endpoint.url,
        accessKey,
        authContext: settings.AUTH_CONTEXT,
        userName: userInfo().username,
      });
      process.stderr.write(
        firstSteps({
          serverUrl,
          kmsUrl: endpoint.url,
          envFile: shortest(envPath),
          dataDir: resolve(dataDir),
          isUsualDataDir: dataDir === SETTINGS.CONFIDANT_DATA_DIR.fallback,
          loginUrl:
            settings.USE_AUTH && settings.USER_AUTH_MODULE === 'local'
              ? loginLink(serverUrl, issueLoginLink(dataDir))
              : undefined,
        }),
      );
    },
    close: async () => {
      await endpoint.close();
      keyring.close();
      unlock();
    },
  };
}

function shortest(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') || near.includes(' ') ? path : `./${near}`;
}
