"""Serves moto's DynamoDB on 127.0.0.1 at a free port, which it prints, until it is ended.

One request at a time: moto holds no locks, and without one the suite's concurrency cases would depend on where the
interpreter happens to switch between its threads.
"""

import logging
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

moto = DomainDispatcherApplication(create_backend_app)
lock = threading.Lock()


def one_at_a_time(environ, start_response):
    with lock:
        return list(moto(environ, start_response))


logging.getLogger("werkzeug").setLevel(logging.ERROR)
# A thread per connection, so that connections can be kept.
server = make_server("127.0.0.1", 0, one_at_a_time, threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
