"""Review: the dashboard serves what exists, on loopback, and makes nothing; pictures."""

import csv
import io
import json
import threading
from urllib.request import urlopen

import pytest
from test_studies import tiny

from bench.errors import InputError
from bench.store.store import Store
from mln.files import load_loss
from studies.dashboard.review import caution, launch_dashboard
from studies.protocol import METRIC
from studies.run import run_study


def test_a_missing_storage_is_refused_and_not_made(url, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        launch_dashboard(url, tmp_path, on_ready=pytest.fail)
    assert not list(tmp_path.iterdir())


def test_a_storage_without_a_study_is_refused(url, tmp_path):
    Store(url).close()
    with pytest.raises(InputError, match="holds no study"):
        launch_dashboard(url, tmp_path, on_ready=pytest.fail)


@pytest.mark.parametrize("kind", ["screen", "ablate"])
def test_the_dashboard_serves_the_study_with_its_artifacts(url, tmp_path, monkeypatch, kind):
    monkeypatch.setattr("studies.run._WorkerProcesses", tiny.Inline)
    experiment = tiny.experiment(kind, settings={"genetic": {"elites": 2}})
    artifacts = tmp_path / "artifacts"
    run_study(experiment, url, artifacts, trials=2)
    seen = {}

    def look(serving):
        def visit():
            try:
                api = serving.url.replace("/dashboard", "/api/studies")
                for name, address in (("studies", api), ("study", f"{api}/1")):
                    with urlopen(address) as answer:
                        seen[name] = json.load(answer)
                trial = seen["study"]["trials"][0]
                for artifact in trial["artifacts"]:
                    address = serving.url.replace("/dashboard", "/artifacts/1")
                    with urlopen(f"{address}/{trial['trial_id']}/{artifact['artifact_id']}") as got:
                        seen[artifact["filename"]] = got.read()
            finally:
                stop.set()

        seen["caution"] = serving.caution
        threading.Thread(target=visit, daemon=True).start()

    stop = threading.Event()
    monkeypatch.setattr(
        "studies.dashboard.review._Server.service_actions", lambda server: _end(stop)
    )
    with pytest.raises(KeyboardInterrupt):
        launch_dashboard(url, artifacts, port=0, on_ready=look)
    assert seen["caution"] == ""
    assert [study["study_name"] for study in seen["studies"]["study_summaries"]] == [
        "tiny settings"
    ]
    assert seen["study"]["objective_names"] == [METRIC]
    assert "**Question.**" in seen["study"]["note"]["body"]
    assert len(seen["study"]["plotly_graph_objects"]) <= 3
    assert seen["trial.png"].startswith(b"\x89PNG")
    rows = list(csv.DictReader(io.StringIO(seen["seeds.csv"].decode())))
    seeds = 1 if kind == "screen" else 2
    assert len(rows) == 3 * seeds
    assert {row["family"] for row in rows} == {"blobs_2", "circles"}
    name = "loss.safetensors" if kind == "screen" else "loss-seed-1.safetensors"
    (tmp_path / "a.safetensors").write_bytes(seen[name])
    assert load_loss(tmp_path / "a.safetensors").provenance["study"] == "tiny settings"


def _end(stop):
    if stop.is_set():
        raise KeyboardInterrupt


def test_a_port_in_use_is_refused(url, tmp_path, monkeypatch):
    monkeypatch.setattr("studies.run._WorkerProcesses", tiny.Inline)
    monkeypatch.setattr("studies.records._upload", lambda *_: None)
    tiny.run(tiny.experiment(), url, trials=2)
    for port in (1 << 17, 1):
        with pytest.raises(InputError, match="cannot listen"):
            launch_dashboard(url, tmp_path, "192.0.2.1", port, on_ready=pytest.fail)


@pytest.mark.parametrize(
    ("host", "is_safe"),
    [("127.0.0.1", True), ("localhost", True), ("0.0.0.0", False), ("example.org", False)],
)
def test_the_caution(host, is_safe):
    assert (caution(host) == "") is is_safe
