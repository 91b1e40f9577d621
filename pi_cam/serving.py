"""`pi-cam serve`: gunicorn with one threaded worker, in which the media thread lives."""

from __future__ import annotations

import contextlib
import socket
import sys
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker

from pi_cam.errors import SettingError
from pi_cam.logs import configure_logging
from pi_cam.settings import Settings

THREADS = 48
"""An open page takes one (and one of simple-websocket's own); `api.live.SOCKETS_MAX` leaves the rest to plain requests."""

CONNECTIONS = 200
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


class CameraWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker, but on SIGTERM open pages are closed at once: else it would wait for them."""

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Runs in the main thread, between two bytecodes: only sets off the work."""
        super().handle_exit(sig, frame)
        self.method_queue.defer(self._close_pages)

    def _close_pages(self) -> None:
        app = getattr(self, "camera", None)
        if app is not None:
            app.stop()


class PlainLogger(Logger):  # type: ignore[misc]
    """gunicorn's own messages in the one form of all logs (`pi_cam.logs`)."""

    def setup(self, cfg: Any) -> None:
        """Called by gunicorn; with `errorlog` None it adds no handler of its own."""
        super().setup(cfg)
        self.error_log.propagate = True


class CameraServer(BaseApplication):  # type: ignore[misc]
    """gunicorn, configured from here alone: no file, no environment, no control socket."""

    def __init__(self, listener: socket.socket, host: str, folder: Path, source: str) -> None:
        self._listener = listener
        self._port = listener.getsockname()[1]  # gunicorn takes the socket over
        self._host = host
        self._folder = folder
        self._source = source
        super().__init__()

    def load_config(self) -> None:
        """Called by gunicorn."""
        options: dict[str, object] = {
            "bind": [f"fd://{self._listener.fileno()}"],
            "workers": 1,
            "worker_class": CameraWorker,
            "threads": THREADS,
            "worker_connections": CONNECTIONS,
            "keepalive": 5,
            "timeout": 60,
            "graceful_timeout": 1,
            "control_socket_disable": True,
            # No header of a request changes where it seems to come from, or to go.
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
            "forwarder_headers": "",
            "loglevel": "warning",
            "logger_class": PlainLogger,
            "errorlog": None,
            "post_worker_init": self._announce,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The WSGI application; runs in the worker, after the fork: threads would not survive it."""
        from pi_cam.app import App, Config

        config = Config(self._folder, self._source, (*LOOPBACK_NAMES, self._host))
        settings = Settings.load(self._folder)
        configure_logging(settings.text("log_level"))
        self.camera = App(config, settings)
        self.camera.start()
        return self.camera.wsgi

    def _announce(self, worker: CameraWorker) -> None:
        """Two lines for programs, and one for people: the address that leads to the live picture."""
        worker.camera = self.camera
        host = f"[{self._host}]" if ":" in self._host else self._host
        url = f"http://{host}:{self._port}"
        lines, page = [f"ready {url}"], url
        if not self.camera.accounts.has_owner():
            code = self.camera.setup_code.code
            lines.append(f"setup-code {code}")
            page = f"{url}/setup#code={code}"
        lines.append(f"open {page} in a browser; end with Ctrl-C")
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `SettingError` when the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as undo:
        try:
            listener = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
        except OSError as error:
            raise SettingError(f"Cannot listen on {host} port {port}: {error.strerror}.") from error
        undo.pop_all()
        return listener
