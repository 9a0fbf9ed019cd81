#!/usr/bin/env node
import { adminMain } from '../dist/admin/cli.js';

process.exitCode = await adminMain(process.argv.slice(2));
