"""`pi-cam serve`: gunicorn with one threaded worker, in which the media thread lives."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import ipaddress
import os
import signal
import ssl
import sys
import threading
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from pi_cam.listeners import Listener, ListenerStamp
from pi_cam.logs import configure_logging
from pi_cam.settings import Settings
from pi_cam.signs_of_life import media_loop_turns, no_driver_hangs, of_listeners
from pi_cam.watchdog import Manager, Watchdog
from pi_cam.worker import CameraWorker

THREADS = 80
"""An open page takes one; `api.live.SOCKETS_MAX` leaves the rest to plain requests."""

CONNECTIONS = 256

HTTPS = 443
"""Where a proxy in front has it."""

ANSWER_SECONDS = 1.0

M_ARENA_MAX = -8
"""malloc.h"""


class PlainLogger(Logger):  # type: ignore[misc]
    """gunicorn's own messages in the one form of all logs (`pi_cam.logs`)."""

    def setup(self, cfg: Any) -> None:
        """Called by gunicorn; with `errorlog` None it adds no handler of its own."""
        super().setup(cfg)
        self.error_log.propagate = True


class CameraServer(BaseApplication):  # type: ignore[misc]
    """gunicorn, configured from here alone: no file, no environment, no control socket."""

    def __init__(self, listeners: tuple[Listener, ...], folder: Path, source: str, *, button: bool = False) -> None:
        self._listeners = listeners
        self._tls_ports = {listener.port for listener in listeners if listener.tls}
        self._tunnel_port = next((listener.port for listener in listeners if listener.name == "tunnel"), None)
        self._urls = [listener.url for listener in listeners]  # gunicorn takes the sockets over
        self._folder = folder
        self._source = source
        self._button = button
        self._manager = Manager.take()
        super().__init__()

    def load_config(self) -> None:
        """Called by gunicorn."""
        options: dict[str, object] = {
            "bind": [f"fd://{listener.socket.fileno()}" for listener in self._listeners],
            "workers": 1,
            "worker_class": CameraWorker,
            "threads": THREADS,
            "worker_connections": CONNECTIONS,
            "keepalive": 5,
            "timeout": 60,
            "graceful_timeout": 1,
            "sendfile": False,
            # Nobody is believed who says for whom, by which name or over what he asks.
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
            "forwarder_headers": "",
            "control_socket_disable": True,
            "loglevel": "warning",
            "logger_class": PlainLogger,
            "errorlog": None,
            "post_worker_init": self._announce,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The WSGI application; runs in the worker, after the fork: threads would not survive it."""
        gc.disable()  # until `keep_what_is_here`: a tenth of all that importing costs
        from pi_cam.app import App, Config

        share_memory()
        lan = self._listeners[0].host
        names = () if ipaddress.ip_address(lan).is_unspecified else (lan,)
        settings = Settings.load(self._folder)
        https = HTTPS if settings.flag("behind_proxy") else next(iter(self._tls_ports), None)
        config = Config(
            self._folder, self._source, names, bool(self._tls_ports), self._tunnel_port, self._button, https, end_soon
        )
        configure_logging(settings.text("log_level"))
        self.camera = App(config, settings)
        self.camera.start()
        self._watchdog = Watchdog(
            self._manager,
            [
                lambda: media_loop_turns(self.camera.loop),
                *of_listeners(self._listeners),
                lambda: no_driver_hangs(self.camera.hubs()),
            ],
        )
        return ListenerStamp(self.camera.wsgi, self._listeners)

    def _context_for(self, port: int) -> ssl.SSLContext | None:
        return self.camera.certificates.context() if port in self._tls_ports else None

    def _end(self) -> None:
        self._watchdog.stop()
        self.camera.stop()

    def _announce(self, worker: CameraWorker) -> None:
        """Lines for programs, and one for people: the address that leads to the live picture."""
        worker.context_for, worker.goodbye = self._context_for, self._end
        self._watchdog.start()
        url, *tunnel = self._urls
        lines, page = [f"ready {url}"], url
        if not self.camera.accounts.has_owner():
            code = self.camera.setup_code.code
            lines.append(f"setup-code {code}")
            page = f"{url}/setup#code={code}"
        lines += [f"tunnel {one}" for one in tunnel]
        if self._tls_ports and not self.camera.certificates.own_in_use:
            lines.append(f"certificate {self.camera.certificates.fingerprint()}")
        lines.append(f"open {page} in a browser; end with Ctrl-C")
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        keep_what_is_here()


def end_soon() -> None:
    """Ends the camera when the answer to this request is out; systemd starts it again (`Restart=always`)."""
    timer = threading.Timer(ANSWER_SECONDS, os.kill, (os.getppid(), signal.SIGTERM))
    timer.daemon = True
    timer.start()


def keep_what_is_here() -> None:
    """Spares the collector of garbage all that was made until now, which stays: some hundred thousand objects. To go through
    them takes a fifth of a second on a small board, each time, and meanwhile nobody gets a picture (`gc.freeze`)."""
    gc.freeze()
    gc.enable()


def share_memory() -> None:
    """Lets the threads of this process share two heaps. glibc gives each thread another one, up to eight for each core, and
    what one has freed no other can use: with fifty open pages that costs 2 MB (mallopt(3))."""
    with contextlib.suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)
