"""Looks after the certificate while the camera runs: renewed in time, and when a name, an address or the clock changed."""

from __future__ import annotations

import logging
import threading

from pi_cam.errors import StoreError
from pi_cam.trust.certificates import Certificates

log = logging.getLogger(__name__)

CHECK_SECONDS = 600.0
"""So that a new address is covered within minutes; most looks change nothing and take about 2 ms."""


class CertificateRenewal:
    """A subsystem with a thread of its own. New connections get the new certificate; open ones go on with the old."""

    def __init__(self, certificates: Certificates, every_seconds: float = CHECK_SECONDS) -> None:
        self._certificates = certificates
        self._every = every_seconds
        self._end, self._changed = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def look_soon(self) -> None:
        """A name changed. From any thread; returns at once."""
        self._changed.set()

    def start(self) -> None:
        """Makes the certificate if there is none. Raises `StoreError`."""
        self._certificates.renew()
        self._end.clear()
        self._thread = threading.Thread(target=self._run, name="certificate-renewal", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._end.set()
        self._changed.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def state(self) -> dict[str, object]:
        """Whose certificate is served, and what is wrong with the owner's."""
        return {"own": self._certificates.own_in_use, "problem": self._certificates.own_problem}

    def _run(self) -> None:
        while True:
            self._changed.wait(self._every)
            self._changed.clear()
            if self._end.is_set():
                return
            try:
                self._certificates.renew()
            except StoreError as error:
                log.warning("%s The certificate stays as it is.", error)
