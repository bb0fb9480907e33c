import { defineConfig } from 'vite'

// `npm run dev` shows the page with the API of a sluice that runs: SLUICE_ADMIN names it.
const admin = (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env.SLUICE_ADMIN ?? 'http://127.0.0.1:9900'
const proxied = { target: admin, changeOrigin: true }

export default defineConfig({
  base: './', // the page works under any path that a proxy gives it
  build: {
    target: 'es2022',
    assetsInlineLimit: 0, // the policy forbids data: addresses
    modulePreload: { polyfill: false },
    sourcemap: false,
    cssCodeSplit: false,
    reportCompressedSize: false, // scripts/seal.mjs says it
  },
  server: { proxy: { '/api': proxied, '/session': proxied, '/openapi.json': proxied } },
})
