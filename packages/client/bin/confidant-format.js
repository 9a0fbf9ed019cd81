#!/usr/bin/env node
import { main } from '../dist/format/main.js';

process.exitCode = await main();
