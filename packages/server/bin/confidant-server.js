#!/usr/bin/env node
import { main } from '../dist/main.js';

// On Node 20 the AWS SDK would print a notice about its releases of 2027.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

// The log is written synchronously; whatever a failed start left open must not keep the process.
process.exit(await main(process.env, process.argv.slice(2)));
