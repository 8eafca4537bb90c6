"""S3 on this machine, for tests."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError

BUCKET = "bucket"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "the-key-of-the-test", "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-test"}
PATIENCE_S = 120


@contextmanager
def served(log: Path) -> Iterator[str]:
    """Serve S3 with an empty bucket for a block; yields its address. The environment must hold credentials."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    address = f"http://127.0.0.1:{port}"
    with log.open("w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file)
        try:
            for _ in range(PATIENCE_S):
                try:
                    boto3.client("s3", endpoint_url=address, region_name="us-east-1").create_bucket(Bucket=BUCKET)
                    break
                except BotoCoreError:
                    assert server.poll() is None, log.read_text()
                    time.sleep(1)
            yield address
        finally:
            server.terminate()
            server.wait()
