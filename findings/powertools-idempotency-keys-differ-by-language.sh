#!/usr/bin/env bash
# aws-lambda-powertools 3.37.0 (PyPI) and @aws-lambda-powertools/idempotency 2.35.0 (npm): the same payload with the
# same key prefix gets another idempotency key in each language. None of five payloads agrees.
#
# Python hashes JSON with spaces after the separators and writes the MD5 in hexadecimal.
# TypeScript hashes JSON without spaces and writes the MD5 in base64. So even a plain string differs.
# Within Python 1 and 1.0 are two keys, within TypeScript they are one. The order of members matters in neither.
#
# Why it matters: a consumer is rewritten in the other language and keeps its table and its prefix.
# Every message that was done before, and is replayed from the dead-letter queue afterwards, is done a second time.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check aws-lambda-powertools==3.37.0 jmespath==1.0.1 'boto3==1.43.117'
npm install --prefix "$dir" --silent --no-audit --no-fund @aws-lambda-powertools/idempotency@2.35.0

cat > "$dir/keys.py" <<'PYTHON'
import json
import sys

from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer


class Recorder(BasePersistenceLayer):
    def _put_record(self, data_record):
        self.key = data_record.idempotency_key

    def _get_record(self, idempotency_key): ...
    def _update_record(self, data_record): ...
    def _delete_record(self, data_record): ...


for line in sys.stdin:
    layer = Recorder()
    layer.configure(IdempotencyConfig(), key_prefix="orders")
    layer.save_inprogress(json.loads(line), remaining_time_in_millis=1000)
    print(layer.key)
PYTHON
cat > "$dir/keys.mjs" <<'JS'
import { readFileSync } from 'node:fs';
import { IdempotencyConfig } from '@aws-lambda-powertools/idempotency';
import { BasePersistenceLayer } from '@aws-lambda-powertools/idempotency/persistence';

class Recorder extends BasePersistenceLayer {
  async _putRecord(record) { this.key = record.idempotencyKey; }
  async _getRecord() {}
  async _updateRecord() {}
  async _deleteRecord() {}
}
for (const line of readFileSync(0, 'utf8').trim().split('\n')) {
  const layer = new Recorder();
  layer.configure({ config: new IdempotencyConfig({}), keyPrefix: 'orders' });
  await layer.saveInProgress(JSON.parse(line), 1000);
  console.log(layer.key);
}
JS
printf '%s\n' '"order-7"' '["a","b"]' '{"id":7}' '{"b":1,"a":2}' '{"a":2,"b":1}' '1' '1.0' > "$dir/payloads"
"$dir/venv/bin/python" "$dir/keys.py" < "$dir/payloads" > "$dir/python"
node "$dir/keys.mjs" < "$dir/payloads" > "$dir/typescript"
paste "$dir/payloads" "$dir/python" "$dir/typescript"

fail() { echo "$1" >&2; exit 1; }
key() { sed -n "$2p" "$dir/$1"; }
[ "$(wc -l < "$dir/python")" = 7 ] && [ "$(wc -l < "$dir/typescript")" = 7 ] || fail "not seven keys each"
for line in 1 2 3 4 6; do [ "$(key python $line)" != "$(key typescript $line)" ] || fail "payload $line now has one key in both"; done
for language in python typescript; do [ "$(key $language 4)" = "$(key $language 5)" ] || fail "the order of members now matters"; done
[ "$(key python 6)" != "$(key python 7)" ] && [ "$(key typescript 6)" = "$(key typescript 7)" ] || fail "1 and 1.0 are told apart in another way now"
