// Powertools for TypeScript, as a consumer has it: writes items to its idempotency table, and prints their ids, one a line. It reads
// what write.py reads. It takes the libraries from the folder that it is run in.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const found = createRequire(`${process.cwd()}/`);
const load = async (name) => import(pathToFileURL(found.resolve(name)).href);
const { IdempotencyConfig, makeIdempotent } = await load('@aws-lambda-powertools/idempotency');
const { DynamoDBPersistenceLayer } = await load('@aws-lambda-powertools/idempotency/dynamodb');

const config = new IdempotencyConfig({ expiresAfterSeconds: 3600 });
const layer = () => {
  const made = new DynamoDBPersistenceLayer({ tableName: process.env.POWERTOOLS_TABLE });
  made.configure({ config, keyPrefix: 'orders' });
  return made;
};
const charge = makeIdempotent(async (order) => ({ charged: order !== undefined }), {
  persistenceStore: layer(),
  config,
  keyPrefix: 'orders',
});
for (const line of readFileSync(0, 'utf8').trim().split('\n')) {
  const { payload, state } = JSON.parse(line);
  const data = JSON.parse(payload);
  if (state === 'COMPLETED') {
    await charge(data);
  } else if (state === 'INPROGRESS') {
    await layer().saveInProgress(data, 600_000);
  }
  console.log(layer().getHashedIdempotencyKey(data));
}
