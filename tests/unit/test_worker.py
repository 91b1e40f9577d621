"""How the worker ends: whatever the moment, the goodbye is said, once."""

from __future__ import annotations

import os
import selectors
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger

from pi_cam.connections import ClientSocket
from pi_cam.worker import CameraConnection, CameraWorker


class EndingWorker(CameraWorker):
    """Gets its signal between two waits, when nobody is connected."""

    end: Callable[[EndingWorker], None]

    def murder_pending(self) -> None:
        """Called once in each round, after the wait."""
        super().murder_pending()
        if self.alive:
            type(self).end(self)


def by_sigterm(worker: EndingWorker) -> None:
    worker.handle_exit(signal.SIGTERM, None)


def by_two_sigterms(worker: EndingWorker) -> None:
    worker.handle_exit(signal.SIGTERM, None)
    worker.handle_exit(signal.SIGTERM, None)


def by_the_arbiters_death(worker: EndingWorker) -> None:
    worker.ppid = -1


def by_sigint(worker: EndingWorker) -> None:
    raise SystemExit(0)  # what gunicorn's own handler of SIGINT does


@contextmanager
def ready(kind: type[EndingWorker]) -> Iterator[EndingWorker]:
    """A worker that could run."""
    cfg = Config()
    cfg.set("threads", 1)
    cfg.set("worker_connections", 16)
    worker = kind(0, os.getppid(), [], None, 60, cfg, Logger(cfg))
    worker.tpool, worker.poller = worker.get_thread_pool(), selectors.DefaultSelector()
    worker.method_queue.init()
    try:
        yield worker
    finally:
        worker.tmp.close()
        worker.poller.close()
        worker.tpool.shutdown()
        worker.method_queue.close()


@pytest.mark.parametrize("wait", [CameraWorker._let_go, CameraWorker._await_request])
def test_who_is_readable_when_the_goodbye_closes_them_is_left_alone(
    wait: Callable[[CameraWorker, CameraConnection], None],
) -> None:
    with ready(EndingWorker) as worker:
        ours, theirs = socket.socketpair()
        conn = CameraConnection(worker.cfg, ClientSocket(ours, None), ("127.0.0.1", 1), ("127.0.0.1", 2))
        worker.nr_conns = 1
        wait(worker, conn)
        theirs.close()
        found = worker.poller.select(1)
        worker._close_all()
        assert len(found) == 1
        for key, _ in found:
            key.data(key.fileobj)
        assert worker.nr_conns == 0


@pytest.mark.parametrize("end", [by_sigterm, by_two_sigterms, by_the_arbiters_death, by_sigint])
def test_the_goodbye_is_said_once(end: Callable[[EndingWorker], None]) -> None:
    said: list[str] = []
    with ready(type("Ending", (EndingWorker,), {"end": end})) as worker:
        worker.method_queue.defer(lambda: None)  # so that the first wait ends at once
        worker.goodbye = lambda: said.append("goodbye")
        if end is by_sigint:
            with pytest.raises(SystemExit):
                worker.run()
        else:
            worker.run()
    assert said == ["goodbye"]
