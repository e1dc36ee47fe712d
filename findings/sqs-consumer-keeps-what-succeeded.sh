#!/usr/bin/env bash
# sqs-consumer 14.2.8 (npm): a handler that succeeds and returns nothing does not acknowledge its message.
# Neither does one that returns true, or an object of its own. Only an object with the message's MessageId does.
#
# Older major versions deleted the message whenever the handler did not throw.
# No error and no event tells of the difference: message_processed is not emitted, and the message comes back.
# (Version 15 needs Node 22 or later; this is the newest for Node 20.)
#
# Why it matters: after an update every message that succeeded is run again until maxReceiveCount is used up,
# and then fills the dead-letter queue, with no failure recorded anywhere.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --silent --no-audit --no-fund sqs-consumer@14.2.8 @aws-sdk/client-sqs@3.1175.0

cat > "$dir/run.mjs" <<'JS'
import { Consumer } from 'sqs-consumer';

/** Calls to SQS and errors of a consumer that receives one message. */
async function outcome(handleMessage) {
  const calls = [];
  const sqs = {
    async send(command) {
      calls.push(command.constructor.name);
      if (command.constructor.name !== 'ReceiveMessageCommand') return {};
      if (calls.length === 1) return { Messages: [{ MessageId: 'm-1', ReceiptHandle: 'r-1', Body: 'order 7' }] };
      consumer.stop();
      return {};
    },
  };
  const consumer = Consumer.create({ queueUrl: 'http://127.0.0.1/orders', sqs, handleMessage, pollingWaitTimeMs: 1 });
  const stopped = new Promise((resolve) => consumer.on('stopped', resolve));
  for (const kind of ['error', 'processing_error', 'timeout_error']) consumer.on(kind, () => calls.push(kind));
  consumer.start();
  await stopped;
  return calls.filter((call) => call !== 'ReceiveMessageCommand').join(' ') || 'nothing';
}

const handlers = {
  'returns nothing': async () => {},
  'returns true': async () => true,
  'returns {ok: true}': async () => ({ ok: true }),
  'returns the message': async (message) => message,
};
for (const [name, handler] of Object.entries(handlers)) console.log(`${name}: ${await outcome(handler)}`);
JS
seen=$(cd "$dir" && timeout 60 node run.mjs 2>"$dir/warnings") || { cat "$dir/warnings" >&2; exit 1; }
echo "$seen"
diff <(echo "$seen") - <<'SEEN' || { echo "what is acknowledged has changed" >&2; exit 1; }
returns nothing: nothing
returns true: nothing
returns {ok: true}: nothing
returns the message: DeleteMessageCommand
SEEN
