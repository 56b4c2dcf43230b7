"""Prints how fast text is taken out of PDF and HTML files, as ratios to peers; see extraction."""

import glob
import json
import os
import re
import subprocess
import sys
import time

PDF = "../shared/data/pdf"
PAPERS = [
    "acl/2020.acl-main.447.pdf", "acl/2023.eacl-main.121.pdf",
    "texlive-publishers/aastex/sample631.pdf", "texlive-publishers/testflow_doc.pdf",
    "texlive-publishers/acmart/samples/sample-sigconf.pdf",
    "texlive-publishers/revtex/sample/aps/apssamp.pdf",
    "pdfminer-six/samples/contrib/issue-1061-colour-space-stack.pdf",
]
ROUNDS = 3


def papers():
    return [os.path.join(PDF, p) for p in PAPERS]


def pages():
    root = subprocess.run(["go", "env", "GOROOT"], capture_output=True, text=True, check=True).stdout.strip()
    modules = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True).stdout.strip()
    found = glob.glob(root + "/**/*.html", recursive=True) + glob.glob(modules + "/**/*.html", recursive=True)
    return sorted(f for f in found if 4_000 < os.path.getsize(f) < 4_000_000)[:200]


def pypdfium(paths):
    import pypdfium2

    for path in paths:
        document = pypdfium2.PdfDocument(path)
        for page in document:
            page.get_textpage().get_text_range()


def pymupdf_blocks(paths):
    import pymupdf

    for path in paths:
        for page in pymupdf.open(path):
            page.get_text("blocks", sort=True)


def pdfminer(paths):
    from pdfminer.high_level import extract_text

    for path in paths:
        extract_text(path)


def trafilatura_text(paths):
    import trafilatura

    for path in paths:
        with open(path, "rb") as f:
            trafilatura.extract(f.read(), output_format="markdown")


def ours(test, paths):
    """Seconds that the files take our package, of which a benchmark reads the list, and no more."""
    with open("build/bench/files.txt", "w") as f:
        f.write("\n".join(os.path.abspath(p) for p in paths))
    out = subprocess.run(
        [os.path.abspath(f"build/bench/{test}.test"), "-test.run", "^$", "-test.bench", "^BenchmarkFiles$",
         "-test.benchtime", "1x"],
        cwd=f"pipeline/{test}", capture_output=True, text=True, check=True,
        env={**os.environ, "FILES": os.path.abspath("build/bench/files.txt"), "GOMAXPROCS": "1"},
    ).stdout
    return float(re.search(r"([\d.]+) ns/op", out)[1]) / 1e9


def peer(function, paths):
    function(paths[:1])  # imports
    start = time.process_time()
    function(paths)
    return time.process_time() - start


def main():
    for name, test, paths, peers in [
        ("extract_pdf_vs_", "pdf", papers(),
         {"pypdfium2": pypdfium, "pymupdf": pymupdf_blocks, "pdfminer": pdfminer}),
        ("extract_html_vs_", "page", pages(), {"trafilatura": trafilatura_text}),
    ]:
        best = {}
        for _ in range(ROUNDS):
            best["ours"] = min(best.get("ours", 1e9), ours(test, paths))
            for p, function in peers.items():
                best[p] = min(best.get(p, 1e9), peer(function, paths))
        for p in peers:
            print(json.dumps({
                "name": name + p, "ours_s": round(best["ours"], 3), "peer_s": round(best[p], 3),
                "ratio": round(best[p] / best["ours"], 3), "files": len(paths),
                "bytes": sum(os.path.getsize(f) for f in paths),
            }))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
