"""Results in an S3-compatible storage: the same table, the same artifacts, and nothing to be done again."""

import importlib.util
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import overlay, snakemake

from dfnas.runs.folder import RunFolder
from dfnas.runs.verification import verify

NEEDED = ("snakemake_storage_plugin_s3", "moto", "flask_cors")
absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(absent), reason=f"needs {', '.join(absent)}: see docs/storage.md")

BUCKET, TABLE = "bucket", "results/table1.csv"
COMPARISON = {"algorithms": ["spos"], "search_data": ["synthetic"], "seeds": [0]}
TINY = {"comparison": COMPARISON, "synthesis": {"generations": 1, "shards": 1}}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory) -> Iterator[str]:
    """The address of a server that keeps what it is given in memory."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    with open(log, "w") as out:
        server = subprocess.Popen([sys.executable, "-m", "moto.server", "-p", str(port)], stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def bucket(endpoint):
    """An empty bucket on it."""
    import boto3

    secret = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    storage = boto3.resource("s3", endpoint_url=endpoint, region_name="us-east-1", **secret)
    return storage.create_bucket(Bucket=BUCKET)


def options(endpoint: str) -> list[str]:
    where = ["--default-storage-provider", "s3", "--default-storage-prefix", f"s3://{BUCKET}/run"]
    secret = ["--storage-s3-access-key", "key", "--storage-s3-secret-key", "secret"]
    return [*where, "--storage-s3-endpoint-url", endpoint, *secret]


def test_the_table_is_the_same_in_a_bucket(tmp_path, endpoint, bucket):
    configuration = (overlay(tmp_path / "tiny.yaml", TINY),)
    runs = {"local": [], "remote": options(endpoint)}
    for name, more in runs.items():
        done = snakemake(tmp_path / name, "--cores", "2", TABLE, *more, configuration=configuration)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    fetched = fetch(bucket, tmp_path / "fetched")
    made = tmp_path / "local" / "results"
    for name in ("table1.csv", "teacher/teacher.pt", "dataset/synthetic.h5", "labels/synthetic/generation-0.h5"):
        assert (fetched / name).read_bytes() == (made / name).read_bytes(), name
    assert not (tmp_path / "remote" / TABLE).exists()  # nothing but receipts, locks and checkpoints stays behind

    # What is in the bucket is what the jobs left, by their receipts, which stayed in the workflow's folder.
    (tmp_path / "remote" / "results" / "provenance").rename(fetched / "provenance")
    found = verify(RunFolder(fetched))
    assert not found.findings, [one.line() for one in found.findings]
    assert found.receipts == 13

    again = snakemake(tmp_path / "remote", "--dry-run", TABLE, *options(endpoint), configuration=configuration)
    assert "Nothing to be done" in again.stdout + again.stderr


def fetch(bucket, to: Path) -> Path:
    """The folder of results in a bucket, copied."""
    prefix = "run/results/"
    for item in bucket.objects.filter(Prefix=prefix):
        path = to / item.key.removeprefix(prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        bucket.download_file(item.key, str(path))
    return to
