import { defineConfig } from 'vite';

export default defineConfig({
  // The server answers these paths with what is built here; names carry a hash of their content.
  build: {
    outDir: 'dist',
    assetsDir: 'assets/app',
    // Inlined files would be data: addresses, which the Content-Security-Policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    reportCompressedSize: false,
    rolldownOptions: {
      // Libraries mark client components for frameworks that render on a server; here everything is one.
      onLog: (level, log, report) => {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') report(level, log);
      },
    },
  },
  logLevel: 'warn',
});
