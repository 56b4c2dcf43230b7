"""Reads 32 objects of 8 MB, eight at once, from a server on loopback: ours, boto3, s3fs."""

import concurrent.futures
import io
import json
import os
import socket
import statistics
import subprocess
import time

COUNT, SIZE, READERS, ROUNDS = 32, 8_000_000, 8, 3

with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
url = f"http://127.0.0.1:{port}"
os.environ |= {
    "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
}

import boto3  # noqa: E402  the environment comes first
import s3fs  # noqa: E402

server = subprocess.Popen(["build/bench/gofakes3", "-backend", "memory", "-initialbucket", "shelf",
                           "-host", f"127.0.0.1:{port}", "-quiet"])
try:
    client = boto3.client("s3")
    for _ in range(100):
        try:
            client.list_buckets()
            break
        except Exception:
            time.sleep(0.05)
    data = os.urandom(SIZE)
    keys = [f"x/{i:02d}" for i in range(COUNT)]
    for key in keys:
        client.put_object(Bucket="shelf", Key=key, Body=data)

    def ours():
        out = subprocess.run(["build/bench/throughput", "s3://shelf/x"], check=True, capture_output=True,
                             text=True)
        return float(out.stdout)

    def timed(read):
        begun = time.perf_counter()
        total = read()
        return total / 1e6 / (time.perf_counter() - begun)

    def one(key):
        body = io.BytesIO()
        client.download_fileobj("shelf", key, body)
        return body.tell()

    def with_boto3():
        with concurrent.futures.ThreadPoolExecutor(READERS) as pool:
            return sum(pool.map(one, keys))

    def with_s3fs():
        fs = s3fs.S3FileSystem(endpoint_url=url, skip_instance_cache=True)
        files = fs.cat([f"shelf/{k}" for k in keys], batch_size=READERS)
        return sum(map(len, files.values()))

    runs = {"ours": [], "boto3": [], "s3fs": []}
    for _ in range(ROUNDS):
        runs["ours"].append(ours())
        runs["boto3"].append(timed(with_boto3))
        runs["s3fs"].append(timed(with_s3fs))
    best = {name: statistics.median(values) for name, values in runs.items()}
    print(json.dumps({"name": "store_read_vs_boto3", "MB_s": round(best["ours"], 1),
                      "peer_MB_s": round(best["boto3"], 1), "ratio": round(best["ours"] / best["boto3"], 2)}))
    print(json.dumps({"name": "store_read_vs_s3fs", "MB_s": round(best["ours"], 1),
                      "peer_MB_s": round(best["s3fs"], 1), "ratio": round(best["ours"] / best["s3fs"], 2)}))
finally:
    server.terminate()
