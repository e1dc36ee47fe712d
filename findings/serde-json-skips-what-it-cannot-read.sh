#!/usr/bin/env bash
# serde_json 1.0.145 (Rust, crate): a field that is skipped may hold what the same library refuses to read.
#
# The number 1e999 is valid JSON. As a Value it is an error ("number out of range"); in a field that a struct
# does not know, or as IgnoredAny, it passes. So does a lone surrogate such as "\ud800" in a skipped text.
#
# Why it matters: whether a body "is JSON" depends on the type it is read into. A consumer with a small struct works a
# message off; the tool that looks at dead messages reads a Value and calls the same body broken, or the other way round.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

mkdir "$dir/src"
cat > "$dir/Cargo.toml" <<'TOML'
[package]
name = "skipped"
version = "0.0.0"
edition = "2021"

[dependencies]
serde = { version = "=1.0.228", features = ["derive"] }
serde_json = "=1.0.145"
TOML
cat > "$dir/src/main.rs" <<'RUST'
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::Deserialize;
use serde_json::Value;

#[allow(dead_code)]
#[derive(Deserialize)]
struct Order {
    id: String,
}

fn read<T: DeserializeOwned>(body: &str) -> &'static str {
    if serde_json::from_str::<T>(body).is_ok() { "read" } else { "refused" }
}

fn main() {
    let bodies = [
        ("1e308", r#"{"id":"o-1","rate":1e308}"#),
        ("1e999", r#"{"id":"o-1","rate":1e999}"#),
        ("a lone surrogate", r#"{"id":"o-1","note":"\ud800"}"#),
    ];
    for (what, body) in bodies {
        println!("{what}: struct {}, IgnoredAny {}, Value {}", read::<Order>(body), read::<IgnoredAny>(body), read::<Value>(body));
    }
}
RUST
seen=$(CARGO_TARGET_DIR=$dir/target cargo run -q --manifest-path "$dir/Cargo.toml")
echo "$seen"
diff <(echo "$seen") - <<'SEEN' || { echo "skipped fields are read in another way now" >&2; exit 1; }
1e308: struct read, IgnoredAny read, Value read
1e999: struct read, IgnoredAny read, Value refused
a lone surrogate: struct read, IgnoredAny read, Value refused
SEEN
