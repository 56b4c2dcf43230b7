"""Compares what pyarrow.flight reads from `pipeline serve` with the Parquet files.

Usage: flight.py DATASET grpc+tls://HOST:PORT@DIGEST CERTIFICATE TOKEN
"""

import json
import sys
from pathlib import Path

import pyarrow
import pyarrow.flight as flight
import pyarrow.parquet


def main():
    dataset, location, certificate, token = sys.argv[1:]
    place, digest = location.split("@")
    client = flight.connect(place, tls_root_certs=Path(certificate).read_bytes())
    options = flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {token}".encode())])

    def get(**ticket):
        ticket = {"version": 1, "dataset": digest, **ticket}
        return client.do_get(flight.Ticket(json.dumps(ticket)), options).read_all().to_pylist()

    for info in client.list_flights(options=options):
        split = info.descriptor.path[1].decode()
        files = sorted(Path(dataset, "data").glob(f"{split}-*.parquet"))
        want = [row for f in files for row in pyarrow.parquet.read_table(f).to_pylist()]
        assert info.total_records == len(want), (info.total_records, len(want))
        rows = client.do_get(info.endpoints[0].ticket, options).read_all().to_pylist()
        assert rows == want, f"{split}: rows differ"
        part = get(split=split, start=len(want) // 3, count=1 + len(want) // 3, batch_rows=7)
        assert part == want[len(want) // 3:][:1 + len(want) // 3], f"{split}: a range differs"
        epoch = get(split=split, shuffle=True, seed=7, epoch=3)
        assert sorted(map(str, epoch)) == sorted(map(str, want)), f"{split}: an epoch is no permutation"
        ranks = [get(split=split, shuffle=True, seed=7, epoch=3, start=r, stride=3)
                 for r in range(min(3, len(want)))]
        dealt = [ranks[i % 3][i // 3] for i in range(len(want))]
        assert dealt == epoch, f"{split}: ranks do not make up the epoch"
        print(f"{split}: {len(want)} rows, {sum(len(r['input_ids']) for r in want)} tokens equal; "
              f"a range, a shuffled epoch and 3 ranks of it too")

    for name, call in {
        "no token": lambda: list(client.list_flights()),
        "wrong digest": lambda: client.do_get(flight.Ticket(
            json.dumps({"version": 1, "dataset": "0" * 64})), options).read_all(),
        "no ticket": lambda: client.do_get(flight.Ticket(b"\x00"), options).read_all(),
        "beyond the end": lambda: get(start=1 << 60),
        "writing": lambda: client.do_put(
            flight.FlightDescriptor.for_path("x"), pyarrow.schema([]), options)[0].close(),
    }.items():
        try:
            call()
        except (flight.FlightError, pyarrow.ArrowException, OSError, NotImplementedError) as e:
            print(f"{name}: {str(e).splitlines()[0]:.110}")
        else:
            raise AssertionError(f"{name} was not refused")


main()
