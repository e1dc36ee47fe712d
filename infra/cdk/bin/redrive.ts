#!/usr/bin/env node
import { App } from 'aws-cdk-lib';
import { RedriveStack } from '../lib';
import { checked, codeOf, nameOf } from './context';

// The whole, as infra/template.yaml deploys it: npx cdk deploy. What it should be besides the defaults goes into `queue`.
const app = new App();
new RedriveStack(app, nameOf(app), { queue: codeOf(app) });
checked(app);
