"""`/metrics`, for Prometheus."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from flask import Blueprint, Flask, Response, current_app

import pi_cam
from pi_cam import about
from pi_cam.api.cameras import describe_all
from pi_cam.api.exposition import CONTENT_TYPE, Family, Sample, one, written
from pi_cam.api.rules import rule
from pi_cam.api.services import Services, services
from pi_cam.transport.delay import STAGES
from pi_cam.transport.viewers import Viewer

blueprint = Blueprint("metrics", __name__)

EXTENSION = "pi_cam.requests"
STATES = ("stopped", "idle", "starting", "live", "unreachable", "privacy")
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")

Described = Mapping[str, Any]
Stages = dict[str, float]


class Answers:
    """How many requests were answered, by the class of the status. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted: Counter[str] = Counter()

    def count(self, status: int) -> None:
        """One more."""
        with self._lock:
            self._counted[f"{status // 100}xx"] += 1

    def by_class(self) -> dict[str, int]:
        """Each class, those without answers too: a rate needs a beginning."""
        with self._lock:
            return {name: self._counted[name] for name in CLASSES}


def install(app: Flask) -> None:
    """Counts every answer of the application."""
    answers = app.extensions[EXTENSION] = Answers()

    @app.after_request
    def count(response: Response) -> Response:
        answers.count(response.status_code)
        return response


@blueprint.get("/metrics")
@rule("Figures for Prometheus", "view", {200: "text/plain"}, lan_only=True)
def show() -> Response:
    """Of this moment."""
    here = services()
    families = [*_device(here), *_cameras(_described(here)), *_requests(), *_process()]
    return Response(written(families), content_type=CONTENT_TYPE)


def _described(here: Services) -> list[dict[str, Any]]:
    units, stages = here.loop.call(_measured(here))
    return [
        {**camera, "units": units.get(camera["id"]), "stages": stages.get(camera["id"], {})}
        for camera in describe_all()
    ]


async def _measured(here: Services) -> tuple[dict[str, int], dict[str, Stages]]:
    """Pictures that came, and where the delay comes from: by camera."""
    viewers = here.door.viewers
    return here.cameras.published(), {camera.id: _by_stage(viewers.of(camera.id)) for camera in here.cameras.all()}


def _by_stage(viewers: list[Viewer]) -> Stages:
    """Medians in seconds over those viewers of whom it is known."""
    delays = [viewer.delay() for viewer in viewers]
    known = {name: [found for one in delays if (found := one[name]) is not None] for name in STAGES}
    return {name: median(found) / 1000 for name, found in known.items() if found}


def _device(here: Services) -> Iterator[Family]:
    build = {"version": pi_cam.__version__, "model": about.model()}  # more is for who may configure: /api/v1/system
    yield Family("pi_cam_up", "gauge", "Whether the camera's program runs.", one(1))
    yield Family("pi_cam_build_info", "gauge", "What runs here.", [(build, 1)])
    yield Family("pi_cam_uptime_seconds", "gauge", "Time since the start.", one(here.started.seconds_ago()))
    yield Family("pi_cam_open_pages", "gauge", "Pages that are connected.", one(here.present.pages()))
    ends = here.certificates.ends_at()
    if ends is not None:
        left = ends.timestamp() - time.time()
        yield Family("pi_cam_certificate_remaining_seconds", "gauge", "Until the certificate ends.", one(left))
    journal = here.journal.figures()
    yield Family("pi_cam_journal_rows_total", "counter", "Rows written since the start.", one(journal.rows))
    yield Family("pi_cam_journal_lost_total", "counter", "Events that could not be kept.", one(journal.lost))
    refused = journal.events["sign-in-refused"]
    meaning = "Sign-ins that were refused: a wrong password, code or passkey, or too many tries."
    yield Family("pi_cam_sign_ins_refused_total", "counter", meaning, one(refused))


def _cameras(cameras: list[dict[str, Any]]) -> Iterator[Family]:
    def each(value: Callable[[Described], Any]) -> list[Sample]:
        found = [(camera["id"], value(camera)) for camera in cameras]
        return [({"camera": name}, float(figure)) for name, figure in found if figure is not None]

    names = [({"camera": camera["id"], "name": camera["name"]}, 1.0) for camera in cameras]
    states = [
        ({"camera": camera["id"], "state": state}, float(camera["state"] == state))
        for camera in cameras
        for state in STATES
    ]
    yield Family("pi_cam_camera_info", "gauge", "The cameras' names.", names)
    yield Family("pi_cam_camera_state", "gauge", "1 for the state in which a camera is.", states)
    yield Family("pi_cam_viewers", "gauge", "Who watches.", each(lambda one: one["viewers"]))
    yield Family("pi_cam_units_published_total", "counter", "Pictures that came.", each(lambda one: one["units"]))
    yield Family("pi_cam_units_dropped_total", "counter", "Not sent to slow viewers.", each(lambda one: one["drops"]))
    yield Family("pi_cam_bitrate_bits_per_second", "gauge", "Of the main stream.", each(lambda one: one["bitrate"]))
    yield Family("pi_cam_frames_per_second", "gauge", "Of the main stream.", each(lambda one: one["fps"]))
    yield Family("pi_cam_delay_seconds", "gauge", "Median of what the pages measure.", each(_delay))
    stages = [
        ({"camera": camera["id"], "stage": stage}, seconds)
        for camera in cameras
        for stage, seconds in camera["stages"].items()
    ]
    yield Family("pi_cam_delay_stage_seconds", "gauge", "Where that delay comes from: medians of the viewers.", stages)


def _delay(camera: Described) -> float | None:
    return None if camera["delay_ms"] is None else camera["delay_ms"] / 1000


def _requests() -> Iterator[Family]:
    answers: Answers = current_app.extensions[EXTENSION]
    samples: list[Sample] = [({"status": name}, count) for name, count in answers.by_class().items()]
    yield Family("pi_cam_http_requests_total", "counter", "Requests that were answered.", samples)


def _process() -> Iterator[Family]:
    """Named as Prometheus' own client libraries name them."""
    resident = int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    yield Family("process_cpu_seconds_total", "counter", "User and system time.", one(time.process_time()))
    yield Family("process_resident_memory_bytes", "gauge", "Memory of the process.", one(resident))
    yield Family("process_threads", "gauge", "Threads of the process.", one(threading.active_count()))
