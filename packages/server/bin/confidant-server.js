#!/usr/bin/env node
import { main } from '../dist/main.js';

// The log is written synchronously; whatever a failed start left open must not keep the process.
process.exit(await main(process.env, process.argv.slice(2)));
