"""Pictures for the documents, by a headless Chromium: a study's page, and a report's head.

After `make demo`, `python docs/screenshots.py` writes docs/dashboard.png and docs/report.png from
what the demo has left in runs/. Needs Chromium (`--chromium` names it) and no network.
"""

import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

HERE = Path(__file__).parent
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
LOADING_MS = 20_000
"""Time that a page believes to have passed before its picture: the dashboard asks for its data."""


def main(
    storage: Annotated[str, typer.Option(help="of the studies")] = "sqlite:///runs/mln.db",
    study: Annotated[int, typer.Option(help="number of the study in its storage")] = 1,
    report: Annotated[Path, typer.Option(help="a page")] = Path("runs/demo/report.html"),
    chromium: Annotated[str, typer.Option(help="the browser")] = "chromium",
    port: Annotated[int, typer.Option()] = 8090,
    out: Annotated[Path, typer.Option(help="folder")] = HERE,
) -> None:
    """Write dashboard.png and report.png."""
    with dashboard(storage, port) as address:
        picture(chromium, f"{address}/dashboard/studies/{study}", out / "dashboard.png", 1629)
    picture(chromium, report.absolute().as_uri(), out / "report.png", 1540)


@contextmanager
def dashboard(storage: str, port: int) -> Iterator[str]:
    """The dashboard of a storage, once it answers."""
    command = [Path(sys.executable).parent / "mln-bench", "dashboard"]
    server = subprocess.Popen([*command, "--storage", storage, "--port", str(port)])
    address = f"http://127.0.0.1:{port}"
    try:
        while server.poll() is None:
            try:
                urllib.request.urlopen(f"{address}/api/studies").close()
                break
            except OSError:
                time.sleep(0.5)
        else:
            raise SystemExit("the dashboard has not started")
        yield address
    finally:
        server.terminate()
        server.wait()


def picture(chromium: str, address: str, file: Path, height: int) -> None:
    """A page as a PNG, 1,100 pixels wide."""
    with tempfile.TemporaryDirectory() as profile:
        size = f"--window-size=1100,{height}"
        options = [*QUIET, f"--user-data-dir={profile}", f"--virtual-time-budget={LOADING_MS}"]
        command = [chromium, *options, size, f"--screenshot={file}", address]
        subprocess.run(command, check=True, capture_output=True)
    print(file)


if __name__ == "__main__":
    typer.run(main)
