"""The emulator, and what stands in front of it for the time of the test."""

import http.client
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import boto3

HERE = Path(__file__).resolve().parent
REGION = "us-east-1"
ACCOUNT = "000000000000"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def stop(process):
    """Ends a process that leads a group of its own, and all it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            pass
    process.wait()


class Emulator:
    """ministack on a free port of 127.0.0.1, with directories of its own."""

    def __init__(self, work, node_modules):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        for name in ("home", "tmp"):
            (work / name).mkdir()
        # What everything here runs with. A fresh HOME: the CDK command line remembers accounts there.
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(work / "home"),
            "TMPDIR": str(work / "tmp"),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "NO_PROXY": "127.0.0.1,localhost",
        }
        self.log = work / "emulator.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "emulate"],
                cwd=work,
                env=self.environment | {
                    "BIND_HOST": "127.0.0.1",
                    "GATEWAY_PORT": str(self.port),
                    "IOT_MTLS_ENABLED": "0",
                    "SFTP_ENABLED": "0",
                    # What Lambda's own runtimes have and this machine does not.
                    "PYTHONPATH": str(HERE / "python"),
                    "NODE_PATH": str(node_modules),
                    "PYTHONDONTWRITEBYTECODE": "1",
                },
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )

    def await_start(self, seconds=30):
        for _ in range(seconds * 10):
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(self.url + "/_ministack/health", timeout=1):
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"the emulator did not start, see {self.log}")

    def client(self, service):
        return boto3.client(
            service, endpoint_url=self.url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test",
        )

    def stop(self):
        stop(self.process)


class Front(http.server.ThreadingHTTPServer):
    """Calls a deployed API by a URL of 127.0.0.1, as the emulator knows it by its host name alone.

    Where a function dies it answers as API Gateway does for HTTP APIs. The emulator says 502, as for REST APIs.
    """

    daemon_threads = True

    def __init__(self, emulator, host):
        super().__init__(("127.0.0.1", 0), Forward)
        self.emulator, self.host = emulator, host
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """Clients that went away are part of the tests."""

    def close(self):
        self.shutdown()
        self.server_close()


class Forward(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.emulator.port, timeout=60)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        upstream.putheader("Host", self.server.host)
        for name, value in self.headers.items():
            if name.lower() not in ("host", "connection"):
                upstream.putheader(name, value)
        upstream.endheaders(body)
        answer = upstream.getresponse()
        status, headers, text = answer.status, answer.getheaders(), answer.read()
        upstream.close()
        if status == 502:
            status, text = 500, json.dumps({"message": "Internal Server Error"}).encode()
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = forward
