import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

export default defineConfig({
  base: "/static/terminal/",
  resolve: {
    alias: {
      "exchange-client": fileURLToPath(new URL("../../clients/typescript/src/index.ts", import.meta.url)),
    },
  },
  build: {
    manifest: "manifest.json",
    rollupOptions: { input: "src/main.tsx" },
    target: "es2022",
    // Every script and style is a file: the page's policy allows none within it.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
