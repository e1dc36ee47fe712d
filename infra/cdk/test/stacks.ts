import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { App, AppProps, Stack } from 'aws-cdk-lib';
import { RedriveCode } from '../lib';
import { Template } from './evaluate';

/** `infra/cdk`, from wherever the compiled test lies. */
export const PACKAGE = path.resolve(__dirname, '../..');
const ROOT = path.resolve(PACKAGE, '../..');

/** Functions that nobody compiled: synthesis looks at no more than the files. */
export function stub(): RedriveCode {
  const built = mkdtempSync(path.join(tmpdir(), 'redrive-cdk-'));
  process.once('exit', () => {
    rmSync(built, { recursive: true });
  });
  for (const name of ['processor', 'indexer', 'replay']) {
    mkdirSync(path.join(built, name));
    writeFileSync(path.join(built, name, 'bootstrap'), '');
  }
  return { built };
}

/** An app without what the CDK adds by itself: `flags` are feature flags. */
export function app(flags: Readonly<Record<string, unknown>> = {}, props: AppProps = {}): App {
  return new App({
    analyticsReporting: false,
    context: { 'aws:cdk:version-reporting': false, 'aws:cdk:enable-path-metadata': true, ...flags },
    treeMetadata: false,
    ...props,
  });
}

/** Returns the template that is synthesised for a stack. */
export function synthesised(stack: Stack): Template {
  const { root } = stack.node;
  assert(root instanceof App);
  const assembly = root.synth({ force: true });
  return assembly.getStackArtifact(stack.artifactId).template as Template;
}

let transformed: Readonly<Record<string, Template>> | undefined;

/** The SAM templates after their transform, by SAM CLI's own translator. */
export function sam(): Readonly<Record<'template.yaml' | 'attach.yaml', Template>> {
  const python = path.join(ROOT, '.venv/sam/bin/python');
  if (!existsSync(python)) {
    throw new Error(`${python} is not there: make build, or make validate, installs SAM CLI`);
  }
  const templates = ['template.yaml', 'attach.yaml'].map((name) => path.join(ROOT, 'infra', name));
  transformed ??= JSON.parse(
    execFileSync(python, [path.join(PACKAGE, 'test/transformed.py'), ...templates], {
      encoding: 'utf8',
      env: { ...process.env, AWS_DEFAULT_REGION: 'us-east-1' },
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 1 << 26,
    }),
  ) as typeof transformed;
  return transformed as Readonly<Record<'template.yaml' | 'attach.yaml', Template>>;
}

/** Feature flags that `cdk init` sets in a new app. */
export const RECOMMENDED_FLAGS = JSON.parse(
  readFileSync(require.resolve('aws-cdk-lib/recommended-feature-flags.json'), 'utf8'),
) as Readonly<Record<string, unknown>>;
