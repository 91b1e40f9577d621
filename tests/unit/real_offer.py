"""A browser's offer, as Chromium 130 writes it for one picture and one sound section (shortened to what an answer needs)."""

FINGERPRINT = ":".join(["A1"] * 32)

TRANSPORT = f"""a=ice-ufrag:Xa9z
a=ice-pwd:0123456789abcdefghijklmn
a=ice-options:trickle
a=fingerprint:sha-256 {FINGERPRINT}
a=setup:actpass"""

SESSION = """v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE
a=extmap-allow-mixed
a=msid-semantic: WMS"""

VIDEO = f"""m=video 9 UDP/TLS/RTP/SAVPF 96 102 103
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 7f2b9c1e-0d3a-4a11-9d0e-0b1c2d3e4f50.local 54321 typ host generation 0
a=candidate:2 1 udp 2113937150 192.0.2.7 54322 typ host generation 0
{TRANSPORT}
a=mid:0
a=recvonly
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtpmap:102 H264/90000
a=rtcp-fb:102 nack
a=rtcp-fb:102 nack pli
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:103 rtx/90000
a=fmtp:103 apt=102"""

AUDIO = f"""m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
{TRANSPORT}
a=mid:1
a=recvonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1"""

DATA = f"""m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
{TRANSPORT}
a=mid:2
a=sctp-port:5000"""


def offer(*sections: str) -> str:
    """The session's lines and these sections, bundled, with the line ends that SDP wants."""
    lines = "\n".join((SESSION, *sections)).splitlines()
    names = [line.removeprefix("a=mid:") for line in lines if line.startswith("a=mid:")]
    bundle = " ".join(["a=group:BUNDLE", *names])
    return "".join(f"{bundle if line == 'a=group:BUNDLE' else line}\r\n" for line in lines)


OFFER = offer(VIDEO, AUDIO)
