"""The SDK for Python: the low-level client, the resource with its batch writer, waiters and paginators."""

import uuid
from decimal import Decimal

import boto3
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

client = boto3.client("dynamodb")
resource = boto3.resource("dynamodb")
name = f"boto-{uuid.uuid4()}"


def refused(code, call):
    try:
        call()
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error
    raise AssertionError(f"it succeeded; want {code}")


table = resource.create_table(
    TableName=name,
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in (("pk", "S"), ("sk", "N"), ("g", "S"))],
    KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    GlobalSecondaryIndexes=[
        {"IndexName": "by-g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}
    ],
)
table.wait_until_exists()

with table.batch_writer() as batch:  # two and a half batches
    for i in range(60):
        batch.put_item(Item={"pk": "p", "sk": i, "g": f"g{i % 3}", "v": {"list": [Decimal("1.50"), None, True, b"x"], "set": {1, 2}}})

table.delete_item(Key={"pk": "p", "sk": 59})

found = table.query(KeyConditionExpression=Key("pk").eq("p") & Key("sk").between(10, 12), FilterExpression=Attr("g").ne("g2"))
assert [int(i["sk"]) for i in found["Items"]] == [10, 12], found
assert found["Items"][0]["v"]["list"][0] == Decimal("1.5") and found["Items"][0]["v"]["set"] == {1, 2}
assert table.query(IndexName="by-g", KeyConditionExpression=Key("g").eq("g0"))["Count"] == 20

pages = client.get_paginator("scan").paginate(TableName=name, PaginationConfig={"PageSize": 7})
assert sum(page["Count"] for page in pages) == 59

read = resource.batch_get_item(RequestItems={name: {"Keys": [{"pk": "p", "sk": 1}, {"pk": "p", "sk": 1000}]}})
assert len(read["Responses"][name]) == 1 and read["UnprocessedKeys"] == {}

updated = table.update_item(
    Key={"pk": "p", "sk": 1}, UpdateExpression="SET n = if_not_exists(n, :zero) + :one",
    ExpressionAttributeValues={":zero": 0, ":one": 1}, ReturnValues="UPDATED_NEW",
)
assert updated["Attributes"] == {"n": 1}
refused("ConditionalCheckFailedException", lambda: table.put_item(Item={"pk": "p", "sk": 1}, ConditionExpression=Attr("pk").not_exists()))

put = {"Put": {"TableName": name, "Item": {"pk": {"S": "t"}, "sk": {"N": "0"}}, "ConditionExpression": "attribute_not_exists(pk)"}}
client.transact_write_items(TransactItems=[put])
cancelled = refused("TransactionCanceledException", lambda: client.transact_write_items(TransactItems=[put]))
assert cancelled.response["CancellationReasons"][0]["Code"] == "ConditionalCheckFailed"

client.update_time_to_live(TableName=name, TimeToLiveSpecification={"AttributeName": "expires", "Enabled": True})
client.update_table(TableName=name, DeletionProtectionEnabled=True)
refused("ValidationException", table.delete)
client.update_table(TableName=name, DeletionProtectionEnabled=False)
table.delete()
table.wait_until_not_exists()
