import { Aws, CfnOutput, RemovalPolicy, Stack, StackProps, aws_dynamodb as dynamodb, aws_iam as iam } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { ofTable } from './encryption';
import { acknowledge } from './nag';
import { RedriveQueueProps } from './props';
import { RedriveQueue } from './redrive-queue';
import { tag } from './tags';

/** The whole, with the example handler that charges orders. */
export interface RedriveStackProps extends StackProps {
  /** The construct's; what is not said is what `infra/template.yaml` has by default. */
  readonly queue?: Partial<RedriveQueueProps>;
  /** Currencies that the example handler charges. */
  readonly currencies?: readonly string[];
  /** Creates the orders table of the example handler and gives it to the processor. */
  readonly example?: boolean;
}

/** Stack that `infra/template.yaml` deploys, too. A test holds the two against each other. */
export class RedriveStack extends Stack {
  public readonly redrive: RedriveQueue;

  public constructor(scope: Construct, id: string, props: RedriveStackProps = {}) {
    super(scope, id, {
      description:
        'Redrive: a dead-letter queue as a place that messages leave. A queue pair, the processor, the indexer that turns dead ' +
        'messages into letters, and the replay that sends them back.',
      ...props,
    });
    const { queue = {}, currencies = ['EUR', 'USD', 'GBP'], example = true } = props;
    this.redrive = new RedriveQueue(this, 'Redrive', { idempotencyKey: '/order_id', name: Aws.STACK_NAME, ...queue });
    if (example) {
      this.orders(currencies);
    }
  }

  private orders(currencies: readonly string[]): void {
    const { dataKey, processor } = this.redrive;
    const orders = new dynamodb.Table(this, 'Orders', {
      partitionKey: { name: 'order_id', type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      removalPolicy: RemovalPolicy.DESTROY,
      ...ofTable(dataKey),
    });
    tag(orders);
    acknowledge(orders, 'exampleTable');
    // A transaction needs the permissions of its parts.
    const charge = new iam.PolicyStatement({
      sid: 'ChargeOrders',
      actions: ['dynamodb:GetItem', 'dynamodb:UpdateItem'],
      resources: [orders.tableArn],
    });
    if (processor.role !== undefined) {
      new iam.Policy(this, 'Example', { policyName: 'example', roles: [processor.role], statements: [charge] });
    }
    processor.addEnvironment('ORDERS_TABLE_NAME', orders.tableName);
    processor.addEnvironment('SUPPORTED_CURRENCIES', currencies.join(','));
    new CfnOutput(this, 'OrdersTableName', { description: 'Table of the orders that the example handler charges.', value: orders.tableName });
  }
}
