#!/usr/bin/env node
import { runAsProgram } from '../dist/cli/process/run-as-program.js';
import { main } from '../dist/format/main.js';

await runAsProgram('confidant-format', main);
