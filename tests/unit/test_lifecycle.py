"""Parts that start in order and stop in reverse."""

from __future__ import annotations

import pytest

from pi_cam.lifecycle import Lifecycle


class Part:
    def __init__(self, name: str, story: list[str], *, fails_to: str = "") -> None:
        self.name = name
        self._story = story
        self._fails_to = fails_to

    def start(self) -> None:
        self._tell("start")

    def stop(self) -> None:
        self._tell("stop")

    def state(self) -> dict[str, object]:
        return {}

    def _tell(self, verb: str) -> None:
        self._story.append(f"{verb} {self.name}")
        if verb == self._fails_to:
            raise OSError(f"cannot {verb} {self.name}")


def test_parts_start_in_order_and_stop_in_reverse_once() -> None:
    story: list[str] = []
    parts = Lifecycle([Part(name, story) for name in "abc"])
    parts.start()
    parts.stop()
    parts.stop()
    assert story == ["start a", "start b", "start c", "stop c", "stop b", "stop a"]


def test_a_part_that_fails_to_start_is_stopped_with_those_before_it() -> None:
    story: list[str] = []
    parts = Lifecycle([Part("a", story), Part("b", story, fails_to="start"), Part("c", story)])
    with pytest.raises(OSError, match="cannot start b"):
        parts.start()
    assert story == ["start a", "start b", "stop b", "stop a"]


def test_a_part_that_fails_to_stop_does_not_keep_the_others_from_it(caplog: pytest.LogCaptureFixture) -> None:
    story: list[str] = []
    parts = Lifecycle([Part("a", story), Part("b", story, fails_to="stop")])
    parts.start()
    parts.stop()
    assert story[-2:] == ["stop b", "stop a"]
    assert "could not stop" in caplog.text
