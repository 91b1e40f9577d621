"""Which sound device is opened, under which name, and what is said when it cannot be."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pi_cam.audio import devices as devices_module
from pi_cam.audio.cards import Cards
from pi_cam.audio.devices import Library, SoundDevice
from pi_cam.errors import MissingPart, PiCamError, SourceError, SourceUnreachable, SourceUnsupported
from tests.unit.fake_sound import BUSY, FakeSounddevice
from web.ui.server_sentences import SENTENCES
from web.ui.texts import translator

USB = ("USB Audio Device: - (hw:1,0)", 1, 0)
USB_NAME = "USB Audio Device: - (hw:Device,0)"
JACK = ("bcm2835 Headphones: - (hw:0,0)", 0, 8)
SERVER = ("default", 32, 32)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    for number, name in enumerate(("Headphones", "Device")):
        (tmp_path / f"card{number}").mkdir()
        (tmp_path / f"card{number}" / "id").write_text(f"{name}\n")
        (tmp_path / name).symlink_to(f"card{number}")
    (tmp_path / "cards").write_text("0 Headphones 1 Device")
    return tmp_path


@pytest.fixture
def fake() -> FakeSounddevice:
    return FakeSounddevice(JACK, USB, SERVER)


@pytest.fixture
def library(fake: FakeSounddevice, proc: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    yield Library(lambda: fake, Cards(proc))
    fake.lets_go.set()


def opened(library: Library, wanted: str = "", direction: Any = "input") -> Any:
    return library.open(direction, wanted, lambda *_: None)


def refused(library: Library, wanted: str = "", direction: Any = "input") -> PiCamError:
    with pytest.raises(PiCamError) as told:
        opened(library, wanted, direction)
    return told.value


def use(proc: Path, card: str, stream: str) -> None:
    folder = proc / card / stream / "sub0"
    folder.mkdir(parents=True)
    (folder / "status").write_text("state: RUNNING\nowner_pid   : 17\n")


def test_a_name_does_not_depend_on_the_order_in_which_cards_are_found(library: Library, proc: Path) -> None:
    assert library.devices()[1] == SoundDevice(USB_NAME, 1, 0, False, False)
    (proc / "card1" / "id").write_text("Headphones\n")
    (proc / "card0" / "id").write_text("Device\n")
    assert Cards(proc).stable_name("USB Audio Device: - (hw:0,0)") == USB_NAME


def test_a_name_without_a_card_stays(tmp_path: Path) -> None:
    cards = Cards(tmp_path / "none")
    assert cards.stable_name("default") == "default"
    assert cards.stable_name("x (hw:3,1)") == "x (hw:3,1)"
    assert cards.listed() == ""


@pytest.mark.parametrize("wanted", [USB_NAME, "hw:Device,0"])
def test_it_is_opened_by_its_name_at_48_khz_in_blocks_of_20_ms(
    library: Library, fake: FakeSounddevice, wanted: str
) -> None:
    stream = opened(library, wanted)
    assert (stream.name, stream.rate, stream.samples) == (USB_NAME, 48_000, 960)
    asked = fake.streams[0].asked
    assert asked == {**asked, "device": 1, "samplerate": 48_000, "blocksize": 960, "channels": 1, "dtype": "int16"}


@pytest.mark.parametrize("wanted", ["", "auto"])
def test_the_systems_choice(library: Library, fake: FakeSounddevice, wanted: str) -> None:
    assert opened(library, wanted).name == USB_NAME  # the first that has an input
    fake.default = (2, 2)
    assert opened(library, wanted).name == "default"
    assert opened(library, wanted, "output").name == "default"
    assert [one.default_input for one in library.devices()] == [False, False, True]


def test_the_devices_own_rate_where_48_khz_is_refused(library: Library, fake: FakeSounddevice) -> None:
    fake.rates = {44_100}
    stream = opened(library)
    assert (stream.rate, stream.samples) == (44_100, 882)
    fake.rates = set()
    assert "no form of sound that can be used here" in str(refused(library))


def test_nothing_is_there(library: Library, fake: FakeSounddevice) -> None:
    fake.plugged = []
    fake._initialize()
    assert str(refused(library)) == "No microphone is connected."
    assert str(refused(library, "", "output")) == "No loudspeaker is connected."
    assert str(refused(library, USB_NAME)) == f"The microphone {USB_NAME} is not connected."
    assert isinstance(refused(library, USB_NAME, "output"), SourceUnreachable)


def test_a_loudspeaker_is_no_microphone(library: Library) -> None:
    assert "is not connected" in str(refused(library, "hw:Headphones,0"))
    assert opened(library, "hw:Headphones,0", "output").name.endswith("(hw:Headphones,0)")


def test_another_program_holds_it(library: Library, fake: FakeSounddevice) -> None:
    fake.refusal = ("Error opening RawInputStream: Device unavailable", BUSY)
    trouble = refused(library)
    assert type(trouble) is SourceError
    assert str(trouble) == "The microphone is in use by another program."
    assert str(refused(library, "", "output")) == "The loudspeaker is in use by another program."


def test_what_was_held_when_portaudio_looked_is_not_even_listed(
    library: Library, fake: FakeSounddevice, proc: Path
) -> None:
    fake.plugged = [JACK]
    fake._initialize()
    use(proc, "card1", "pcm0c")
    assert "in use" in str(refused(library, USB_NAME))
    assert "in use" in str(refused(library))
    (proc / "card1/pcm0c/sub0/status").write_text("closed\n")
    assert "is not connected" in str(refused(library, USB_NAME))
    assert "No microphone" in str(refused(library))


def test_unplugged_since_it_was_listed(library: Library, fake: FakeSounddevice, proc: Path) -> None:
    library.devices()
    fake.refusal = ("Error opening RawInputStream: Unanticipated host error", -9999)
    assert "unplug it, and plug it in again" in str(refused(library, USB_NAME))
    (proc / "Device").unlink()
    assert str(refused(library, USB_NAME)) == f"The microphone {USB_NAME} is not connected."


@pytest.mark.parametrize("direction", ["input", "output"])
@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        (-10_000, "PortAudio not initialized", SourceError),
        (-9999, "Unanticipated host error", SourceUnreachable),
        (-9998, "Invalid number of channels", SourceUnsupported),
        (-9997, "Invalid sample rate", SourceUnsupported),
        (-9996, "Invalid device", SourceUnreachable),
        (-9994, "Sample format not supported", SourceUnsupported),
        (-9993, "Illegal combination of I/O devices", SourceUnreachable),
        (-9987, "Wait timed out", SourceUnreachable),
        (-9986, "Internal PortAudio error", SourceError),
        (-9985, "Device unavailable", SourceError),
        (None, "Something without a code", SourceError),
    ],
)
def test_what_portaudio_says_is_told_in_our_own_words_in_both_languages(
    library: Library, fake: FakeSounddevice, direction: Any, code: int | None, words: str, kind: type[PiCamError]
) -> None:
    said = (f"Error opening Raw{direction}Stream: {words}",)
    fake.refusal = said if code is None else (*said, code)
    trouble = refused(library, "", direction)
    assert type(trouble) is kind
    assert str(trouble) in SENTENCES
    assert words not in str(trouble)
    french = translator("fr")(str(trouble))
    assert french.startswith("Le ")
    assert words not in french
    assert words in str(trouble.__cause__)  # for the log


def test_a_device_that_is_opened_and_does_not_start_is_told_as_well(library: Library, fake: FakeSounddevice) -> None:
    def fail(stream: object) -> None:
        raise fake.PortAudioError("Error starting stream: Unanticipated host error", -9999)

    fake.on_start = fail
    stream = opened(library)
    with pytest.raises(SourceUnreachable, match="does not open"):
        stream.start()


def test_a_list_that_breaks_off_is_told(
    library: Library, fake: FakeSounddevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(index: int) -> None:
        raise fake.PortAudioError(f"Error querying device {index}")

    monkeypatch.setattr(fake, "query_devices", fail)
    assert str(refused(library)) == "The sound devices do not answer."


def test_it_looks_again_when_the_cards_have_changed(library: Library, fake: FakeSounddevice, proc: Path) -> None:
    library.devices()
    library.devices()
    assert fake.looks == 1
    (proc / "cards").write_text("0 Headphones")
    fake.plugged = [JACK]
    assert len(library.devices()) == 1
    assert fake.looks == 2


def test_it_looks_again_after_a_loss(library: Library, fake: FakeSounddevice) -> None:
    opened(library).close()
    opened(library).close(lost=True)
    assert fake.looks == 1
    opened(library)
    assert fake.looks == 2


def test_an_open_stream_makes_way_for_a_look_that_finds_what_was_plugged_in(
    library: Library, fake: FakeSounddevice, proc: Path
) -> None:
    fake.plugged = [JACK]
    fake._initialize()
    speaker = opened(library, "", "output")
    refused(library)
    looks = fake.looks
    assert not library.is_outdated()  # nothing was plugged in: the loudspeaker is left alone
    fake.plugged = [JACK, USB]
    (proc / "cards").write_text("0 Headphones 1 Device!")
    refused(library)
    assert (fake.looks, library.is_outdated()) == (looks, True)
    speaker.close()
    assert opened(library).name == USB_NAME
    assert not library.is_outdated()


def test_a_look_that_fails_is_tried_again(library: Library, fake: FakeSounddevice) -> None:
    opened(library).close(lost=True)
    fake.refuses_to_look = True
    for _ in range(2):
        assert str(refused(library)) == "The sound devices do not answer."
    fake.refuses_to_look = False
    assert opened(library).name == USB_NAME


def test_it_is_aborted_and_then_closed(library: Library, fake: FakeSounddevice) -> None:
    stream = opened(library)
    stream.start()
    stream.close()
    assert fake.streams[0].words == ["start", "abort", "close"]


def test_a_driver_that_never_lets_go_is_not_waited_for(
    library: Library, fake: FakeSounddevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices_module, "ABORT_SECONDS", 0.01)
    fake.lets_go.clear()
    began = time.monotonic()
    opened(library).close(lost=True)
    opened(library)  # and without a look, which would wait for that stream
    assert time.monotonic() - began < 1
    assert fake.looks == 1


def test_a_driver_that_lets_go_late_gives_the_device_back(
    library: Library, fake: FakeSounddevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices_module, "ABORT_SECONDS", 0.01)
    fake.lets_go.clear()
    opened(library).close(lost=True)
    assert library._open == 1
    fake.lets_go.set()
    deadline = time.monotonic() + 5
    while library._open and time.monotonic() < deadline:
        time.sleep(0.001)
    assert (library._open, fake.looks) == (0, 1)
    library.devices()
    assert fake.looks == 2


def test_a_driver_that_keeps_portaudio_keeps_nobody(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices_module, "LOCK_SECONDS", 0.01)
    with library._lock, pytest.raises(SourceUnreachable, match="do not answer"):
        library.devices()


@pytest.mark.parametrize(
    ("error", "told"),
    [(ImportError("x"), "sounddevice is not installed"), (OSError("x"), "PortAudio is not installed")],
)
def test_without_the_library_it_says_which(monkeypatch: pytest.MonkeyPatch, error: Exception, told: str) -> None:
    def missing(name: str) -> None:
        raise error

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingPart, match=told):
        Library().devices()
