import { existsSync } from 'node:fs';
import * as path from 'node:path';
import { aws_lambda as lambda } from 'aws-cdk-lib';
import { RustFunction } from 'cargo-lambda-cdk';
import { Construct } from 'constructs';
import { Problems } from './problems';

/** Names of Redrive's own functions. */
export type FunctionName = 'processor' | 'indexer' | 'replay';

/** A folder of built functions: `NAME.zip`, or what `cargo lambda build` writes (`NAME/bootstrap.zip`, `NAME/bootstrap`). */
export interface BuiltCode {
  readonly built: string;
}

/** A checkout of Redrive, compiled by cargo-lambda (with zig, or in a container of its own) when the app is synthesised. */
export interface WorkspaceCode {
  readonly workspace: string;
}

/** Place of the functions' code. */
export type RedriveCode = BuiltCode | WorkspaceCode;

/** A Rust binary of your own, compiled by cargo-lambda when the app is synthesised. */
export interface RustCode {
  /** Path of its `Cargo.toml`, or of the folder. */
  readonly manifestPath: string;
  /** The binary, if its package has several. */
  readonly binaryName?: string;
}

/** Code of a function, as it was found. */
export type Source = { readonly code: lambda.Code } | { readonly rust: RustCode };

/** The checkout that this package is a part of, if it is. */
function checkout(): string | undefined {
  for (let folder = __dirname; folder !== path.dirname(folder); folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, 'functions/processor/Cargo.toml'))) {
      return folder;
    }
  }
  return undefined;
}

function built(problems: Problems, folder: string, name: FunctionName): lambda.Code {
  const zips = [`${name}.zip`, `${name}/bootstrap.zip`].map((file) => path.join(folder, file));
  const zip = zips.find((file) => existsSync(file));
  if (zip !== undefined) {
    return lambda.Code.fromAsset(zip);
  }
  if (existsSync(path.join(folder, name, 'bootstrap'))) {
    return lambda.Code.fromAsset(path.join(folder, name));
  }
  problems.refuse(
    'code',
    `names ${folder}, which has no ${name}`,
    `a folder with ${name}.zip, ${name}/bootstrap.zip or ${name}/bootstrap`,
  );
  return lambda.Code.fromInline('-');
}

/** Finds one of Redrive's functions; without `code` in the checkout that this package is a part of. */
export function source(problems: Problems, code: RedriveCode | undefined, name: FunctionName): Source {
  if (code !== undefined && 'built' in code) {
    return { code: built(problems, code.built, name) };
  }
  const workspace = code?.workspace ?? checkout();
  if (workspace === undefined) {
    problems.refuse(
      'code',
      'is not given, and this package is no part of a checkout',
      'a folder of built functions, or a checkout of Redrive',
    );
    return { code: lambda.Code.fromInline('-') };
  }
  const manifestPath = path.join(workspace, 'functions', name, 'Cargo.toml');
  if (!existsSync(manifestPath)) {
    problems.refuse('code', `names ${workspace}, which has no functions/${name}`, 'a checkout of Redrive');
    return { code: lambda.Code.fromInline('-') };
  }
  return { rust: { manifestPath, binaryName: name } };
}

/** The processor's code: your own handler's, if it is given. */
export function processorSource(
  problems: Problems,
  own: lambda.Code | RustCode | undefined,
  code: RedriveCode | undefined,
): Source {
  if (own === undefined) {
    return source(problems, code, 'processor');
  }
  return 'manifestPath' in own ? { rust: own } : { code: own };
}

/** A function of either source. */
export function makeFunction(
  scope: Construct,
  id: string,
  from: Source,
  options: lambda.FunctionOptions & { readonly architecture: lambda.Architecture },
): lambda.Function {
  if ('code' in from) {
    return new lambda.Function(scope, id, {
      ...options,
      code: from.code,
      runtime: lambda.Runtime.PROVIDED_AL2023,
      handler: 'bootstrap',
    });
  }
  return new RustFunction(scope, id, {
    ...options,
    ...from.rust,
    bundling: {
      architecture: options.architecture,
      // Its jitter entropy costs up to a second of a cold start; Lambda's kernel has a source of its own.
      environment: { AWS_LC_SYS_NO_JITTER_ENTROPY: '1' },
    },
  });
}
