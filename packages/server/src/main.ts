import cluster from 'node:cluster';
import { userInfo } from 'node:os';
import { relative, resolve } from 'node:path';
import type { Logger } from 'pino';
import { openLog } from './adapters/log.js';
import { compose } from './compose.js';
import { loadSettings } from './compose-settings.js';
import { serveMetrics } from './compose-telemetry.js';
import { dangers, type Environment, type Fault, isEmbedded, migrationNotes } from './config/parse.js';
import type { Settings } from './config/settings.js';
import { openAccessKey } from './local/access-key.js';
import { writeClientFiles } from './local/client-files.js';
import { Keyring } from './local/keyring.js';
import { startKmsEndpoint } from './local/kms-endpoint.js';
import { firstSteps } from './local/first-steps.js';
import { issueLoginLink, loginLink } from './local/login-link.js';
import { superviseWorkers } from './workers.js';

/**
 * Runs the server until it is told to stop. Resolves with the exit code: 0 after a graceful stop, 1 when the settings
 * are at fault or the start failed.
 */
export async function main(environment: Environment = process.env): Promise<number> {
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
    logger.fatal({ err: error }, 'the server could not start');
    process.stderr.write(`Confidant could not start: ${startFailure(error)}\n`);
    return 1;
  }
}

/** What the operator can do about it, where that is known. */
function startFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, port, address } = error as { code?: string; port?: number; address?: string };
  if (code === 'EADDRINUSE') {
    return `${address}:${port} is in use by another program. Set PORT (the API) or CONFIDANT_KMS_PORT (the local KMS) to a free port.`;
  }
  if (code === 'EACCES' && port !== undefined) {
    return `this user may not listen on ${address}:${port}. Set PORT to 1024 or more.`;
  }
  return error.message;
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
  const address = await composed.server.listen({ host: settings.HOST, port: settings.PORT });
  announce?.(address);
  process.send?.({ listening: address });
  const signal = await stopRequested();
  logger.info({ signal }, 'stopping');
  const overdue = setTimeout(() => {
    logger.warn('requests in flight did not end in time');
    process.exit(0);
  }, settings.SHUTDOWN_TIMEOUT_SECONDS * 1000);
  await composed.close();
  await metrics?.close();
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
  const keyring = Keyring.open(dataDir);
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
    },
  };
}

function shortest(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') || near.includes(' ') ? path : `./${near}`;
}
