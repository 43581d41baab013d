"""What all commands share: one line for bad input, exit codes, interrupts, a quick --help."""

import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest
from test_bench.test_cli.calling import SMALL_RUN, Cli, Stored

from bench.cli import app as cli
from bench.errors import Unavailable
from bench.experiment.model import shipped


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run nofile.toml", "nofile.toml: cannot be read"),
        ("run demoo", "did you mean 'demo'?"),
        ("run quickstart --set benchmark.seedz=3", "did you mean 'seeds'?"),
        ("run demo --set evolution.settings.population=-4", "population must be at least 4"),
        ("run quickstart --set benchmark.tasks=['moonz']", "moons"),
        ("run quickstart --set benchmark.tasks=['moons+nois=.1']", "noise"),
        ("run quickstart --set benchmark.tasks=['moons','moons']", "named twice"),
        ("run quickstart --set benchmark.losses=['ce','mse','gcce']", "did you mean 'gce'?"),
        ("run quickstart --set benchmark.tasks=['folder:nowhere']", "nowhere does not exist"),
        ("run quickstart --set benchmark.tasks=['table:/x.csv,label=y']", "/x.csv does not exist"),
        ("run mnist --data-root nowhere", "--data-root nowhere: no such folder"),
        ("run mnist --data-root /tmp", "mln-bench download mnist --data-root /tmp"),
        (
            "run quickstart --set benchmark.learner=lenet --set benchmark.tasks=['moons']",
            "needs pictures",
        ),
        (
            "run quickstart --set report.metric=recovery_steps",
            "needs tasks that drift; 'digits' does not",
        ),
        ("run quickstart --set scale=small", "scale 'small' is unknown"),
        ("run quickstart --set plugins=['absent.py']", "absent.py: no such file"),
        ("list tasks --plugin absent.py", "absent.py: no such file"),
        ("download mnits --data-root .", "did you mean 'mnist'?"),
        ("run quickstart --set device=cuda:99", "device 'cuda:99'"),
        ("run quickstart --set device=mps", "device 'mps': learners are trained on cpu and cuda"),
        ("run quickstart --storage nonsense", "use sqlite:///FILE"),
        ("run quickstart --storage sqlite:////proc/a/b.db", "cannot make its folder"),
        ("run quickstart --artifacts /proc/a", "folder /proc/a: cannot be written"),
        ("run quickstart --jobs 0", "--jobs"),
        ("run demo", "run `mln-bench study` first"),
        (
            "evolve one-loss --set evolution.loss.scope=vector --set evolution.loss.classes=2",
            "but task",
        ),
        ("evolve one-loss --out .", "is a folder"),
        ("evolve one-loss --out /proc/x/loss.safetensors", "cannot be written"),
        (
            "study first-study --set study.space.evolution.settings.population=[7]",
            "population must be even, not 7",
        ),
        ("study first-study --set study.tune=['evolution.settings.mod']", "did you mean"),
        (
            "study first-study --set study.kind=confrim",
            "kind must be one of screen, confirm, ablate",
        ),
        ("study mode-ablation --export best.toml", "an ablation has no best configuration"),
        ("ablate first-study", "has no [study] of kind 'ablate'"),
        ("run quickstart --set report.rope=inf", "report.rope"),
        ("run one-loss", "has no [benchmark] section"),
        ("evolve quickstart", "has no [evolution] section"),
        ("study quickstart", "has no [study] section"),
        ("status quickstart", "no such file"),
        ("report quickstart", "no such file"),
        ("dashboard", "no such file"),
        ("list losess", "did you mean 'losses'?"),
        ("runn", "Did you mean 'run'?"),
        ("run", "EXPERIMENT"),
    ],
)
def test_bad_input_is_one_line_code_2_and_nothing_written(
    run_cli: Cli, tmp_path: Path, words: str, message: str
) -> None:
    ended = run_cli(*words.split())
    assert ended.code == 2
    assert message in ended.err
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [(), ("-h",), ("--help",)])
def test_help_is_help_and_no_error(run_cli: Cli, words: tuple[str, ...]) -> None:
    ended = run_cli(*words)
    assert (ended.code, ended.err) == (0, "")
    assert "Commands" in ended.out


def test_the_version_is_the_packages(run_cli: Cli) -> None:
    assert run_cli("--version") == (0, f"mln-bench {version('mln-bench')}\n", "")


def test_no_shipped_experiment_is_named_as_a_verb() -> None:
    verbs = {verb.__name__ for verb in cli.VERBS} | {"list"}
    assert verbs & shipped().keys() == {"demo"}  # the verb runs it


def test_what_is_out_of_reach_is_one_line_and_code_1(
    run_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> None:
        raise Unavailable("storage x: no answer")

    monkeypatch.setattr("bench.doctor.examine", unreachable)
    assert run_cli("doctor") == (1, "", "error: storage x: no answer\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_code_130_and_names_the_way_on(
    run_cli: Cli, benchmarked: Stored, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: signal.raise_signal(number))
    # A shell lets its background jobs, and so these tests, ignore Ctrl-C.
    on_interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        missing = "--set=benchmark.seeds=9"
        ended = run_cli("status", *SMALL_RUN, missing, "--watch", benchmarked.option)
    finally:
        signal.signal(signal.SIGINT, on_interrupt)
    assert ended.code == cli.INTERRUPTED == 130
    assert ended.err == "interrupted; the same command continues\n"


def test_help_is_quick_because_it_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['mln-bench', '--help']\n"
        "from bench.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'pandas', 'scipy', 'optuna', 'sqlalchemy', 'sklearn')"
        " if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip().endswith("[]")


def test_help_names_every_verb(run_cli: Cli) -> None:
    ended = run_cli("--help")
    assert ended.code == 0
    names = [verb.__name__ for verb in cli.VERBS]
    assert all(f" {name} " in ended.out for name in (*names, "list"))


def test_an_error_of_the_place_is_one_line(run_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(**_: object) -> None:
        raise PermissionError(13, "Permission denied", "some/file")

    monkeypatch.setattr(cli, "app", denied)
    ended = run_cli("list", "tasks")
    assert (ended.code, ended.err) == (1, "error: some/file: Permission denied\n")


def test_who_has_no_home_is_not_told_of_matplotlib(
    run_cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MPLCONFIGDIR", "")
    monkeypatch.delenv("MPLCONFIGDIR")
    assert run_cli("list", "regimes").code == 0
    assert "MPLCONFIGDIR" not in os.environ
    monkeypatch.setattr(cli, "homeless", lambda: True)
    assert run_cli("list", "regimes").code == 0
    assert os.environ["MPLCONFIGDIR"] == str(tmp_path / "cache" / "matplotlib")
