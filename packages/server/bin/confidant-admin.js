#!/usr/bin/env node
import { runAdmin } from '../dist/admin/cli.js';

// On Node 20 the AWS SDK would print a notice about its releases of 2027.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

await runAdmin();
