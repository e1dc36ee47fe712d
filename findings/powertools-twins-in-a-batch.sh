#!/usr/bin/env bash
# @aws-lambda-powertools/batch and idempotency 2.35.0 (npm) beside aws-lambda-powertools 3.37.0 (PyPI): a producer sends an order
# twice, and both messages come in one batch. Python reports neither as failed. TypeScript reports the second one.
#
# TypeScript handles the records of a batch side by side, so the second finds the first in progress, which is an error for it.
# Python handles them one after the other: the second finds the first one's result, and returns that.
# In both languages the handler runs once.
#
# Why it matters: the same consumer, written again in TypeScript, gives messages back that need nothing more. Each costs a receive.
# With a maxReceiveCount of 1 an order that was charged goes into the dead-letter queue, and its alarm rings.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check aws-lambda-powertools==3.37.0 jmespath==1.0.1 'boto3==1.43.117'
npm install --prefix "$dir" --silent --no-audit --no-fund @aws-lambda-powertools/batch@2.35.0 @aws-lambda-powertools/idempotency@2.35.0

cat > "$dir/event.json" <<'JSON'
{"Records": [
  {"messageId": "first", "body": "{\"order_id\": \"o-1\"}", "eventSource": "aws:sqs"},
  {"messageId": "second", "body": "{\"order_id\": \"o-1\"}", "eventSource": "aws:sqs"}
]}
JSON
cat > "$dir/run.mjs" <<'JS'
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import { IdempotencyConfig, IdempotencyItemAlreadyExistsError, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { BasePersistenceLayer } from '@aws-lambda-powertools/idempotency/persistence';

// A table in memory, which takes a key once.
class Memory extends BasePersistenceLayer {
  #records = new Map();
  async _putRecord(record) {
    const found = this.#records.get(record.idempotencyKey);
    if (found) throw new IdempotencyItemAlreadyExistsError('there is one', found);
    this.#records.set(record.idempotencyKey, record);
  }
  async _getRecord(key) { return this.#records.get(key); }
  async _updateRecord(record) { this.#records.set(record.idempotencyKey, record); }
  async _deleteRecord(record) { this.#records.delete(record.idempotencyKey); }
}

let runs = 0;
const charge = makeIdempotent(async () => {
  runs += 1;
  await setTimeout(10);
  return { charged: true };
}, { persistenceStore: new Memory(), config: new IdempotencyConfig({ eventKeyJmesPath: 'order_id' }) });
const event = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const answer = await processPartialResponse(event, (record) => charge(JSON.parse(record.body)), new BatchProcessor(EventType.SQS));
console.log(`TypeScript: ${runs} run, failed: ${JSON.stringify(answer.batchItemFailures)}`);
JS
cat > "$dir/run.py" <<'PYTHON'
import json
import sys

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemAlreadyExistsError
from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer


class Memory(BasePersistenceLayer):
    """A table in memory, which takes a key once."""

    def __init__(self):
        self.records = {}
        super().__init__()

    def _put_record(self, data_record):
        found = self.records.get(data_record.idempotency_key)
        if found:
            raise IdempotencyItemAlreadyExistsError(old_data_record=found)
        self.records[data_record.idempotency_key] = data_record

    def _get_record(self, idempotency_key):
        return self.records[idempotency_key]

    def _update_record(self, data_record):
        self.records[data_record.idempotency_key] = data_record

    def _delete_record(self, data_record):
        del self.records[data_record.idempotency_key]


runs = 0


@idempotent_function(data_keyword_argument="order", persistence_store=Memory(), config=IdempotencyConfig(event_key_jmespath="order_id"))
def charge(order):
    global runs
    runs += 1
    return {"charged": True}


event = json.load(open(sys.argv[1]))
answer = process_partial_response(
    event=event, record_handler=lambda record: charge(order=json.loads(record.body)), processor=BatchProcessor(event_type=EventType.SQS)
)
print(f"Python: {runs} run, failed: {json.dumps(answer['batchItemFailures'])}")
PYTHON
export AWS_REGION=us-east-1 POWERTOOLS_SERVICE_NAME=orders AWS_LAMBDA_FUNCTION_NAME=orders
typescript=$(node "$dir/run.mjs" "$dir/event.json" 2>/dev/null)
python=$("$dir/venv/bin/python" -W ignore "$dir/run.py" "$dir/event.json")
printf '%s\n%s\n' "$typescript" "$python"
[ "$typescript" = 'TypeScript: 1 run, failed: [{"itemIdentifier":"second"}]' ] || { echo "TypeScript answers otherwise now" >&2; exit 1; }
[ "$python" = 'Python: 1 run, failed: []' ] || { echo "Python answers otherwise now" >&2; exit 1; }
