"""Names, folders and rights that a command may meet."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from test_bench.test_cli.calling import SMALL_RUN, Cli, Stored

from bench.cli.options import without_detours
from bench.files import require_writable
from bench.store.url import sqlite_url
from mln.kernels.native import interface as native

QUIRKS = 'we ird {x} "q" ü #'
MINE = """\
name = 'mine'
seed = 1
[benchmark]
tasks = ['moons']
losses = ['ce', 'mse']
evolved = false
"""
VERB = "import sys; from bench.cli.app import main; sys.argv[0] = 'mln-bench'; main()"


@pytest.fixture
def database(benchmarked: Stored, tmp_path: Path) -> Path:
    """A copy of the finished benchmark's, alone in a folder."""
    source = Path(benchmarked.option.removeprefix("--storage=sqlite:///"))
    with sqlite3.connect(source) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    copy = tmp_path / "results" / "mln.db"
    copy.parent.mkdir()
    shutil.copy(source, copy)
    return copy


def test_braces_quotes_blanks_and_letters_in_names(
    run_cli: Cli, database: Path, tmp_path: Path
) -> None:
    folder = tmp_path / QUIRKS
    folder.mkdir()
    name = f"sqlite:///{shutil.copy(database, folder / 'db {1}.db')}"
    (folder / "a {b}.toml").write_text(MINE)
    status = run_cli("status", *SMALL_RUN, f"--storage={name}", f"--artifacts={QUIRKS}/files")
    assert status.code == 0, status.err
    assert run_cli("status", f"{QUIRKS}/a {{b}}.toml", f"--storage={name}").code == 0
    assert run_cli("doctor", f"--storage={name}").code == 0
    merged = run_cli("merge", name, f"--storage=sqlite:///{tmp_path}/mer'ged {{}}.db")
    assert merged.code == 0, merged.err
    assert (tmp_path / "mer'ged {}.db").exists()


def test_a_question_mark_or_a_per_cent_sign_in_a_path(
    run_cli: Cli, database: Path, tmp_path: Path
) -> None:
    """A URL gives both a meaning: what is typed as one is refused, what is a file is found."""
    folder = tmp_path / "why? 50%41"
    folder.mkdir()
    ended = run_cli("merge", str(shutil.copy(database, folder)), f"--storage=sqlite:///{folder}/a")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "write a ? in its name as %3F" in ended.err
    written = sqlite_url(folder / "to.db")
    merged = run_cli("merge", str(folder / "mln.db"), f"--storage={written}")
    assert merged.code == 0, merged.err
    assert sorted(folder.iterdir()) == [folder / "mln.db", folder / "to.db"]
    assert run_cli("status", *SMALL_RUN, f"--storage={written}").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results", folder.name]


@pytest.mark.parametrize("name", ["..", ".", "...", "a/b", "/tmp/x", "a\\b", ""])
def test_an_experiment_cannot_be_called_a_way_out(run_cli: Cli, tmp_path: Path, name: str) -> None:
    (tmp_path / "mine.toml").write_text(MINE.replace("mine", name))
    ended = run_cli("run", "mine.toml")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "mine.toml: name: " in ended.err
    assert list(tmp_path.iterdir()) == [tmp_path / "mine.toml"]


def test_a_byte_order_mark_is_no_part_of_an_experiment(run_cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MINE, encoding="utf-8-sig")
    ended = run_cli("status", "mine.toml", "--storage=sqlite:///none.db")
    assert "no such file" in ended.err


def test_a_detour_by_a_folder_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert without_detours(Path("new/../rep")) == Path("rep")
    assert without_detours(Path("../rep")) == tmp_path.parent / "rep"
    assert without_detours(Path("rep/x")) == Path("rep/x")
    require_writable(Path("new/../rep"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_report_lands_beside_the_detour(run_cli: Cli, database: Path, tmp_path: Path) -> None:
    ended = run_cli(
        "report", *SMALL_RUN[1:], "quickstart", f"--storage=sqlite:///{database}", "--out=n/../r"
    )
    assert ended.code == 0, ended.err
    assert (tmp_path / "r/report.html").exists()
    assert not (tmp_path / "n").exists()


@pytest.mark.parametrize("beside", [(), ("-wal", "-shm"), ("-wal",)])
def test_a_database_that_cannot_be_written_is_read(
    benchmarked: Stored, tmp_path: Path, beside: tuple[str, ...]
) -> None:
    """As it lies: alone, or copied with the journal of somebody who had not finished; without the
    index of that, SQLite cannot read it, and what helps is said."""
    database = tmp_path / "results" / "mln.db"
    database.parent.mkdir()
    source = Path(benchmarked.option.removeprefix("--storage=sqlite:///"))
    with contextlib.closing(sqlite3.connect(source)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        writer.execute("PRAGMA user_version = 0")
        writer.commit()
        assert Path(f"{source}-wal").stat().st_size
        files = [shutil.copy(f"{source}{end}", f"{database}{end}") for end in ("", *beside)]
    for file in files:
        Path(file).chmod(0o444)
    database.parent.chmod(0o555)
    words = ["status", *SMALL_RUN, f"--storage=sqlite:///{database}"]
    try:
        ended = subprocess.run(
            [*_without_powers(), sys.executable, "-c", VERB, *words], capture_output=True, text=True
        )
    finally:
        database.parent.chmod(0o755)
    if beside == ("-wal",):
        assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
        assert "copy the file and its -wal to a folder that can be written" in ended.stderr
    else:
        assert ended.returncode == 0, ended.stderr
        assert "seconds left" in ended.stdout
    assert sorted(map(str, database.parent.iterdir())) == sorted(files)


def _without_powers() -> list[str]:
    """What takes from root the right to write where nobody may."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root may write anything, and there is no setpriv")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]


@pytest.mark.parametrize(("shell", "code"), [(">&-", 0), (">&- 2>&-", 0), ("> /dev/full", 1)])
def test_an_output_that_is_closed_or_full(tmp_path: Path, shell: str, code: int) -> None:
    if "full" in shell and not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    command = f'exec "{sys.executable}" -c "{VERB}" list regimes {shell}'
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.count("\n") == (code == 1)


def test_a_kernel_that_cannot_be_had_is_one_line(
    run_cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CXX", '"unclosed')
    native.unavailable.cache_clear()
    try:
        ended = run_cli("run", *SMALL_RUN, "--jobs=1", "--set=kernel=fused")
    finally:
        native.unavailable.cache_clear()
    assert ended.code == 2
    # After what was understood of the tasks, which are read before a kernel is needed.
    assert ended.err.splitlines()[-1].startswith("error: kernel fused: CXX=")
    assert "Traceback" not in ended.err
