#!/usr/bin/env bash
# replay-aws-dlq 1.0.1 (npm): what it moves loses all message attributes, and on a FIFO queue its group, too.
#
# It receives without asking for attributes, so they are not there to be sent.
# To a FIFO queue every message is sent in one group named "re-drive", whatever group it died in.
# Each message is then deleted from the dead-letter queue, so the lost parts cannot be had any more.
#
# Why it matters: a consumer that routes by an attribute or reads its tenant from one fails on each replayed message.
# Messages of all customers stand in one line, and overtake or trail those that stayed in their own groups.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --prefix "$dir" --silent --no-audit --no-fund replay-aws-dlq@1.0.1

cat > "$dir/run.cjs" <<'JS'
const { redrive } = require('replay-aws-dlq');

// A queue with two dead letters that returns, as SQS does, only the attributes that a receive asks for.
const letters = ['customer-1', 'customer-2'].map((group, at) => ({
  MessageId: `m-${at}`, ReceiptHandle: `r-${at}`, Body: `order ${at}`,
  Attributes: { MessageGroupId: group },
  MessageAttributes: { tenant: { DataType: 'String', StringValue: 'a' } },
}));
const sent = [];
const gone = [];
const answer = (value) => ({ promise: async () => value });
const sqs = {
  receiveMessage({ AttributeNames = [], MessageAttributeNames = [] }) {
    const letter = letters.shift();
    if (!letter) return answer({});
    const { Attributes, MessageAttributes, ...rest } = letter;
    if (AttributeNames.length) rest.Attributes = Attributes;
    if (MessageAttributeNames.length) rest.MessageAttributes = MessageAttributes;
    return answer({ Messages: [rest] });
  },
  sendMessageBatch({ Entries }, done) {
    sent.push(...Entries);
    done(null, { Successful: Entries.map(({ Id }) => ({ Id })), Failed: [] });
  },
  deleteMessage({ ReceiptHandle }) { gone.push(ReceiptHandle); return answer({}); },
};
redrive({ from: 'http://127.0.0.1/1/dead.fifo', to: 'http://127.0.0.1/1/orders.fifo', options: { sqs } }).then(() => {
  for (const { MessageBody, MessageGroupId, MessageAttributes } of sent) {
    console.log(`sent: ${MessageBody}, group ${MessageGroupId}, attributes ${JSON.stringify(MessageAttributes) ?? 'none'}`);
  }
  console.log(`deleted: ${gone.join(' ')}`);
});
JS
seen=$(cd "$dir" && timeout 60 node run.cjs 2>"$dir/warnings") || { cat "$dir/warnings" >&2; exit 1; }
seen=$(grep -E '^(sent|deleted):' <<<"$seen")
echo "$seen"
diff <(echo "$seen") - <<'SEEN' || { echo "what is sent has changed" >&2; exit 1; }
sent: order 0, group re-drive, attributes none
sent: order 1, group re-drive, attributes none
deleted: r-0 r-1
SEEN
