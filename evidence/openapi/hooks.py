"""What schemathesis has to know of this API beside its document."""

import re
import uuid

import schemathesis

KEY = "Idempotency-Key"


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Takes Demo-Fault away, which a deployment without faults ignores, whatever it is."""
    fault = {"$ref": "#/components/parameters/Fault"}
    for path in raw_schema["paths"].values():
        for operation in path.values():
            if fault in operation.get("parameters", []):
                operation["parameters"].remove(fault)
    raw_schema["components"]["parameters"].pop("Fault")


@schemathesis.hook
def before_call(context, case, kwargs):
    """Gives each request that has a valid key one of its own: a key that comes again with another payload is refused."""
    pattern = context.operation.schema.raw_schema["components"]["parameters"]["Key"]["schema"]["pattern"]
    key = (case.headers or {}).get(KEY)
    if isinstance(key, str) and re.fullmatch(pattern.removeprefix("^").removesuffix("$"), key) and len(key) <= 255:
        case.headers[KEY] = str(uuid.uuid4())
