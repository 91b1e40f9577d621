"""How the worker ends: whatever the moment, the goodbye is said, once."""

from __future__ import annotations

import os
import selectors
import signal
from collections.abc import Callable

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger

from pi_cam.worker import CameraWorker


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


@pytest.mark.parametrize("end", [by_sigterm, by_two_sigterms, by_the_arbiters_death, by_sigint])
def test_the_goodbye_is_said_once(end: Callable[[EndingWorker], None]) -> None:
    cfg = Config()
    cfg.set("threads", 1)
    cfg.set("worker_connections", 16)
    worker = type("Ending", (EndingWorker,), {"end": end})(0, os.getppid(), [], None, 60, cfg, Logger(cfg))
    worker.tpool, worker.poller = worker.get_thread_pool(), selectors.DefaultSelector()
    worker.method_queue.init()
    worker.method_queue.defer(lambda: None)  # so that the first wait ends at once
    said: list[str] = []
    worker.goodbye = lambda: said.append("goodbye")
    try:
        if end is by_sigint:
            with pytest.raises(SystemExit):
                worker.run()
        else:
            worker.run()
    finally:
        worker.tmp.close()
        worker.poller.close()
        worker.tpool.shutdown()
        worker.method_queue.close()
    assert said == ["goodbye"]
