"""Real processes, killed at random: no slot is lost or doubled; several commands on one study."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from test_studies import tiny
from test_studies.consistency import check_consistency

from bench.errors import InputError
from bench.experiment.model import load
from bench.store import schema as tables
from bench.store.store import Store
from studies.objective import evaluate
from studies.objectives import regime_gains
from studies.run import Workers, run_study
from studies.slots import MAX_DEATHS

SLOTS = 8


def run(experiment, url, artifacts, **arguments):
    workers = Workers(**{"count": 2, "evaluate": tiny.leisurely, **arguments})
    return run_study(experiment, url, artifacts, workers=workers)


def test_workers_killed_at_random(any_url, tmp_path, monkeypatch):
    experiment = tiny.experiment(trials=SLOTS)
    # A kill in a slot's every stage would fail the slot: that is another test.
    monkeypatch.setattr("studies.optuna_sync.MAX_DEATHS", 100)
    done, results = threading.Event(), []

    def study():
        try:
            results.append(run(experiment, any_url, tmp_path))
        finally:
            done.set()

    thread = threading.Thread(target=study)
    thread.start()
    rng, kills = random.Random(5), 0
    while not done.wait(rng.uniform(0.1, 0.4)):
        claimed = []
        if (tmp_path / "mln.db").exists() or any_url.startswith("postgresql"):
            claimed = claims(any_url)
        victims = multiprocessing.active_children()
        if claimed and victims and kills < 5:
            with suppress(ProcessLookupError):  # it ended by itself in the meantime
                os.kill(rng.choice(victims).pid, signal.SIGKILL)
                kills += 1
    thread.join()
    (result,) = results
    assert kills >= 2
    assert [trial.slot for trial in result.trials] == list(range(SLOTS))
    assert result.failed == 0
    rows = check_consistency(experiment, any_url, SLOTS)
    assert sum(row["deaths"] for row in rows) >= 1
    # Each value is what its parameters and slot give, however often it was begun.
    for trial in result.trials:
        job = tiny.TrialJob(experiment, trial.params, trial.slot)
        whole = tiny.instant(job, lambda *_: False)
        assert trial.values == whole.values[: len(trial.values)]


def claims(url):
    try:
        store = Store(url, create=False)
    except InputError:
        return []
    rows = store.rows(tables.slots)
    store.close()
    return [row for row in rows if row["state"] == "claimed"]


@pytest.mark.slow
def test_two_commands_share_a_study_that_neither_has_made(any_url, tmp_path):
    experiment = tiny.experiment(trials=SLOTS)
    code = (
        "import sys; from pathlib import Path; from test_studies import tiny\n"
        "from test_studies.test_run_killed import run\n"
        "if __name__ == '__main__':\n"
        f"    r = run(tiny.experiment(trials={SLOTS}), sys.argv[1], Path(sys.argv[2]), count=1)\n"
        "    print(len(r.trials))\n"
    )
    script = tmp_path / "command.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    words = [sys.executable, str(script), any_url, str(tmp_path)]
    both = [
        subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    assert [process.communicate(timeout=120)[0].strip() for process in both] == [str(SLOTS)] * 2
    rows = check_consistency(experiment, any_url, SLOTS)
    assert all(row["deaths"] == 0 for row in rows)


@pytest.mark.slow
def test_a_slot_that_kills_its_workers_fails_and_the_others_finish(url, tmp_path):
    experiment = tiny.experiment(trials=3)
    result = run(experiment, url, tmp_path, count=1, evaluate=tiny.deadly)
    assert [trial.state == "fail" for trial in result.trials] == [False, True, False]
    rows = check_consistency(experiment, url, 3)
    assert [row["deaths"] for row in rows] == [0, MAX_DEATHS, 0]


COMMAND = [
    str(Path(sys.executable).parent / "mln-bench"),
    "study",
    "first-study",
    "--workers=2",
    "--json",
    "--set=study.budget=30000",
    "--set=evolution.settings.training.steps=20",
    "--set=evolution.settings.tasks_per_generation=4",
    "--set=study.tasks=4",
    "--set=study.trials=8",
]


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_workers_and_the_main_process_killed_with_two_objectives(tmp_path, sampler):
    """Every slot once, both objectives a function of parameters and slot, and a front of them."""
    changes = {
        "objectives": '["gain", "worst_regime"]',
        "sampler": sampler,
        "startup_trials": 4,
        "rungs": 1,
        "families": '["circles", "circles+noise=0.3"]',
    }
    words = [*COMMAND, *(f"--set=study.{key}={value}" for key, value in changes.items())]
    url = f"sqlite:///{tmp_path}/runs/mln.db"
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.DEVNULL)
    wait_for_done(process, tmp_path, url, 2)
    os.kill(workers_of(process.pid)[0], signal.SIGKILL)
    wait_for_done(process, tmp_path, url, 4)
    process.kill()
    process.wait(timeout=60)
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert '"fail": 0' in ended.stdout
    summary = json.loads(ended.stdout)
    experiment = load(
        COMMAND[2], [word.removeprefix("--set=") for word in words if "--set" in word]
    )
    check_consistency(experiment, url, 8)
    for trial in summary["trials"]:
        job = tiny.TrialJob(experiment, trial["params"], trial["slot"])
        outcome = evaluate(job, lambda *_: False)
        assert outcome.value == trial["value"]
        assert min(regime_gains(outcome.families).values()) == trial["worst"]
    assert summary["best"]["slot"] in range(8)
    assert summary["front"]


def workers_of(pid):
    """The process numbers of a study's workers, children of its command."""
    children = psutil.Process(pid).children()
    return [child.pid for child in children if "spawn_main" in " ".join(child.cmdline())]


def wait_for_done(process, folder, url, count):
    """Until so many slots are done and another is claimed."""
    while True:
        assert process.poll() is None
        if (folder / "runs" / "mln.db").exists() and claims(url):
            store = Store(url, create=False)
            done = len(store.rows(tables.trials))
            store.close()
            if done >= count and claims(url):
                return
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_command_stopped_in_the_middle_and_continued(tmp_path, signal_number):
    process = subprocess.Popen(
        COMMAND, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    url = f"sqlite:///{tmp_path}/runs/mln.db"
    while not ((tmp_path / "runs" / "mln.db").exists() and claims(url)):
        time.sleep(0.1)
    process.send_signal(signal_number)
    _, messages = process.communicate(timeout=60)
    if signal_number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 130
        assert messages.endswith("interrupted; the same command continues\n")
        assert claims(url) == []
    ended = subprocess.run(COMMAND, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert '"fail": 0' in ended.stdout
    rows = Store(url, create=False).rows(tables.trials)
    assert [row["slot"] for row in rows] == list(range(8))
