"""Lets the real picamera2 drive the virtual camera of the real libcamera: call `install` before the first use.

Nothing of picamera2 that the product calls is replaced. What is bridged is only what this camera, or a machine that is
no Pi, lacks:

- DRM previews and raw stills need pykms and PiDNG, which are imported but never used here.
- DMA heaps: buffers come from anonymous memory files instead.
- picamera2 gives NV12 one plane, which a Pi takes; the virtual camera wants two.
- picamera2 reads the raw modes of a sensor; the virtual camera has none.
- The virtual camera completes a request the moment it is queued; a sensor does so at its picture rate.
- libcamera 0.4.0 leaves the status of a virtual picture uninitialised, so that by chance picamera2 would drop some, and
  libcamera call their requests cancelled until none is left.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any

USUAL_FPS = 30.0

sensor_clock_runs = threading.Event()
"""Cleared: every virtual sensor stands still, like one whose cable came loose."""
sensor_clock_runs.set()


def install() -> None:
    """Only patches and imports: works before a fork too. May be called again."""
    if "pykms" in sys.modules:
        return
    _stand_in("pykms", PixelFormat=_AnyName())
    _stand_in("pidng")
    _stand_in("pidng.camdefs", Picamera2Camera=None)
    _stand_in("pidng.core", PICAM2DNG=None)
    import libcamera
    from picamera2 import Picamera2
    from picamera2.allocators import dmaallocator

    dmaallocator.DmaHeap = _MemoryHeap
    dmaallocator.fcntl = SimpleNamespace(ioctl=lambda *_: 0)
    dmaallocator.libcamera = SimpleNamespace(FrameBuffer=_two_planes)
    _two_planes.Plane = libcamera.FrameBuffer.Plane  # type: ignore[attr-defined]
    Picamera2._get_raw_modes = lambda _: [{"format": "SRGGB10", "size": (1280, 720)}]
    _pace(libcamera.Camera)
    _trust_status(libcamera.FrameMetadata, libcamera.FrameMetadata.Status.Success)
    _trust_status(libcamera.Request, libcamera.Request.Status.Complete)


def _trust_status(owner: Any, good: Any) -> None:
    """The version is asked for late, since that starts the camera manager, which must not happen before a fork."""
    status = owner.status
    owner.status = property(lambda one: good if _leaves_status_unset() else status.fget(one))


@cache
def _leaves_status_unset() -> bool:
    import libcamera

    return str(libcamera.CameraManager.singleton().version).startswith("v0.4.0")


def _stand_in(name: str, **attributes: object) -> None:
    module = ModuleType(name)
    module.__dict__.update(attributes)
    sys.modules[name] = module


class _AnyName:
    def __getattr__(self, name: str) -> str:
        return name


class _MemoryHeap:
    """Has the methods of picamera2's DmaHeap."""

    def alloc(self, name: str, size: int) -> Any:
        from picamera2.dma_heap import UniqueFD

        descriptor = os.memfd_create(name)
        os.truncate(descriptor, size)
        return UniqueFD(descriptor)

    def close(self) -> None:
        pass


def _two_planes(planes: list[Any]) -> Any:
    """A frame buffer with luma and chroma apart, in the same memory; luma is two thirds of NV12."""
    import libcamera

    luma = planes[0]
    chroma = libcamera.FrameBuffer.Plane()
    chroma.fd = luma.fd
    chroma.length = luma.length // 3
    luma.length -= chroma.length
    chroma.offset = luma.length
    return libcamera.FrameBuffer([luma, chroma])


class _SensorClock:
    """Hands a camera one queued request per tick. None queued at a tick is a lost picture, as with a sensor."""

    def __init__(self, camera: Any, fps: float, queue_request: Any) -> None:
        self._camera = camera
        self._period = 1 / fps
        self._queue_request = queue_request
        self._requests: deque[Any] = deque()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="virtual sensor", daemon=True)
        self._thread.start()

    def add(self, request: Any) -> None:
        self._requests.append(request)

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            due += self._period
            if sensor_clock_runs.is_set() and self._requests:
                self._queue_request(self._camera, self._requests.popleft())


def _pace(camera_class: Any) -> None:
    start, stop, queue_request = camera_class.start, camera_class.stop, camera_class.queue_request
    clocks: dict[str, _SensorClock] = {}

    def paced_start(camera: Any, controls: dict[Any, Any]) -> None:
        start(camera, controls)
        limits = next((value for key, value in controls.items() if key.name == "FrameDurationLimits"), None)
        clocks[camera.id] = _SensorClock(camera, 1e6 / limits[0] if limits else USUAL_FPS, queue_request)

    def paced_stop(camera: Any) -> None:
        clock = clocks.pop(camera.id, None)
        if clock is not None:
            clock.end()
        stop(camera)

    camera_class.start = paced_start
    camera_class.stop = paced_stop
    camera_class.queue_request = lambda camera, request: clocks[camera.id].add(request)
