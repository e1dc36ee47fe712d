#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { App } from 'aws-cdk-lib';
import { PairText, RedriveAttachmentStack } from '../lib';
import { checked, codeOf, nameOf, textOf } from './context';

// Indexer and replay for the queues of a list, as infra/attach.yaml deploys them:
// npx cdk deploy --app 'node dist/bin/attach.js' -c pairs=pairs.json -c ledger=ARN
const app = new App();
const file = textOf(app, 'pairs');
if (file === undefined) {
  throw new Error('say where the list of queue pairs is: -c pairs=FILE; infra/pairs.example.json shows one');
}
const { pairs } = JSON.parse(readFileSync(file, 'utf8')) as { readonly pairs: readonly PairText[] };
const ledgerTableArn = textOf(app, 'ledger');
new RedriveAttachmentStack(app, nameOf(app), {
  pairs,
  attachment: codeOf(app),
  ...(ledgerTableArn === undefined ? {} : { ledgerTableArn }),
});
checked(app);
