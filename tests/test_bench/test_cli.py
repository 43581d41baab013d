"""The command line: bad input, exit codes, and the loop by hand."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from bench.cli import app as cli
from bench.experiment.model import load

TINY_DEMO = [
    f"--set={override}"
    for override in (
        "study.trials=4",
        "study.startup_trials=2",
        "study.budget=2000",
        "study.tasks=2",
        "study.space.evolution.settings.population=[4,8]",
        "study.rungs=2",
        "evolution.runs=2",
        "evolution.settings.budget=2000",
        "evolution.settings.tasks_per_generation=2",
        "evolution.settings.genetic.elites=2",
        "evolution.settings.training.steps=10",
        "evolution.settings.learner.hidden=[4]",
        "benchmark.tasks=['spirals','digits+noise=0.4']",
        "benchmark.seeds=6",
        "benchmark.training.steps=20",
        "tuning.rates=[0.003,0.01]",
        "tuning.seeds=2",
    )
]


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Cli = Callable[..., Ended]


@pytest.fixture
def run_cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cli:
    """Run `mln-bench` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["mln-bench", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run nofile.toml", "nofile.toml: cannot be read"),
        ("run demoo", "did you mean 'demo'?"),
        ("run run --set benchmark.seedz=3", "did you mean 'seeds'?"),
        ("run demo --set evolution.settings.population=-4", "population must be at least 4"),
        ("run run --set benchmark.tasks=['moonz']", "moons"),
        ("run run --set benchmark.tasks=['moons+nois=.1']", "noise"),
        ("run run --set benchmark.tasks=['moons','moons']", "named twice"),
        ("run run --set benchmark.losses=['ce','mse','gcce']", "did you mean 'gce'?"),
        ("run run --set benchmark.tasks=['folder:nowhere']", "nowhere does not exist"),
        ("run run --set benchmark.tasks=['table:/x.csv,label=y']", "/x.csv does not exist"),
        ("run mnist --data-root nowhere", "--data-root nowhere: no such folder"),
        ("run mnist --data-root /tmp", "mln-bench download mnist --data-root /tmp"),
        ("run run --set benchmark.learner=lenet --set benchmark.tasks=['moons']", "needs pictures"),
        ("run run --set report.metric=recovery_steps", "needs tasks that drift; 'digits' does not"),
        ("run run --set scale=small", "scale 'small' is unknown"),
        ("run run --set plugins=['absent.py']", "absent.py: no such file"),
        ("list tasks --plugin absent.py", "absent.py: no such file"),
        ("download mnits --data-root .", "did you mean 'mnist'?"),
        ("run run --set device=cuda:99", "device 'cuda:99'"),
        ("run run --storage nonsense", "use sqlite:///FILE"),
        ("run run --storage sqlite:////proc/a/b.db", "cannot make its folder"),
        ("run run --artifacts /proc/a", "folder /proc/a: cannot be written"),
        ("run run --jobs 0", "--jobs"),
        ("run demo", "run `mln-bench study` first"),
        (
            "evolve evolve --set evolution.loss.scope=vector --set evolution.loss.classes=2",
            "but task",
        ),
        ("evolve evolve --out .", "is a folder"),
        ("evolve evolve --out /proc/x/loss.safetensors", "cannot be written"),
        (
            "study study --set study.space.evolution.settings.population=[7]",
            "population must be even, not 7",
        ),
        ("study study --set study.tune=['evolution.settings.mod']", "did you mean"),
        ("study study --set study.kind=confrim", "kind must be one of screen, confirm, ablate"),
        ("study ablate --export best.toml", "an ablation has no best configuration"),
        ("ablate study", "has no [study] of kind 'ablate'"),
        ("run run --set report.rope=inf", "report.rope"),
        ("run evolve", "has no [benchmark] section"),
        ("evolve run", "has no [evolution] section"),
        ("study run", "has no [study] section"),
        ("status run", "no such file"),
        ("report run", "no such file"),
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


@pytest.mark.parametrize("what", ["tasks", "regimes", "losses", "learners", "experiments"])
def test_lists_are_the_same_for_people_and_machines(run_cli: Cli, what: str) -> None:
    names = [row["name"] for row in json.loads(run_cli("list", what, "--json").out)]
    assert names
    shown = run_cli("list", what)
    assert shown.code == 0
    assert all(name in shown.out for name in names)


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


def stable(report: Path) -> dict:
    """report.json without times and paths."""
    content = json.loads(report.read_text())
    content.pop("provenance")
    return content


def test_the_demo_closes_the_loop_and_repeats_itself(run_cli: Cli, tmp_path: Path) -> None:
    for name, jobs in (("a", "2"), ("b", "1")):
        where = ["--out", name, "--storage", f"sqlite:///{name}.db", "--jobs", jobs]
        ended = run_cli("demo", "--seed", "3", *where, *TINY_DEMO)
        assert ended.code == 0, ended.err
        assert "mln-bench dashboard" in ended.out
        for phase in ("study", "evolve 2 losses", "tune every loss", "benchmark"):
            assert f"{phase}: 100%" in ended.err
    first = stable(tmp_path / "a" / "report.json")
    assert first == stable(tmp_path / "b" / "report.json")
    assert (tmp_path / "a" / "rows.csv").read_bytes() == (tmp_path / "b" / "rows.csv").read_bytes()
    assert {(row["candidate"], row["baseline"]) for row in first["comparisons"]} >= {
        ("mln_1", "ce"),
        ("mln_2", "mse"),
    }
    assert first["missing"] == []
    assert (tmp_path / "a" / "report.html").stat().st_size > 10_000

    # Nothing is left to do, and the same is to be had by hand.
    by_hand = ["--storage", "sqlite:///a.db", "--set=seed=3", *TINY_DEMO]
    for verb in ("study", "run"):
        ended = run_cli(verb, "demo", *by_hand)
        assert ended.code == 0, ended.err
        assert "started" not in ended.err.replace("study: started", "")
    assert "note: 6 paired seeds are too few for 8 primary comparisons" in ended.err
    (state,) = json.loads(run_cli("status", "demo", "--json", *by_hand).out)
    assert state["done"] == 2 * 2 * 7 * 6
    assert state["missing"] == 0
    ended = run_cli("report", "demo", "--strict", "--out", "c", *by_hand)
    assert ended.code == 0, ended.err
    assert stable(tmp_path / "c" / "report.json") == first


def test_evolve_writes_a_loss_file_and_does_not_repeat_itself(run_cli: Cli, tmp_path: Path) -> None:
    tiny = [
        "--set=evolution.settings.budget=2000",
        "--set=evolution.settings.population=4",
        "--set=evolution.settings.genetic.elites=2",
        "--set=evolution.settings.tasks_per_generation=2",
        "--set=evolution.settings.training.steps=10",
    ]
    first = run_cli("evolve", "evolve", "--out", "my/loss.safetensors", "--json", *tiny)
    assert first.code == 0, first.err
    content = (tmp_path / "my" / "loss.safetensors").read_bytes()
    again = run_cli("evolve", "evolve", "--out", "my/loss.safetensors", "--json", *tiny)
    assert again.err == ""
    assert json.loads(again.out) == json.loads(first.out)
    assert (tmp_path / "my" / "loss.safetensors").read_bytes() == content


def test_the_demo_keeps_its_promises() -> None:
    """The budgets that the README and the report speak of."""
    demo = load("demo")
    assert demo.study is not None
    assert demo.evolution is not None
    assert demo.benchmark is not None
    assert demo.study.trials == 8
    assert demo.study.budget >= 150_000
    assert demo.evolution.runs == 3
    assert demo.evolution.settings.budget >= 1_000_000
    assert demo.evolution.settings.tasks_per_generation >= 8
    assert demo.benchmark.training.steps >= 500
    assert demo.benchmark.seeds >= 20
    assert len(demo.tuning.rates) == 5
    assert demo.tuning.seeds == 3

    def family(task: str) -> str:
        return task.partition("+")[0]

    seen = {family(task) for task in (*demo.evolution.families, *demo.study.families)}
    assert seen.isdisjoint(family(task) for task in demo.benchmark.tasks)
