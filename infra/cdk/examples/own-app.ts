import { App, Stack, aws_dynamodb as dynamodb, aws_sns_subscriptions as subscriptions } from 'aws-cdk-lib';
import { RedriveCode, RedriveQueue } from '../lib';

/** Example of what a user writes: a queue pair in a stack of their own, with their own handler and its permissions. */
export function ownApp(app: App, code: RedriveCode): RedriveQueue {
  const stack = new Stack(app, 'shop');
  const stock = new dynamodb.Table(stack, 'Stock', { partitionKey: { name: 'id', type: dynamodb.AttributeType.STRING } });

  const orders = new RedriveQueue(stack, 'Orders', {
    idempotencyKey: '/order_id',
    code,
    environment: { STOCK_TABLE_NAME: stock.tableName },
  });
  stock.grantReadWriteData(orders.processor);
  orders.alerts.addSubscription(new subscriptions.EmailSubscription('oncall@example.com'));
  return orders;
}

/** The same, built from source: your handler's crate, and a clone of Redrive beside it for indexer and replay. */
export function builtFromSource(stack: Stack): RedriveQueue {
  return new RedriveQueue(stack, 'Orders', {
    idempotencyKey: '/order_id',
    processorCode: { manifestPath: 'orders/Cargo.toml' },
    code: { workspace: '../redrive' },
  });
}
