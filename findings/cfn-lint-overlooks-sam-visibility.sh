#!/usr/bin/env bash
# cfn-lint 1.58.0 (PyPI): a visibility timeout below the function's timeout is an error in CloudFormation,
# and goes unnoticed when the same stack is written with SAM.
#
# Rule E3505 compares the queue with the function behind an AWS::Lambda::EventSourceMapping, through Ref and GetAtt.
# For a SAM event of type SQS, which becomes that very mapping, cfn-lint reports nothing and ends with 0.
#
# Why it matters: Lambda refuses such a mapping when the stack is deployed, so a green lint promises too much.
# Where only the queue's timeout is changed later, messages come back while they are still worked on.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check cfn-lint==1.58.0 aws-sam-translator==1.115.0

cat > "$dir/cloudformation.yaml" <<'YAML'
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 10}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      ManagedPolicyArns: [!Sub "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"]
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Action: "sts:AssumeRole", Principal: {Service: lambda.amazonaws.com}}]
  Consumer:
    Type: AWS::Lambda::Function
    Properties: {Runtime: python3.13, Handler: index.handler, Timeout: 60, Role: !GetAtt Role.Arn, Code: {ZipFile: "def handler(e, c): pass"}}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: !GetAtt Queue.Arn, FunctionName: !Ref Consumer}
YAML
cat > "$dir/sam.yaml" <<'YAML'
Transform: AWS::Serverless-2016-10-31
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 10}}
  Consumer:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      Timeout: 60
      InlineCode: "def handler(e, c): pass"
      Events:
        Messages: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn}}
YAML
lint() { "$dir/venv/bin/cfn-lint" --format parseable "$dir/$1" | sed "s#$dir/##"; }

cloudformation=$(lint cloudformation.yaml || true)
sam=$(lint sam.yaml || true)
echo "CloudFormation: ${cloudformation:-nothing}"
echo "SAM:            ${sam:-nothing}"
[ "$(grep -c . <<<"$cloudformation")" = 1 ] && grep -q ':E3505:' <<<"$cloudformation" || { echo "E3505 no longer comes alone for CloudFormation" >&2; exit 1; }
[ -z "$sam" ] || { echo "cfn-lint now reports something for SAM" >&2; exit 1; }
