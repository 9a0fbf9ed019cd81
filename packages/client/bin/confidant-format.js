#!/usr/bin/env node
import { runAsProgram } from '../dist/cli/program-process.js';
import { main } from '../dist/format/main.js';

await runAsProgram('confidant-format', main);
