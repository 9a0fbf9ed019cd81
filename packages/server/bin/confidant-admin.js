#!/usr/bin/env node
import { runAdmin } from '../dist/admin/cli.js';

await runAdmin();
