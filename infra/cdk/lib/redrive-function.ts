import {
  Duration,
  RemovalPolicy,
  aws_iam as iam,
  aws_kms as kms,
  aws_lambda as lambda,
  aws_logs as logs,
  aws_sqs as sqs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { Source, makeFunction } from './code';
import { useOfDataKey } from './encryption';
import { Reason, acknowledge } from './nag';
import { Policies, fitted } from './role-policies';
import { FunctionSettings } from './settings';

/** Properties of a function of Redrive. */
export interface RedriveFunctionProps {
  readonly description: string;
  readonly source: Source;
  readonly settings: FunctionSettings;
  readonly timeout: Duration;
  readonly environment: Readonly<Record<string, string>>;
  /** Permissions of its role. Its own log, the data's key and traces are added here. */
  readonly policies: Policies;
  readonly dataKey: kms.IKey | undefined;
  /** Queue of asynchronous invocations that failed for good; none if there are no such invocations. */
  readonly failures: sqs.Queue | undefined;
  /** Reasons for policies that are as wide as they are. */
  readonly reasons?: readonly Reason[];
}

/** Makes a statement that allows something. */
export function allow(sid: string, actions: string[], ...resources: string[]): iam.PolicyStatement {
  return new iam.PolicyStatement({ sid, actions, resources });
}

/** Log and role that two functions of the same code have in common. */
interface Shared {
  readonly log: logs.LogGroup;
  readonly role: iam.Role;
}

/** A function with a log group, a role and a failure destination of its own. The role's first policy is named by it. */
export class RedriveFunction extends Construct {
  public readonly function: lambda.Function;
  private readonly shared: Shared;

  public constructor(
    scope: Construct,
    id: string,
    private readonly props: RedriveFunctionProps,
  ) {
    super(scope, id);
    const { settings, dataKey, failures } = props;
    const log = new logs.LogGroup(this, 'Logs', {
      retention: settings.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
      ...(dataKey === undefined ? {} : { encryptionKey: dataKey }),
    });
    const own = id.toLowerCase();
    const { [own]: statements = [], ...more } = props.policies;
    const traced = settings.tracing === lambda.Tracing.ACTIVE;
    const { inline, managed } = fitted(this, {
      [own]: [
        allow('Log', ['logs:CreateLogStream', 'logs:PutLogEvents'], log.logGroupArn),
        ...statements,
        ...(failures === undefined ? [] : [allow('ReportFailedInvocations', ['sqs:SendMessage'], failures.queueArn)]),
      ],
      ...more,
      ...(dataKey === undefined ? {} : { key: [useOfDataKey(dataKey)] }),
      // X-Ray has no resources to name.
      ...(traced ? { traces: [allow('Trace', ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], '*')] } : {}),
    });
    const managedPolicies = managed.map(
      (part, at) => new iam.ManagedPolicy(this, `Queues${at + 1}`, { document: document([...part]) }),
    );
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      inlinePolicies: documents(inline),
      managedPolicies,
    });
    acknowledge(
      role,
      ...(dataKey === undefined ? [] : (['dataKeys', 'reEncryption'] as const)),
      ...(traced ? (['anyTrace'] as const) : []),
      ...(props.reasons ?? []),
    );
    this.shared = { log, role };
    this.function = deployed(this, props, this.shared);
  }

  /** Makes the same function once more, with the same role, log and failure destination, and with other variables. */
  public again(
    scope: Construct,
    id: string,
    changed: Pick<RedriveFunctionProps, 'description' | 'environment'>,
  ): lambda.Function {
    return deployed(new Construct(scope, id), { ...this.props, ...changed }, this.shared);
  }
}

function deployed(scope: Construct, props: RedriveFunctionProps, { log, role }: Shared): lambda.Function {
  const { settings, failures } = props;
  const made = makeFunction(scope, 'Function', props.source, {
    description: props.description,
    architecture: settings.architecture,
    memorySize: 256,
    timeout: props.timeout,
    environment: { ...props.environment },
    logGroup: log,
    role,
  });
  // Said here and not above, where the CDK would add permissions to the role.
  const inner = made.node.defaultChild as lambda.CfnFunction;
  inner.tracingConfig = { mode: settings.tracing };
  if (settings.layerArns.length > 0) {
    inner.layers = [...settings.layerArns];
  }
  if (failures !== undefined) {
    new lambda.CfnEventInvokeConfig(made, 'EventInvokeConfig', {
      functionName: made.functionName,
      qualifier: '$LATEST',
      maximumEventAgeInSeconds: 900,
      maximumRetryAttempts: 2,
      destinationConfig: { onFailure: { destination: failures.queueArn } },
    });
  }
  return made;
}

function document(statements: iam.PolicyStatement[]): iam.PolicyDocument {
  return new iam.PolicyDocument({ statements, minimize: false });
}

/** Policies as documents, each statement as it was written: its name stands in the logs of whoever asks why. */
export function documents(policies: Policies): Record<string, iam.PolicyDocument> {
  return Object.fromEntries(Object.entries(policies).map(([name, statements]) => [name, document(statements)]));
}
