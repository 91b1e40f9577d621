"""A USB camera in the machine that the image makes: the kernel's own virtual one (vivid), through V4L2."""

from __future__ import annotations

import io
import ssl

import av
import pytest

from tests.image.guest import SHARE, Guest
from tests.server import request

ADDRESS = "usb:/dev/video0?size=640x360&fps=15"
LARGEST_MEGABYTES = 200
UNITS = ("pi-cam.service", "pi-cam-front.service", "pi-cam-netd.service")
"""Those that are always there."""

PYTHON = "/opt/pi-cam/current/bin/python"
VIEWER = """
import asyncio, sys, urllib.request
from aiortc import RTCPeerConnection, RTCSessionDescription

async def watch():
    peer = RTCPeerConnection()
    peer.addTransceiver("video", "recvonly")
    tracks = asyncio.Queue()
    peer.on("track", tracks.put_nowait)
    await peer.setLocalDescription(await peer.createOffer())
    headers = {"Authorization": f"Bearer {sys.argv[1]}", "Content-Type": "application/sdp"}
    asked = urllib.request.Request("http://127.0.0.1:8080/whep/main", peer.localDescription.sdp.encode(), headers)
    answer = await asyncio.to_thread(lambda: urllib.request.urlopen(asked, timeout=60).read().decode())
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    track = await tracks.get()
    for _ in range(5):
        await track.recv()
    print("pictures", flush=True)
    while True:
        await track.recv()

asyncio.run(watch())
"""

pytestmark = [pytest.mark.timeout(900)]


def trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.fixture(scope="module")
def token(guest: Guest) -> str:
    """Of a camera that films with vivid."""
    if not guest.is_on():  # other tests cut its supply
        guest.start()
    guest.must("modprobe vivid")
    guest.must(f"echo 'PI_CAM_SOURCE={ADDRESS}' >> /etc/pi-cam/environment")
    guest.must("systemctl restart pi-cam.service", 200)
    return guest.must("pi-cam token create --name usb --can view,control").splitlines()[-1]


def test_its_picture_arrives(guest: Guest, token: str) -> None:
    answer = request(guest.url, "GET", "/api/v1/cameras/main/snapshot.jpg", token=token, trust=trust(), seconds=60)
    assert answer.status == 200, answer.body
    with av.open(io.BytesIO(answer.body), "r") as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert picture.shape == (360, 640, 3)
    bars = {tuple(int(value) // 64 for value in picture[180, x]) for x in range(20, 640, 40)}
    assert len(bars) >= 5, "the bars of colour that vivid shows"


def test_one_viewer_and_what_it_takes(guest: Guest, token: str, capsys: pytest.CaptureFixture[str]) -> None:
    (guest.share / "viewer.py").write_text(VIEWER, "utf-8")
    guest.must(f"{PYTHON} {SHARE}/viewer.py {token} >/run/viewer 2>&1 </dev/null &")
    guest.until("grep -q pictures /run/viewer", 180)
    row = request(guest.url, "GET", "/api/v1/cameras/main", token=token, trust=trust(), seconds=60).json()
    assert (row["state"], row["width"], row["height"], row["transcoded"], row["viewers"]) == ("live", 640, 360, True, 1)
    for unit in UNITS:  # one that is not there would count as nothing
        guest.must(f"systemctl is-active {unit} && grep -q . /sys/fs/cgroup/system.slice/{unit}/cgroup.procs")
    procs = " ".join(f"/sys/fs/cgroup/system.slice/{unit}/cgroup.procs" for unit in UNITS)
    rollup = f"for p in $(cat {procs}); do cat /proc/$p/smaps_rollup; done"
    said = guest.must(f"{rollup} | sed -n 's/^Pss: *\\([0-9]*\\) kB/\\1/p'")
    megabytes = sum(map(int, said.split())) / 1000
    with capsys.disabled():
        print(f"\nwith one viewer: {megabytes:.0f} MB (PSS of the camera, its front and its Wi-Fi)")  # noqa: T201 - the person reads this
    assert megabytes <= LARGEST_MEGABYTES
