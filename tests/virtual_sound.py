"""A microphone and a loudspeaker that any ALSA program finds, on a machine that has neither.

Two private PulseAudio servers (a pipe as source, a null sink) stand for the devices; ALSA's pulse plugin makes devices of
both, and ALSA's file plugin writes down what the loudspeaker plays. Both are 48 kHz mono, 16 bits, and what passes through
them stays bit exact. One server for each: when one server loses its source, it moves who listens to another.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.prerequisites import require
from tests.virtual_air import Loudspeaker, Microphone

MICROPHONE = "vmic"
LOUDSPEAKER = "vspk"
"""Their names in ALSA; ALSA's "default" is made of both."""

FORMAT = "format=s16le rate=48000 channels=1"
PULSE = ["-n", "--disable-shm", "--realtime=no", "--exit-idle-time=-1", "--daemonize=no", "--use-pid-file=no"]
START_SECONDS = 10

MODULES = {
    "microphone": f"module-pipe-source source_name=vmic file={{folder}}/microphone.fifo {FORMAT}",
    # Without rewinds it asks for sound every 50 ms at most; else every 2 s, and a short buffer starves.
    "loudspeaker": f"module-null-sink sink_name=vspeaker norewinds=1 {FORMAT}",
}
SERVER = """\
.fail
load-module {module}
load-module module-native-protocol-unix auth-anonymous=1 socket={folder}/{name}.sock
"""
CLIENT = """\
autospawn = no
enable-shm = no
enable-memfd = no
"""
ALSA = """\
</usr/share/alsa/alsa.conf>
pcm.vmic {{
    type pulse
    server "unix:{folder}/microphone.sock"
    device "vmic"
    hint {{ show on description "virtual microphone" }}
}}
pcm.vspk0 {{
    type pulse
    server "unix:{folder}/loudspeaker.sock"
    device "vspeaker"
}}
pcm.vspk {{
    type file
    slave.pcm "vspk0"
    file "{folder}/loudspeaker.raw"
    truncate true
    format "raw"
    hint {{ show on description "virtual loudspeaker" }}
}}
pcm.!default {{
    type asym
    capture.pcm "vmic"
    playback.pcm "vspk"
    hint {{ show on description "both" }}
}}
"""


class Server:
    """One PulseAudio, found by its socket alone."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when its device is there."""
        module = MODULES[self._name].format(folder=self._folder)
        script, socket = self._folder / f"{self._name}.pa", self._folder / f"{self._name}.sock"
        script.write_text(SERVER.format(module=module, folder=self._folder, name=self._name))
        home = self._folder / self._name
        home.mkdir(exist_ok=True)
        environment = {
            "XDG_RUNTIME_DIR": str(home),
            "HOME": str(home),
            "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent",
        }
        with (self._folder / f"{self._name}.log").open("wb") as log:
            command = ["pulseaudio", *PULSE, "-F", str(script)]
            self._process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
        self._wait_for(socket, self._process)

    def kill(self) -> None:
        """It is gone without a goodbye, and so is its device."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for left in (f"{self._name}.sock", f"{self._name}.fifo"):
            (self._folder / left).unlink(missing_ok=True)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It answers nothing meanwhile."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def _wait_for(self, socket: Path, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not socket.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("PulseAudio did not start: " + (self._folder / f"{self._name}.log").read_text())
            time.sleep(0.02)


class VirtualSound:
    """Both devices; made by `virtual_sound`. `environment` is for the programs that are to find them."""

    def __init__(self, folder: Path) -> None:
        self.environment = {
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_CLIENTCONFIG": str(folder / "client.conf"),
            "PULSE_SERVER": f"unix:{folder}/loudspeaker.sock",
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        }
        self.loudspeaker = Loudspeaker(folder / "loudspeaker.raw")
        self.microphone = Microphone(folder / "microphone.fifo", self.loudspeaker)
        self._servers = {name: Server(folder, name) for name in MODULES}

    def plug_microphone(self) -> None:
        """The microphone is there."""
        self._servers["microphone"].start()
        self.microphone.connect(plugged=True)

    def unplug_microphone(self) -> None:
        """It is gone, also for who has it open."""
        self.microphone.connect(plugged=False)
        self._servers["microphone"].kill()

    def hanging_microphone(self) -> AbstractContextManager[None]:
        """Its driver answers nothing meanwhile."""
        return self._servers["microphone"].hanging()

    def plug_loudspeaker(self) -> None:
        """The loudspeaker is there."""
        self._servers["loudspeaker"].start()

    def unplug_loudspeaker(self) -> None:
        """It is gone, also for who has it open."""
        self._servers["loudspeaker"].kill()

    def stop(self) -> None:
        """Ends everything."""
        self.microphone.stop()
        self.loudspeaker.stop()
        for server in self._servers.values():
            server.kill()


@contextmanager
def virtual_sound(folder: Path) -> Iterator[VirtualSound]:
    """Starts both in this empty folder, and ends them afterwards; skips where the sound server is not installed."""
    require_sound()
    (folder / "client.conf").write_text(CLIENT)
    (folder / "asound.conf").write_text(ALSA.format(folder=folder))
    sound = VirtualSound(folder)
    try:
        sound.plug_microphone()
        sound.plug_loudspeaker()
        yield sound
    finally:
        sound.stop()


def require_sound() -> None:
    """Skips, or fails on a build machine, where the sound server is missing."""
    require("PulseAudio", shutil.which("pulseaudio") is not None)
    plugins = list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so"))
    require("ALSA's pulse plugin (libasound2-plugins)", bool(plugins))
