"""Puts the results of scripts/gpu-check together: docs/results/gpu-DATE.json, and a table.

Refuses results of the emulator: only what a GPU did is a figure.
"""

import datetime
import json
import pathlib
import sys


def figures(results):
    """Our figures by name, and the peer's by row and setting."""
    ours, peers = {}, {}
    for path in sorted(results.glob("*.json")):
        if not path.with_suffix(".done").exists():
            continue
        if path.stem.startswith("torch_"):
            for line in path.read_text().splitlines():
                if line.startswith("{"):
                    one = json.loads(line)
                    peers[one["name"]] = one
        elif path.stem.startswith(("operators", "jit_", "step_", "max_context_")):
            if path.stem.startswith("operators-"):
                continue
            for figure in json.loads(path.read_text())["figures"]:
                ours[figure["name"]] = figure
    return ours, peers


def compare(ours, peers):
    """A row a peer's setting, with the ratio of tokens a second."""
    rows = []
    for name, peer in sorted(peers.items()):
        row, setting = name.split("_torch_")
        mine = ours.get(row + "_tok_s")
        if mine is None or peer["value"] is None:
            continue
        rows.append({"name": f"{row}_vs_torch_{setting}", "ours": mine["ours"], "peer": peer["value"],
                     "unit": "tokens/s", "ratio": mine["ours"] / peer["value"]})
    return rows


def main():
    folder = pathlib.Path(sys.argv[1])
    results = folder / "results"
    devices = results / "devices.json"
    if not devices.exists():
        sys.exit(f"{results}: no results; run {folder}/gpu-check run on the GPU machine first")
    machine = [line for line in devices.read_text().splitlines() if line.startswith("cuda:")]
    if not machine or "Emulator" in machine[0]:
        sys.exit(f"{devices}: no GPU: {devices.read_text().strip()}")
    ours, peers = figures(results)
    everything = list(ours.values()) + compare(ours, peers)
    errors = [f["ours"] for name, f in ours.items() if name.endswith("_plan_peak_error")]
    if errors:
        everything.append({"name": "plan_peak_error", "ours": max(errors), "peer": None,
                           "unit": "of the peak, the worst row", "ratio": None})
    date = datetime.date.fromtimestamp(devices.stat().st_mtime).isoformat()
    report = {"date": date, "machine": machine[0], "commit": (folder / "commit").read_text().strip(),
              "peers": list(peers.values()), "figures": everything}
    out = pathlib.Path(__file__).parents[2] / "docs" / "results" / f"gpu-{date}.json"
    out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"{out}\n\n{machine[0]}\n")
    print("| name | ours | peer | unit | ratio |\n|---|---:|---:|---|---:|")
    for f in everything:
        cell = lambda x: "" if x is None else f"{x:.4g}"  # noqa: E731
        print(f"| {f['name']} | {cell(f['ours'])} | {cell(f['peer'])} | {f['unit']} | {cell(f['ratio'])} |")


if __name__ == "__main__":
    main()
