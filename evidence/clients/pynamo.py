"""PynamoDB: models, conditions, indexes, batches, transactions."""

import os
import uuid

from pynamodb.attributes import ListAttribute, MapAttribute, NumberAttribute, UnicodeAttribute, UnicodeSetAttribute, VersionAttribute
from pynamodb.connection import Connection
from pynamodb.exceptions import DoesNotExist, PutError, TransactWriteError
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

endpoint, region = os.environ["AWS_ENDPOINT_URL_DYNAMODB"], os.environ["AWS_REGION"]


class ByStatus(GlobalSecondaryIndex):
    class Meta:
        index_name = "by-status"
        projection = AllProjection()

    status = UnicodeAttribute(hash_key=True)
    number = NumberAttribute(range_key=True)


class Order(Model):
    class Meta:
        table_name = f"pynamo-{uuid.uuid4()}"
        host = endpoint
        region = region
        billing_mode = "PAY_PER_REQUEST"

    customer = UnicodeAttribute(hash_key=True)
    number = NumberAttribute(range_key=True)
    status = UnicodeAttribute(default="open")
    tags = UnicodeSetAttribute(null=True)
    lines = ListAttribute(of=MapAttribute, null=True)
    version = VersionAttribute()
    by_status = ByStatus()


Order.create_table(wait=True)
with Order.batch_write() as batch:
    for i in range(30):
        batch.save(Order("ada", i, status="open" if i % 2 else "done", tags={"a", "b"}, lines=[{"what": "tea", "count": i}]))
assert [int(o.number) for o in Order.query("ada", Order.number > 27)] == [28, 29]
assert sum(1 for _ in Order.by_status.query("open", ByStatus.number < 10)) == 5
assert len(list(Order.batch_get([("ada", 1), ("ada", 2), ("ada", 99)]))) == 2
assert sum(1 for _ in Order.scan(filter_condition=Order.tags.contains("a"), limit=50, page_size=7)) == 30

order = Order.get("ada", 3, consistent_read=True)
order.update(actions=[Order.status.set("done"), Order.tags.add({"c"})], condition=Order.status == "open")
assert order.tags == {"a", "b", "c"} and order.lines[0]["count"] == 3
stale = Order.get("ada", 4)
Order.get("ada", 4).update(actions=[Order.status.set("sent")])
try:
    stale.save()
    raise AssertionError("a stale version was saved")
except PutError as error:
    assert error.cause_response_code == "ConditionalCheckFailedException"
try:
    with TransactWrite(connection=Connection(region=region, host=endpoint)) as transaction:
        transaction.save(Order("eve", 1))
        transaction.condition_check(Order, "ada", 99, condition=Order.number.exists())
    raise AssertionError("the transaction was not cancelled")
except TransactWriteError:
    pass
try:
    Order.get("eve", 1)
    raise AssertionError("half of the transaction is there")
except DoesNotExist:
    pass
Order.delete_table()
