"""The application with a clock that is wrong. Run as a program, `python -m tests.wrong_clock FOLDER SECONDS`: the clock then
begins at so many seconds after 1970."""

from __future__ import annotations

import sys
import time
from pathlib import Path

SHIFT = float(sys.argv[2]) - time.time() if len(sys.argv) > 2 else 0.0
_right = time.time
if SHIFT:
    time.time = lambda: _right() + SHIFT  # before anything else is imported, and takes it for itself

from tests.contract.application import OWN, running  # noqa: E402 - see above


def main() -> int:
    folder = Path(sys.argv[1])
    with running(folder) as application:
        owner = application.owner()
        for path in ("/", "/api/v1/cameras", "/api/v1/sessions", "/api/v1/journal", "/api/v1/settings"):
            assert owner.get(path).status_code == 200, path
        days = application.services.settings.integer("journal_days") + 1
        assert owner.patch("/api/v1/settings", json={"journal_days": days}, headers=OWN).status_code == 200
        shown = owner.get("/api/v1/journal?action=setting-changed&limit=1").get_json()
        assert shown["problem"] is None
        assert abs(shown["rows"][0]["at"] - time.time()) < 60
        assert owner.get("/api/v1/journal/export?format=csv").status_code == 200
        assert application.client().get("/api/v1/cameras", headers=application.token("view")).status_code == 200
        assert application.app.journal._ledger.first_fault()[1] is None
    (folder / "pi-cam.db").write_bytes(b"a letter" * 1000)
    with running(folder) as application:
        assert application.owner().get("/").status_code == 200
    return 0


if __name__ == "__main__":
    sys.exit(main())
