#!/usr/bin/env node
import { runAsProgram } from '../dist/cli/program-process.js';
import { main } from '../dist/cli/main.js';

await runAsProgram('confidant', main);
