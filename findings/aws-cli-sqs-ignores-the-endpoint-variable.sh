#!/usr/bin/env bash
# AWS CLI 1.46.3 (PyPI, awscli): `aws sqs` does not heed AWS_ENDPOINT_URL.
#
# The AWS CLI and SDKs take an endpoint for all services from AWS_ENDPOINT_URL, and one for SQS from AWS_ENDPOINT_URL_SQS or the
# configuration file. Version 1 of the command line replaces the host of a few services by an older name, and does that before it looks
# at those. So `aws sqs` asks Amazon's SQS, while `aws lambda` in the same shell asks the endpoint. The option --endpoint-url is heeded.
#
# Why it matters: emulators tell their users to set AWS_ENDPOINT_URL. A script that sends, purges or redrives with it reaches the real
# queues of whoever's credentials are there, if these have that name.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check 'awscli==1.46.3'

# One server on loopback is the endpoint, and the proxy of all that would leave this machine: nothing does.
python3 - "$dir/venv/bin/aws" "$dir" <<'PYTHON'
import http.server
import os
import subprocess
import sys
import threading

asked = []


class Both(http.server.BaseHTTPRequestHandler):
    def do_CONNECT(self):
        asked.append("elsewhere")
        self.send_error(503)

    def do_GET(self):
        asked.append("the endpoint")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"QueueUrls": [], "Functions": []}')

    do_POST = do_GET

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Both)
threading.Thread(target=server.serve_forever, daemon=True).start()
here = f"http://127.0.0.1:{server.server_port}"
own = {
    "PATH": os.environ["PATH"], "HOME": sys.argv[2], "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_MAX_ATTEMPTS": "1",
    "AWS_DEFAULT_REGION": "us-east-1", "HTTPS_PROXY": here, "NO_PROXY": "127.0.0.1",
}


def asks(words, **more):
    asked.clear()
    subprocess.run([sys.argv[1], *words], env={**own, **more}, capture_output=True, timeout=60, check=False)
    return asked[0]


every, sqs = {"AWS_ENDPOINT_URL": here}, {"AWS_ENDPOINT_URL_SQS": here}
seen = {
    "aws lambda list-functions, AWS_ENDPOINT_URL": asks(["lambda", "list-functions"], **every),
    "aws sqs list-queues, AWS_ENDPOINT_URL": asks(["sqs", "list-queues"], **every),
    "aws sqs list-queues, AWS_ENDPOINT_URL_SQS": asks(["sqs", "list-queues"], **sqs),
    "aws sqs list-queues, --endpoint-url": asks(["sqs", "list-queues", "--endpoint-url", here]),
}
for what, whom in seen.items():
    print(f"{what}: asks {whom}")
assert list(seen.values()) == ["the endpoint", "elsewhere", "elsewhere", "the endpoint"], "the AWS CLI heeds the variables for SQS now"
PYTHON
