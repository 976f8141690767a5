"""Deploys the stack with the CDK command line to an emulator of AWS, uses it, changes it and destroys it.

README.md says what that shows and what it cannot. run.sh installs what it needs and starts it.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from emulator import ACCOUNT, REGION, Emulator, Front, stop

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "deploytest"
SITE = ROOT / "webapp" / "dist"
STACK = "IdempotentRequests-demo"

# What a browser must be told that a file is, because it is told not to guess.
CONTENT_TYPES = {
    ".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".json": "application/json",
    ".svg": "image/svg+xml", ".webmanifest": "application/manifest+json",
}

# Contract tests that need what the emulator does not do.
SKIPPED = {"TestBrowsersOfOtherOriginsSeeTheHeaders": "the emulator drops the API's CORS configuration"}

# For a machine that does much else: alone it takes a third of that.
DEADLINE = time.monotonic() + 600


def say(text):
    print(f"deploy test: {text}", flush=True)


def run(*command, cwd, env):
    """Runs a command within the time that is left. Its output is shown where it fails."""
    process = subprocess.Popen(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=max(1, DEADLINE - time.monotonic()))
    except BaseException:
        stop(process)
        raise
    if process.returncode != 0:
        sys.exit(f"{output}\ndeploy test: {' '.join(command)}: exit status {process.returncode}")
    return output


class Deployment:
    """What the CDK command line does, and what comes of it."""

    def __init__(self, emulator, work, architecture):
        self.emulator, self.work = emulator, work
        self.context = ["--context", f"architecture={architecture}"]
        self.environment = emulator.environment | {
            name: os.environ[name] for name in ("GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS") if name in os.environ
        } | {
            "CDK_DISABLE_VERSION_CHECK": "1",
        }

    def arguments(self, *more):
        # cdk.json's build is for Lambda's processors; run.sh has built for this machine's.
        return [*more, *self.context, "--build", "true", "--ci", "--output", str(self.work / "cdk.out")]

    def make(self, target, *arguments):
        """Runs make as people do, and checks that it says where to and at what cost."""
        said = run(
            "make", target, "YES=1", "ARGS=" + " ".join(self.arguments(*arguments)), cwd=ROOT, env=self.environment,
        )
        for needed in (STACK, ACCOUNT, REGION):
            check(needed in said, f"make {target} does not say {needed}:\n{said}")
        return said

    def bootstrap(self):
        run(
            "npx", "--no-install", "cdk", "bootstrap", f"aws://{ACCOUNT}/{REGION}", *self.arguments(),
            cwd=ROOT, env=self.environment,
        )

    def deploy(self, *arguments):
        said = self.make("deploy", *arguments)
        self.outputs = json.loads((ROOT / "build" / "outputs.json").read_text())[STACK]
        check(said.endswith(f"The website: {self.outputs['SiteUrl']}\n"), f"make deploy does not end with the address:\n{said}")

    def destroy(self):
        self.make("destroy")

    def status(self):
        stacks = self.emulator.client("cloudformation").list_stacks()["StackSummaries"]
        return next(s["StackStatus"] for s in stacks if s["StackName"] == STACK)

    def resources(self, kind):
        """The physical ids of the stack's resources of a type, by logical id."""
        pages = self.emulator.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
        return {
            r["LogicalResourceId"]: r["PhysicalResourceId"]
            for page in pages for r in page["StackResourceSummaries"] if r["ResourceType"] == kind
        }

    def site_bucket(self):
        (bucket,) = self.resources("AWS::S3::Bucket").values()
        return bucket


def check(condition, problem):
    if not condition:
        sys.exit(f"deploy test: {problem}")


