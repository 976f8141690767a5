"""A function made idempotent by Powertools for AWS Lambda (Python).

Reads invocations from standard input, one JSON object a line, and answers each with a line: the function's result and how
often it was executed in this process, or the name of the exception.
"""

import json
import os
import sys

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent,
)

executions = 0


class Context:
    @staticmethod
    def get_remaining_time_in_millis():
        return 60_000


def function(hash_function):
    @idempotent(
        config=IdempotencyConfig(
            event_key_jmespath="id",
            payload_validation_jmespath="amount",
            raise_on_no_idempotency_key=True,
            hash_function=hash_function,
        ),
        persistence_store=DynamoDBPersistenceLayer(table_name=os.environ["TABLE"]),
        key_prefix=os.environ["OPERATION"],
    )
    def handler(event, context):
        global executions
        executions += 1
        if event.get("dies"):
            os._exit(1)
        return {"by": "Python", "number": executions}

    return handler


handlers = {name: function(name) for name in ("md5", "sha256")}

for line in sys.stdin:
    event = json.loads(line)
    try:
        answer = {"result": handlers[event["hash"]](event, Context())}
    except Exception as error:
        answer = {"error": type(error).__name__}
    print(json.dumps({**answer, "executions": executions}), flush=True)
