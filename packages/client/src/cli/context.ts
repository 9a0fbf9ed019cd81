import type { GlobalOptions } from './arguments/read-globals.js';
import { Configuration } from './configuration/configuration.js';
import { Connections } from './connections.js';
import type { Log } from './terminal/log.js';
import { Progress } from './terminal/progress.js';

/** What a command works with. Configuration and connections are made when first asked for. */
export class Context {
  readonly progress = new Progress();
  readonly configuration: Configuration;
  readonly connections: Connections;

  constructor(
    readonly globals: GlobalOptions,
    readonly log: Log,
    /** The arguments with their option names spelled out, for command_wrap. */
    readonly argv: { before: readonly string[]; command: string; after: readonly string[] },
  ) {
    const { command } = argv;
    this.configuration = new Configuration(globals, log, command);
    const { configuration, progress } = this;
    this.connections = new Connections({ configuration, globals, log, progress, command });
  }

  /** Closes the connections and frees the terminal. */
  async close(): Promise<void> {
    this.progress.stop();
    await this.connections.close();
  }
}