def check_template(deployment):
    """Finds in the template, as it was deployed, what the emulator does not do with it."""
    template = deployment.emulator.client("cloudformation").get_template(StackName=STACK)["TemplateBody"]
    template = json.loads(template) if isinstance(template, str) else template
    properties = {}
    for resource in template["Resources"].values():
        properties.setdefault(resource["Type"], []).append(resource.get("Properties", {}))
    tables = properties["AWS::DynamoDB::Table"]
    check(len(tables) == 2, f"{len(tables)} tables")
    for table in tables:
        check(table["TimeToLiveSpecification"] == {"AttributeName": "expiration", "Enabled": True}, "no time to live")
        check(not table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], "the demo is backed up")
        check(table["OnDemandThroughput"]["MaxWriteRequestUnits"] > 0, "writes are not bounded")
        check(table["SSESpecification"]["SSEEnabled"], "no encryption")
    (api,), (stage,) = properties["AWS::ApiGatewayV2::Api"], properties["AWS::ApiGatewayV2::Stage"]
    check("Idempotent-Replayed" in api["CorsConfiguration"]["ExposeHeaders"], "no CORS")
    routes = {route["RouteKey"] for route in properties["AWS::ApiGatewayV2::Route"]}
    check(routes == stage["RouteSettings"].keys(), f"throttles of {sorted(stage['RouteSettings'])}")
    (distribution,) = properties["AWS::CloudFront::Distribution"]
    errors = distribution["DistributionConfig"]["CustomErrorResponses"]
    check(all(error["ErrorCachingMinTTL"] == 0 for error in errors) and len(errors) == 11, "errors are cached")


def complete(deployment):
    """Does by calls what the emulator leaves out of a template."""
    dynamodb = deployment.emulator.client("dynamodb")
    for name in (deployment.outputs["IdempotencyTableName"], deployment.outputs["DataTableName"]):
        dynamodb.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"AttributeName": "expiration", "Enabled": True},
        )
    # Emptying a bucket with its stack asks for this tag of the bucket.
    deployment.emulator.client("s3").put_bucket_tagging(
        Bucket=deployment.site_bucket(),
        Tagging={"TagSet": [{"Key": "aws-cdk:auto-delete-objects", "Value": "true"}]},
    )


def check_site(deployment):
    """Compares the site's bucket with what was built, and with how long browsers may keep it."""
    s3, bucket = deployment.emulator.client("s3"), deployment.site_bucket()
    want = {str(f.relative_to(SITE)): f.read_bytes() for f in SITE.rglob("*") if f.is_file()}
    want["config.json"] = deployment.outputs["SiteConfig"].encode()
    got = {o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    check(got == want.keys(), f"the bucket has {sorted(got)}, built was {sorted(want)}")
    for key, content in want.items():
        found = s3.get_object(Bucket=bucket, Key=key)
        check(found["Body"].read() == content, f"{key} has another content")
        caching = "public, max-age=31536000, immutable" if key.startswith("assets/") else "no-cache"
        check(found.get("CacheControl") == caching, f"{key}: {found.get('CacheControl')}")
        content_type = CONTENT_TYPES.get(Path(key).suffix, found["ContentType"])
        check(found["ContentType"] == content_type, f"{key} is {found['ContentType']}, want {content_type}")
    check(all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()), "a public bucket")


