#!/usr/bin/env bash
# json-patch 5.0.0 (Rust, crate): `test` compares numbers by the form in which they are written.
#
# RFC 6902, 4.6, says that numbers are equal if their values are numerically equal. Here 100 is not 100.0, and 1e2 is
# not 100, so the whole patch is refused. The JavaScript libraries fast-json-patch and rfc6902 take all three as equal.
#
# Why it matters: `test` guards a patch of dead messages, so that only those with the expected amount are changed. Written
# by one language as 100.0 and by another as 100, the same order is patched or refused.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

mkdir "$dir/src"
cat > "$dir/Cargo.toml" <<'TOML'
[package]
name = "patches"
version = "0.0.0"
edition = "2021"

[dependencies]
json-patch = "=5.0.0"
serde_json = "=1.0.145"
TOML
cat > "$dir/src/main.rs" <<'RUST'
fn main() {
    for (body, guard) in [("100", "100"), ("100", "100.0"), ("100.0", "100"), ("100", "1e2")] {
        let mut order: serde_json::Value = serde_json::from_str(&format!(r#"{{"amount":{body}}}"#)).unwrap();
        let patch = format!(r#"[{{"op":"test","path":"/amount","value":{guard}}}]"#);
        let patch: json_patch::Patch = serde_json::from_str(&patch).unwrap();
        let equal = json_patch::patch(&mut order, &patch).is_ok();
        println!("{body} against {guard}: {}", if equal { "equal" } else { "different" });
    }
}
RUST
rust=$(CARGO_TARGET_DIR=$dir/target cargo run -q --manifest-path "$dir/Cargo.toml")
echo "json-patch (Rust):"
echo "$rust"
cd "$dir"
npm install --silent --no-audit --no-fund --prefix "$dir" fast-json-patch@3.1.1 rfc6902@5.1.2 > "$dir/npm.log" 2>&1
cat > numbers.cjs <<'JS'
const fast = require('fast-json-patch')
const rfc = require('rfc6902')
for (const [body, guard] of [['100', '100'], ['100', '100.0'], ['100.0', '100'], ['100', '1e2']]) {
  const patch = () => JSON.parse(`[{"op":"test","path":"/amount","value":${guard}}]`)
  const order = () => JSON.parse(`{"amount":${body}}`)
  let equal = true
  try { fast.applyPatch(order(), patch()) } catch { equal = false }
  equal = equal && rfc.applyPatch(order(), patch()).every((problem) => problem === null)
  console.log(`${body} against ${guard}: ${equal ? 'equal' : 'different'}`)
}
JS
script=$(node numbers.cjs)
echo "fast-json-patch and rfc6902 (JavaScript):"
echo "$script"
[ "$(grep -c different <<< "$rust")" = 3 ] || { echo "json-patch compares numbers in another way now" >&2; exit 1; }
[ "$(grep -c equal <<< "$script")" = 4 ] || { echo "the JavaScript libraries compare numbers in another way now" >&2; exit 1; }
