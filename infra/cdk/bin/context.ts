import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { RedriveCode } from '../lib';

/** A text of the command line: `-c NAME=TEXT`. */
export function textOf(app: App, name: string): string | undefined {
  const value: unknown = app.node.tryGetContext(name);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The stack's name: `-c stack=NAME`. */
export const nameOf = (app: App): string => textOf(app, 'stack') ?? 'redrive';

/** Built functions: `-c built=FOLDER`. Without it they are compiled from this checkout. */
export function codeOf(app: App): { readonly code?: RedriveCode } {
  const built = textOf(app, 'built');
  return built === undefined ? {} : { code: { built } };
}

/** Adds cdk-nag to an app: nothing is synthesised with a finding that nobody has explained. */
export function checked(app: App): void {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
}