def check_distribution(deployment):
    """Checks what CloudFront was told. The emulator serves nothing from S3 by it."""
    cloudfront = deployment.emulator.client("cloudfront")
    (name,) = deployment.resources("AWS::CloudFront::Distribution").values()
    config = cloudfront.get_distribution_config(Id=name)["DistributionConfig"]
    origins = {o["Id"]: o for o in config["Origins"]["Items"]}
    page, (api,) = config["DefaultCacheBehavior"], config["CacheBehaviors"]["Items"]
    check(origins[page["TargetOriginId"]]["OriginAccessControlId"], "the bucket's origin has no access control")
    host = urlsplit(deployment.outputs["ApiUrl"]).hostname.split(".")[0]
    check(api["PathPattern"] == "/api/*", f"the API is at {api['PathPattern']}")
    check(origins[api["TargetOriginId"]]["DomainName"].startswith(host + "."), "the API's behaviour leads elsewhere")
    headers = cloudfront.get_response_headers_policy(Id=page["ResponseHeadersPolicyId"])
    security = headers["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    check("default-src 'none'" in security["ContentSecurityPolicy"]["ContentSecurityPolicy"], "no strict CSP")
    check(security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31536000, "no HSTS")


def contract_tests(url, environment):
    output = run(
        "go", "test", "-count=1", "-v", "-skip", "^(" + "|".join(SKIPPED) + ")$", "./evidence/contract",
        cwd=ROOT, env=environment | {"API_URL": url},
    )
    passed = len(re.findall(r"^--- PASS", output, re.MULTILINE))
    skipped = re.findall(r"^--- SKIP: (\w+)", output, re.MULTILINE)
    check(passed > 20, f"only {passed} contract tests ran:\n{output}")
    say(f"  {passed} passed; not run here: {', '.join([*SKIPPED, *skipped])}")


def pay(url, key):
    """Makes a payment and returns the answer's body and headers."""
    request = Request(
        url + "/api/payments", method="POST", data=b'{"amount":1250,"currency":"EUR","description":"coffee"}',
        headers={
            "Content-Type": "application/json", "Idempotency-Key": key,
            "Demo-Session": "2f0f1f2e-6d0a-4f57-9f5e-5a1d3c1c7a10",
        },
    )
    with urlopen(request, timeout=30) as answer:
        return answer.read(), answer.headers


def activity(url, session):
    """What was executed in a session, and how many effects that had."""
    with urlopen(Request(url + "/api/executions", headers={"Demo-Session": session}), timeout=30) as answer:
        found = json.load(answer)
    return found["executionCount"], found["effectCount"]


def check_queue(deployment, url):
    """Sends a payment to the queue twice: its event source mapping delivers both, and one charge is made."""
    sqs, session = deployment.emulator.client("sqs"), "7c1e9a54-3b0f-4d8e-9a61-2f5d8c7b4e10"
    (mapping,) = deployment.emulator.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    check(mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], f"the mapping is {mapping}")
    attributes = sqs.get_queue_attributes(QueueUrl=deployment.outputs["PaymentQueueUrl"], AttributeNames=["All"])["Attributes"]
    check(attributes["VisibilityTimeout"] == "60", f"messages are hidden for {attributes['VisibilityTimeout']} s")
    check('"maxReceiveCount"' in attributes["RedrivePolicy"], "there is no dead-letter queue")
    message = {
        "session": session, "idempotencyKey": "queued",
        "payment": {"amount": 100, "currency": "EUR", "description": "by message"},
    }
    for _ in range(2):
        sqs.send_message(QueueUrl=deployment.outputs["PaymentQueueUrl"], MessageBody=json.dumps(message))
    waiting = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    deadline = min(DEADLINE, time.monotonic() + 30)
    while time.monotonic() < deadline:
        left = sqs.get_queue_attributes(QueueUrl=deployment.outputs["PaymentQueueUrl"], AttributeNames=list(waiting))
        if activity(url, session) == (1, 1) and all(left["Attributes"][name] == "0" for name in waiting):
            return
        time.sleep(0.2)
    sys.exit(f"deploy test: of two messages with one key came {activity(url, session)}, and left is {left['Attributes']}")


def window(headers):
    return parsedate_to_datetime(headers["Idempotency-Expires"]) - parsedate_to_datetime(headers["Date"])


def check_update(deployment, url):
    """Deploys a change over a running system: what was recorded stays, what was changed holds."""
    made, headers = pay(url, "before")
    check(abs(window(headers) - timedelta(hours=24)) < timedelta(minutes=1), f"keys are kept for {window(headers)}")
    tables = deployment.resources("AWS::DynamoDB::Table")
    deployment.deploy("--context", "windowHours=48", "--context", "demoFaults=false")
    check(deployment.status() == "UPDATE_COMPLETE", f"the stack is {deployment.status()}")
    check(deployment.resources("AWS::DynamoDB::Table") == tables, "the update replaced a table")
    replayed, headers = pay(url, "before")
    check(replayed == made and headers["Idempotent-Replayed"] == "true", "a payment from before the update was repeated")
    _, headers = pay(url, "after")
    check(abs(window(headers) - timedelta(hours=48)) < timedelta(minutes=1), f"keys are kept for {window(headers)}")
    check('"demoFaults":false' in deployment.outputs["SiteConfig"], "config.json says that faults work")
    check_site(deployment)


