#!/usr/bin/env bash
# @aws-lambda-powertools/idempotency 2.35.0 (npm) and aws-lambda-powertools 3.37.0 (PyPI): where a key is required,
# TypeScript refuses a key that is made of zeros, and Python takes it.
#
# A Kafka record is identified by its partition and its offset. The first record of partition 0 has [0, 0].
# With throwOnNoIdempotencyKey TypeScript says that no data was found for the key, for that record and no other.
# An order number 0, or a flag that is false, is "missing" in the same way.
#
# Why it matters: the record fails each time it is tried, so it blocks its partition or becomes a dead letter,
# and the error sends whoever looks at it to search for a member that is there.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check aws-lambda-powertools==3.37.0 jmespath==1.0.1 'boto3==1.43.117'
npm install --prefix "$dir" --silent --no-audit --no-fund @aws-lambda-powertools/idempotency@2.35.0

cat > "$dir/run.mjs" <<'JS'
import { IdempotencyConfig } from '@aws-lambda-powertools/idempotency';
import { BasePersistenceLayer } from '@aws-lambda-powertools/idempotency/persistence';

class Accepting extends BasePersistenceLayer {
  async _putRecord() {}
  async _getRecord() {}
  async _updateRecord() {}
  async _deleteRecord() {}
}
const config = new IdempotencyConfig({ eventKeyJmesPath: '[partition, offset]', throwOnNoIdempotencyKey: true });
for (const offset of [0, 1]) {
  const layer = new Accepting();
  layer.configure({ config, keyPrefix: 'records' });
  const answer = await layer.saveInProgress({ partition: 0, offset }, 1000).then(() => 'accepted', (error) => error.message);
  console.log(`TypeScript [0, ${offset}]: ${answer}`);
}
JS
cat > "$dir/run.py" <<'PYTHON'
from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer


class Accepting(BasePersistenceLayer):
    def _put_record(self, data_record): ...
    def _get_record(self, idempotency_key): ...
    def _update_record(self, data_record): ...
    def _delete_record(self, data_record): ...


config = IdempotencyConfig(event_key_jmespath="[partition, offset]", raise_on_no_idempotency_key=True)
for offset in (0, 1):
    layer = Accepting()
    layer.configure(config, key_prefix="records")
    layer.save_inprogress({"partition": 0, "offset": offset}, remaining_time_in_millis=1000)
    print(f"Python     [0, {offset}]: accepted")
PYTHON
seen=$(node "$dir/run.mjs" && "$dir/venv/bin/python" "$dir/run.py")
echo "$seen"
diff <(echo "$seen") - <<'SEEN' || { echo "zeros are judged in another way now" >&2; exit 1; }
TypeScript [0, 0]: No data found to create a hashed idempotency_key
TypeScript [0, 1]: accepted
Python     [0, 0]: accepted
Python     [0, 1]: accepted
SEEN
