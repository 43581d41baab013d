"""The dashboard: it serves what exists, on loopback, and makes nothing."""

import json
import threading
from urllib.request import urlopen

import pytest
from test_studies import tiny

from bench.errors import InputError
from bench.store import Store
from studies import screen
from studies.review import caution, launch_dashboard
from studies.storage import METRIC


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'mln.db'}"


def test_a_missing_storage_is_refused_and_not_made(url, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        launch_dashboard(url, on_ready=pytest.fail)
    assert not list(tmp_path.iterdir())


def test_a_storage_without_a_study_is_refused(url):
    Store(url).close()
    with pytest.raises(InputError, match="holds no study"):
        launch_dashboard(url, on_ready=pytest.fail)


def test_it_serves_the_study(url, monkeypatch):
    monkeypatch.setattr(screen, "Workers", tiny.Instant)
    screen.run_study(tiny.experiment(), url)
    seen = {}

    def look(serving):
        def visit():
            api = serving.url.replace("/dashboard", "/api/studies")
            with urlopen(api) as answer:
                seen["studies"] = json.load(answer)["study_summaries"]
            with urlopen(f"{api}/1") as answer:
                seen["study"] = json.load(answer)
            stop.set()

        seen["caution"] = serving.caution
        threading.Thread(target=visit, daemon=True).start()

    stop = threading.Event()
    monkeypatch.setattr("studies.review._Server.service_actions", lambda server: _end(stop))
    with pytest.raises(KeyboardInterrupt):
        launch_dashboard(url, port=0, on_ready=look)
    assert seen["caution"] == ""
    assert [study["study_name"] for study in seen["studies"]] == ["tiny settings"]
    assert seen["study"]["objective_names"] == [METRIC]
    assert "**Question.**" in seen["study"]["note"]["body"]


def _end(stop):
    if stop.is_set():
        raise KeyboardInterrupt


def test_a_port_in_use_is_refused(url, monkeypatch):
    monkeypatch.setattr(screen, "Workers", tiny.Instant)
    screen.run_study(tiny.experiment(), url, trials=2)
    for port in (1 << 17, 1):
        with pytest.raises(InputError, match="cannot listen"):
            launch_dashboard(url, "192.0.2.1", port, on_ready=pytest.fail)


@pytest.mark.parametrize(
    ("host", "is_safe"),
    [("127.0.0.1", True), ("localhost", True), ("0.0.0.0", False), ("example.org", False)],
)
def test_the_caution(host, is_safe):
    assert (caution(host) == "") is is_safe