def inventory(emulator):
    """Everything there is of the kinds that the stack consists of."""
    found = set()
    for service, operation, listed, name in (
        ("apigatewayv2", "get_apis", "Items", "ApiId"),
        ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
        ("dynamodb", "list_tables", "TableNames", None),
        ("iam", "list_roles", "Roles", "RoleName"),
        ("lambda", "list_functions", "Functions", "FunctionName"),
        ("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
        ("sqs", "list_queues", "QueueUrls", None),
        ("lambda", "list_layers", "Layers", "LayerName"),
        ("logs", "describe_log_groups", "logGroups", "logGroupName"),
        ("s3", "list_buckets", "Buckets", "Name"),
    ):
        answer = getattr(emulator.client(service), operation)()
        found |= {f"{service} {operation} {item[name] if name else item}" for item in answer.get(listed, [])}
    cloudfront = emulator.client("cloudfront")
    for operation, within, name in (
        ("list_distributions", "DistributionList", "Id"),
        ("list_functions", "FunctionList", "Name"),
        ("list_origin_access_controls", "OriginAccessControlList", "Id"),
    ):
        items = getattr(cloudfront, operation)()[within].get("Items", [])
        found |= {f"cloudfront {operation} {item[name]}" for item in items}
    policies = cloudfront.list_response_headers_policies(Type="custom")["ResponseHeadersPolicyList"].get("Items", [])
    return found | {f"cloudfront policy {item['ResponseHeadersPolicy']['Id']}" for item in policies}


def check_gone(deployment, before):
    """Checks that a destroyed stack leaves nothing, but for what it leaves on AWS as well."""
    check(deployment.status() == "DELETE_COMPLETE", f"the stack is {deployment.status()}")
    left = inventory(deployment.emulator) - before
    # Lambda makes this log group itself, when the bucket is emptied.
    left = {item for item in left if not re.search(r"/aws/lambda/\S*CustomS3AutoDeleteObjects", item)}
    check(not left, f"left behind: {sorted(left)}")


def main(architecture, work):
    emulator = Emulator(work, BUILD / "node_modules")
    try:
        emulator.await_start()
        deployment = Deployment(emulator, work, architecture)

        say("cdk bootstrap")
        deployment.bootstrap()
        before = inventory(emulator)

        say("cdk deploy")
        deployment.deploy()
        check_template(deployment)
        complete(deployment)

        say("the website in S3, and what CloudFront was told")
        check_site(deployment)
        check_distribution(deployment)

        with closing(Front(emulator, urlsplit(deployment.outputs["ApiUrl"]).netloc)) as front:
            say("smoke test with a burst of duplicates")
            run("go", "run", "./evidence/contract/smoke", "-api", front.url, cwd=ROOT, env=deployment.environment)
            say("the queue, polled by its event source mapping")
            check_queue(deployment, front.url)
            say("HTTP contract tests")
            contract_tests(front.url, deployment.environment)
            say("cdk deploy of a change")
            check_update(deployment, front.url)

        say("cdk destroy")
        deployment.destroy()
        check_gone(deployment, before)
    finally:
        emulator.stop()


def interrupted(number, _):
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupted)
    started = time.monotonic()
    directory = BUILD / "work"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    try:
        main(sys.argv[1], directory)
    except subprocess.TimeoutExpired as late:
        sys.exit(f"deploy test: not done in time: {' '.join(late.cmd)}")
    say(f"deployed to an emulator, used, changed and destroyed in {time.monotonic() - started:.0f} s")
