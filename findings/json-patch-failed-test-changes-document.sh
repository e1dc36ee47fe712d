#!/usr/bin/env bash
# fast-json-patch 3.1.1 and rfc6902 5.4.0 (npm): a JSON Patch whose "test" fails has changed the document all the same.
#
# RFC 6902 (section 5) says that a patch with a failing operation is not successful as a whole.
# fast-json-patch's applyPatch throws, and leaves the operations before the test applied to the document it was given.
# rfc6902's applyPatch throws nothing: it goes on after the failing test and applies the operations behind it, too.
# The failure is one entry in the list that it returns.
#
# Why it matters: a "test" is the guard in a patch that mends dead letters ("only where the currency is EUR").
# Whoever sends the document on, after the error or without reading the list, replays a body that the guard had refused.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --silent --no-audit --no-fund fast-json-patch@3.1.1 rfc6902@5.4.0

cat > "$dir/run.mjs" <<'JS'
import fast from 'fast-json-patch';
import { applyPatch } from 'rfc6902';

const patch = [
  { op: 'replace', path: '/amount', value: 12 },
  { op: 'test', path: '/currency', value: 'EUR' },
  { op: 'add', path: '/approved', value: true },
];
let order = { amount: 10, currency: 'CHF' };
let outcome = 'returned';
try { fast.applyPatch(order, patch); } catch (error) { outcome = `threw ${error.name}`; }
console.log(`fast-json-patch ${outcome}, the document is now ${JSON.stringify(order)}`);

order = { amount: 10, currency: 'CHF' };
const results = applyPatch(order, patch);
console.log(`rfc6902 returned ${results.map((result) => result?.name ?? 'done')}, the document is now ${JSON.stringify(order)}`);
JS
seen=$(cd "$dir" && node run.mjs)
echo "$seen"
diff <(echo "$seen") - <<'SEEN' || { echo "a failing test leaves something else behind now" >&2; exit 1; }
fast-json-patch threw TEST_OPERATION_FAILED, the document is now {"amount":12,"currency":"CHF"}
rfc6902 returned done,TestError,done, the document is now {"amount":12,"currency":"CHF","approved":true}
SEEN
