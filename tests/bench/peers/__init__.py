"""Whom `make bench-peers` measures. A further one is a file here and a row below."""

PEERS = {
    "ours": "pi_cam:PiCam",
    "aiortc": "pi_cam:Plain",
    "janus": "janus:Janus",
    "webrtcbin": "webrtcbin:Webrtcbin",
    "libdatachannel": "libdatachannel:LibDataChannel",
    "go2rtc": "go2rtc:Go2rtc",
    "mediamtx": "mediamtx:MediaMtx",
    "bound": "bound:Bound",
    "bound-each": "bound:BoundEach",
}
"""Name → module here and class in it."""
