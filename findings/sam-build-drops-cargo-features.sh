#!/usr/bin/env bash
# aws-sam-cli 1.170.0 with cargo-lambda 1.9.2 (PyPI): `sam build` hands a Rust function's Cargo features on to nobody.
#
# Its builder takes flags for cargo-lambda. SAM CLI reads `Binary` alone of the template's BuildProperties; `Flags` and `Features` beside
# it are dropped without a word, and the build succeeds.
#
# Why it matters: a consumer whose dead-letter client or broker is behind a feature is built and deployed without it. It fails at its
# first dead message, or does silently what the feature was to change.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check aws-sam-cli==1.170.0 cargo-lambda==1.9.2

mkdir -p "$dir/consumer/src"
printf '[package]\nname = "consumer"\nversion = "0.0.0"\nedition = "2021"\n[features]\ndead-letters = []\n[workspace]\n' > "$dir/consumer/Cargo.toml"
cat > "$dir/consumer/src/main.rs" <<'RUST'
fn main() {
    println!("dead letters: {}", if cfg!(feature = "dead-letters") { "kept" } else { "dropped" });
}
RUST
(cd "$dir/consumer" && cargo generate-lockfile --offline --quiet)
arch=$(uname -m)
cat > "$dir/template.yaml" <<YAML
Transform: AWS::Serverless-2016-10-31
Resources:
  Consumer:
    Type: AWS::Serverless::Function
    Metadata:
      BuildMethod: rust-cargolambda
      BuildProperties: {Binary: consumer, Features: [dead-letters], Flags: [--features, dead-letters]}
    Properties: {CodeUri: consumer, Handler: bootstrap, Runtime: provided.al2023, Architectures: [${arch/aarch64/arm64}]}
YAML
cd "$dir"
export PATH="$dir/venv/bin:$PATH" SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1
sam build > sam.log 2>&1 || { cat sam.log >&2; exit 1; }
built=$(.aws-sam/build/Consumer/bootstrap)
asked=$(cd consumer && cargo run --quiet --offline --features dead-letters)
printf 'sam build with Features and Flags -> %s\ncargo with --features -> %s\n' "$built" "$asked"
[ "$built" = 'dead letters: dropped' ] || { echo 'sam build hands features on now' >&2; exit 1; }
[ "$asked" = 'dead letters: kept' ]
