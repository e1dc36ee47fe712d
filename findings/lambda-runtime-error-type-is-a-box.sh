#!/usr/bin/env bash
# lambda_runtime 1.5.0 (Rust, crate): whatever a handler fails with, errorType is the same text.
#
# A handler that returns lambda_runtime::Error, as nearly all do, reports the name of the box and not of the error in it:
# "&alloc::boxed::Box<dyn core::error::Error + core::marker::Send + core::marker::Sync>".
# Runtimes of other languages report the class there (ValueError, TypeError).
#
# Why it matters: errorType is what a destination or a dead-letter queue of an asynchronous invocation tells of the
# failure. A tool that groups failures by it puts every failure of every Rust function into one group.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

mkdir "$dir/src"
cat > "$dir/Cargo.toml" <<'TOML'
[package]
name = "failures"
version = "0.0.0"
edition = "2021"

[dependencies]
lambda_runtime = { version = "=1.5.0", default-features = false }
TOML
cat > "$dir/src/main.rs" <<'RUST'
use lambda_runtime::{Diagnostic, Error};

#[derive(Debug)]
struct OutOfStock;

impl std::fmt::Display for OutOfStock {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("out of stock")
    }
}

impl std::error::Error for OutOfStock {}

fn main() {
    let failures: [Error; 2] = [OutOfStock.into(), "seven".parse::<u8>().unwrap_err().into()];
    for failure in failures {
        let reported = Diagnostic::from(failure);
        println!("{}: errorType {}", reported.error_message, reported.error_type);
    }
}
RUST
seen=$(CARGO_TARGET_DIR=$dir/target cargo run -q --manifest-path "$dir/Cargo.toml")
echo "$seen"
diff <(echo "$seen") - <<'SEEN' || { echo "errorType tells something else now" >&2; exit 1; }
out of stock: errorType &alloc::boxed::Box<dyn core::error::Error + core::marker::Send + core::marker::Sync>
invalid digit found in string: errorType &alloc::boxed::Box<dyn core::error::Error + core::marker::Send + core::marker::Sync>
SEEN
