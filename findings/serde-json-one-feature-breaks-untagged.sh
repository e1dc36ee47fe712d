#!/usr/bin/env bash
# serde_json 1.0.145 (Rust, crate) with its feature arbitrary_precision: an untagged or flattened field no longer reads
# a number with a fraction.
#
# The feature keeps numbers exactly as they are written, by handing them to serde as a map. A plain struct still reads
# them; an untagged enum and a flattened struct look at the map and refuse it, for f64 as well as for u64.
#
# Why it matters: Cargo unites features, so one more crate that wants exact amounts switches it on for the whole program.
# Messages that were read yesterday are then refused, each time they are received, until they are dead.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

mkdir "$dir/src"
cat > "$dir/Cargo.toml" <<'TOML'
[package]
name = "numbers"
version = "0.0.0"
edition = "2021"

[features]
exact = ["serde_json/arbitrary_precision"]

[dependencies]
serde = { version = "=1.0.228", features = ["derive"] }
serde_json = "=1.0.145"
TOML
cat > "$dir/src/main.rs" <<'RUST'
use serde::de::DeserializeOwned;
use serde::Deserialize;

#[allow(dead_code)]
#[derive(Deserialize)]
struct Plain {
    amount: f64,
}

#[allow(dead_code)]
#[derive(Deserialize)]
#[serde(untagged)]
enum Untagged {
    Amount { amount: f64 },
    Text(String),
}

#[allow(dead_code)]
#[derive(Deserialize)]
struct Flattened {
    id: String,
    #[serde(flatten)]
    plain: Plain,
}

fn read<T: DeserializeOwned>(body: &str) -> &'static str {
    if serde_json::from_str::<T>(body).is_ok() { "read" } else { "refused" }
}

fn main() {
    let body = r#"{"id":"o-1","amount":12.5}"#;
    println!("plain {}, untagged {}, flattened {}", read::<Plain>(body), read::<Untagged>(body), read::<Flattened>(body));
}
RUST
export CARGO_TARGET_DIR=$dir/target
without=$(cargo run -q --manifest-path "$dir/Cargo.toml")
with=$(cargo run -q --manifest-path "$dir/Cargo.toml" --features exact)
echo "without the feature: $without"
echo "with the feature:    $with"
[ "$without" = "plain read, untagged read, flattened read" ] || { echo "it is different without the feature now" >&2; exit 1; }
[ "$with" = "plain read, untagged refused, flattened refused" ] || { echo "it is different with the feature now" >&2; exit 1; }
