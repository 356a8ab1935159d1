#!/usr/bin/env bash
# Build graphiql.js, graphiql.css and LICENSES.txt from src/ with the packages that src/package-lock.json pins.
# The same input gives the same bytes. Needs Node.js 20+ and npm; the server needs neither.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cp "$here"/src/* "$work"
cd "$work"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
# The inlined web fonts go: 350 KB with licences of their own, and none has a Chinese glyph. page.css names system fonts.
sed -i 's/@font-face{[^}]*}//g' node_modules/graphiql/dist/style.css
node_modules/.bin/esbuild main.jsx --bundle --minify --format=iife --target=es2020 --charset=utf8 --legal-comments=none \
  '--define:process.env.NODE_ENV="production"' '--define:process.env.USE_IMPORT="true"' \
  --metafile=meta.json --outfile=graphiql.js --log-level=warning
node licences.mjs meta.json > LICENSES.txt
sed -i 's/[[:space:]]*$//' LICENSES.txt
cp graphiql.js graphiql.css LICENSES.txt "$here"
