"""Serves moto's DynamoDB on 127.0.0.1 at a free port, which it prints, until it is ended.

One request at a time: moto holds no locks, and with the threads of its own server the suite's concurrency cases would
depend on where the interpreter happens to switch between them.
"""

import logging

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server


class Buffered(WSGIRequestHandler):
    """Sends the head and the body of a response at once.

    A client that is still finishing its request when the head arrives may close the connection before it has read a
    body that comes later; the SDK for Go does, once in some ten thousand requests.
    """

    wbufsize = -1


logging.getLogger("werkzeug").setLevel(logging.ERROR)
application = DomainDispatcherApplication(create_backend_app)
server = make_server("127.0.0.1", 0, application, threaded=False, request_handler=Buffered)
print(server.server_port, flush=True)
server.serve_forever()
