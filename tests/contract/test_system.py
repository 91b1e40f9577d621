"""The device about itself: to people, to who helps, to Prometheus, and to who found a fault."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import pi_cam
from pi_cam import about
from pi_cam.api.exposition import Family, written
from pi_cam.api.metrics import _cameras
from pi_cam.control.doctor import Checkup
from pi_cam.control.findings import Finding
from pi_cam.errors import NotReady
from pi_cam.trust.authority import RELEASED
from tests.contract.application import NAME, OWN, Application, running
from web.ui import texts

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with running(tmp_path_factory.mktemp("system")) as application:
        application.owner()
        yield application


def test_everybody_who_is_signed_in_learns_what_it_is_and_no_more(owned: Application) -> None:
    guest = owned.user("guest", {"main": ["view"]}).get("/api/v1/system").get_json()
    assert (guest["model"], guest["version"]) == (about.model(), pi_cam.__version__)
    assert guest["support_until"] == about.SUPPORT_UNTIL.isoformat()
    assert {name for name, value in guest.items() if value is not None} == {"name", "model", "version", "support_until"}
    full = owned.owner().get("/api/v1/system").get_json()
    assert set(full) == set(guest)
    assert (full["listener"], full["tls"], full["problems"]) == ("lan", False, [])
    assert 0 <= full["uptime_seconds"] < 600


def test_the_authority_is_made_by_no_question(owned: Application) -> None:
    assert owned.owner().get("/api/v1/system").get_json()["certificate_fingerprint"] is None
    assert not (owned.services.journal._ledger.folder / "tls").exists()


def test_the_model_is_what_the_machine_says(tmp_path: Path) -> None:
    assert about.model(tmp_path) == about.MODEL
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    assert about.model(tmp_path) == "Raspberry Pi 5 Model B Rev 1.0"


def test_the_doctor_is_the_same_as_in_the_terminal(owned: Application) -> None:
    folder = owned.services.journal._ledger.folder
    done = subprocess.run(
        [sys.executable, "-m", "pi_cam.cli", "doctor", "--json", "--data", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    findings = owned.owner().get("/api/v1/system/doctor").get_json()["findings"]
    for name in {finding["name"] for finding in findings}:
        assert f'"name": "{name}"' in done.stdout
    assert done.stdout.count('"name"') == len(findings)


@pytest.mark.parametrize(("language", "word"), [("en", "In order"), ("fr", "En ordre")])
def test_the_page_shows_every_line_in_both_languages(owned: Application, language: str, word: str) -> None:
    owner = owned.owner()
    findings = owner.get("/api/v1/system/doctor").get_json()["findings"]
    page = html.unescape(owner.get("/system", headers={"Accept-Language": language}).get_data(as_text=True))
    lines = page.partition('class="findings"')[2].partition("</ul>")[0]
    assert re.findall(r'data-finding="(\w+)" data-level="(\w+)"', lines) == [
        (finding["name"], finding["level"]) for finding in findings
    ]
    assert word in lines
    said = texts.translator(language)
    for sentence in (finding[part] for finding in findings for part in ("text", "remedy") if finding[part]):
        assert f">{said(sentence)}</p>" in lines
        assert (said(sentence) == sentence) == (language == "en"), sentence


def test_what_has_several_lines_has_one_heading(owned: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["disk", "network", "network", "privileges"]
    monkeypatch.setattr(Checkup, "findings", lambda self: [Finding(name, "ok", "Fine.") for name in names])
    page = owned.owner().get("/system").get_data(as_text=True)
    assert [part.strip() for part in re.findall(r"<h3>([^<]+)<", page)] == ["Disk", "Network", "Privileges"]
    assert page.count('class="tag"') == len(names)


def test_the_page_writes_the_day_as_the_person_does(owned: Application) -> None:
    for language, day in (("en", "Nov 1, 2031"), ("fr", "1 nov. 2031")):
        for path in ("/system", "/security-policy"):
            page = owned.owner().get(path, headers={"Accept-Language": language}).get_data(as_text=True)
            assert f'<time datetime="2031-11-01">{day}</time>' in page


def test_the_page_is_closed_for_a_moment_where_others_look(owned: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(_: Checkup) -> None:
        raise NotReady("Others look already whether all is in order. Try again in a moment.")

    monkeypatch.setattr(Checkup, "findings", busy)
    for path in ("/api/v1/system/doctor", "/api/v1/system/report", "/system"):
        answer = owned.owner().get(path, headers={"Accept-Language": "fr"})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Réessayez dans un instant" in answer.get_data(as_text=True)


def test_the_report_is_without_secrets_wherever_they_stand(tmp_path: Path) -> None:
    """A line of the doctor passes on what stands in a file."""
    (tmp_path / "settings.json").write_text('{"version": 2, "values": {"rtsp://ada:canary@10.0.0.1/": 1}}')
    (tmp_path / "settings.json").chmod(0o600)
    tmp_path.chmod(0o700)
    with running(tmp_path) as application:
        answer = application.owner().get("/api/v1/system/report").get_data(as_text=True)
    assert "which is no setting" in answer
    assert "canary" not in answer


def metrics(application: Application) -> Samples:
    answer = application.client().get("/metrics", headers=application.token("view"))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: Samples = {}
    for family in text_string_to_metric_families(answer.get_data(as_text=True)):
        assert family.type in ("gauge", "counter")
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found
            found[key] = sample.value
            assert (family.type == "counter") == sample.name.endswith("_total")
    return found


def test_figures_for_prometheus(owned: Application) -> None:
    owner = owned.owner()
    awkward = 'The "hen"\\house'
    made = owner.post(
        "/api/v1/cameras", json={"name": awkward, "address": "rtsp://camera.invalid/x", "allow_lan": True}, headers=OWN
    ).get_json()
    before = metrics(owned)
    assert before["pi_cam_up", ()] == 1
    build = (("model", about.model()), ("version", pi_cam.__version__))
    assert before["pi_cam_build_info", build] == 1  # no more than /api/v1/system says to who may only watch
    assert before["pi_cam_open_pages", ()] == 0
    assert before["process_threads", ()] > 1
    assert before["pi_cam_camera_info", (("camera", made["id"]), ("name", awkward))] == 1
    for camera in ("main", made["id"]):
        states = [
            value
            for (name, labels), value in before.items()
            if name == "pi_cam_camera_state" and ("camera", camera) in labels
        ]
        assert (len(states), sum(states)) == (6, 1)
    assert before["process_cpu_seconds_total", ()] > 0
    assert before["process_resident_memory_bytes", ()] > 10e6
    assert owner.get("/api/v1/cameras/main/snapshot.jpg").status_code == 200
    assert owned.client().post("/api/v1/sessions", json={"name": NAME, "password": "wrong"}).status_code == 401
    owned.services.journal.flush()
    after = metrics(owned)

    def grew(name: str, *labels: tuple[str, str]) -> float:
        return after[name, labels] - before[name, labels]

    assert 0 < grew("pi_cam_uptime_seconds") < 600
    assert grew("pi_cam_units_published_total", ("camera", "main")) > 0
    assert grew("pi_cam_sign_ins_refused_total") == 1
    assert grew("pi_cam_http_requests_total", ("status", "4xx")) == 1
    assert grew("pi_cam_http_requests_total", ("status", "2xx")) >= 2
    assert grew("pi_cam_journal_rows_total") >= 2
    assert grew("pi_cam_journal_lost_total") == 0


def test_the_figures_of_a_camera_are_its_own() -> None:
    described = {
        "id": "hen",
        "name": "Hen",
        "state": "live",
        "viewers": 2,
        "units": 30,
        "drops": 4,
        "bitrate": 1_500_000,
        "fps": 12.5,
        "delay_ms": 250,
        "stages": {"encode": 0.012, "network": 0.2},
    }
    nothing = {**described, "id": "main", "units": None, "bitrate": None, "fps": None, "delay_ms": None, "stages": {}}
    found = {
        (sample.name, *(sample.labels[name] for name in ("camera", "stage") if name in sample.labels)): sample.value
        for family in text_string_to_metric_families(written(_cameras([described, nothing])))
        for sample in family.samples
        if "state" not in sample.labels and "name" not in sample.labels
    }
    assert found == {
        ("pi_cam_viewers", "hen"): 2,
        ("pi_cam_viewers", "main"): 2,
        ("pi_cam_units_published_total", "hen"): 30,
        ("pi_cam_units_dropped_total", "hen"): 4,
        ("pi_cam_units_dropped_total", "main"): 4,
        ("pi_cam_bitrate_bits_per_second", "hen"): 1_500_000,
        ("pi_cam_frames_per_second", "hen"): 12.5,
        ("pi_cam_delay_seconds", "hen"): 0.25,
        ("pi_cam_delay_stage_seconds", "hen", "encode"): 0.012,
        ("pi_cam_delay_stage_seconds", "hen", "network"): 0.2,
    }


def test_figures_need_the_right_to_watch_the_device(owned: Application) -> None:
    assert owned.client().get("/metrics").status_code == 401
    assert owned.client().get("/metrics", headers=owned.token("control")).status_code == 403
    assert owned.client().get("/metrics", headers=owned.token("view", cameras=["main"])).status_code == 403
    assert owned.owner().get("/metrics").status_code == 200


def test_labels_and_help_are_escaped() -> None:
    value = 'a\\b"c\nd\\n'
    text = written([Family("x", "gauge", "one\ntwo\\", [({"y": value}, 1.5e9), ({"y": ""}, float("inf"))])])
    (family,) = text_string_to_metric_families(text.replace("inf", "+Inf"))
    assert [sample.labels["y"] for sample in family.samples] == [value, ""]
    assert (family.samples[0].value, family.documentation) == (1.5e9, "one\ntwo\\")
    assert written([Family("x", "gauge", "none", [])]) == ""


def security_txt(application: Application) -> dict[str, str]:
    answer = application.client().get("/.well-known/security.txt")
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    return dict(line.split(": ", 1) for line in answer.get_data(as_text=True).splitlines())


def test_who_finds_a_fault_knows_where_to_go(owned: Application) -> None:
    fields = security_txt(owned)
    assert fields["Contact"] == fields["Policy"] == "https://localhost/security-policy"
    assert fields["Preferred-Languages"] == "en, fr"
    ends = datetime.fromisoformat(fields["Expires"].replace("Z", "+00:00"))
    assert timedelta(days=30) < ends - datetime.now(UTC) < timedelta(days=365)
    assert about.SUPPORT_UNTIL.isoformat() in owned.client().get("/security-policy").get_data(as_text=True)
    owner = owned.owner()
    for bad in ("ada@example.org", "javascript:alert(1)", "http://example.org", "mailto:a b"):
        assert owner.patch("/api/v1/settings", json={"security_contact": bad}, headers=OWN).status_code == 422
    given = {"security_contact": "mailto:ada@example.org"}
    assert owner.patch("/api/v1/settings", json=given, headers=OWN).status_code == 200
    assert security_txt(owned)["Contact"] == "mailto:ada@example.org"
    assert 'href="mailto:ada@example.org"' in owned.client().get("/security-policy").get_data(as_text=True)


@pytest.mark.parametrize("clock", [0.0, 4e9, 1e18])
def test_that_is_never_out_of_date_whatever_the_clock_says(
    owned: Application, monkeypatch: pytest.MonkeyPatch, clock: float
) -> None:
    monkeypatch.setattr("pi_cam.api.security.time.time", lambda: clock)
    ends = datetime.fromisoformat(security_txt(owned)["Expires"].replace("Z", "+00:00"))
    assert ends > max(RELEASED, datetime.fromtimestamp(clock, UTC) if clock < 1e10 else RELEASED)
