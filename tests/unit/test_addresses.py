"""What a camera address may be: tables of good and hostile ones, and nonsense made up by hypothesis."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pi_cam.capture.addresses import Lookup, parse, resolve
from pi_cam.capture.source import shown
from pi_cam.errors import AddressRefused, SourceUnreachable


def lookup_of(*ips: str) -> Lookup:
    def lookup(_host: str, _port: int) -> Iterable[str]:
        return ips

    return lookup


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "path"),
    [
        ("rtsp://192.168.1.20/stream1", "rtsp", "192.168.1.20", 554, "/stream1"),
        ("RTSP://Camera.Local:8554", "rtsp", "camera.local", 8554, "/"),
        ("rtsps://cam.example.org/a?b=c", "rtsps", "cam.example.org", 322, "/a?b=c"),
        ("http://[fd12::5]:8080/video.mjpg", "http", "fd12::5", 8080, "/video.mjpg"),
        ("https://bob:pa%40ss@cam_1.example.org./live.ts", "https", "cam_1.example.org.", 443, "/live.ts"),
        ("http://xn--bcher-kva.example/", "http", "xn--bcher-kva.example", 80, "/"),
        ("http://bücher.example/", "http", "xn--bcher-kva.example", 80, "/"),
        ("http://１２７.０.０.１/", "http", "127.0.0.1", 80, "/"),
        ("http://[::ffff:192.168.1.20]/", "http", "192.168.1.20", 80, "/"),
    ],
)
def test_a_good_address_is_taken_apart(url: str, scheme: str, host: str, port: int, path: str) -> None:
    address = parse(url)
    assert (address.scheme, address.host, address.port, address.path) == (scheme, host, port, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x" * 3000,
        "rtsp://" + "a" * 2100,
        "-rtsp://192.168.1.20/",
        " rtsp://192.168.1.20/",
        "rtsp://192.168.1.20/a b",
        "rtsp://192.168.1.20/\r\nHost: x",
        "rtsp://192.168.1.20/\x00",
        "rtsp://192.168.1.20\\@127.0.0.1/",
        "rtsp:///stream",
        "rtsp://",
        "rtsp:192.168.1.20",
        "rtsp://bob:secret@/stream",
        "rtsp://192.168.1.20:0/",
        "rtsp://192.168.1.20:65536/",
        "rtsp://192.168.1.20:x/",
        "rtsp://192.168.1.20:-1/",
        "rtsp://-host/",
        "rtsp://a..b/",
        "rtsp://host;x/",
        "rtsp://[fe80::1%25eth0]/",
        "rtsp://[::1/",
        "file:///etc/passwd",
        "/etc/passwd",
        "concat:http://a/|file:///etc/passwd",
        "subfile,,start,0,end,9,,:/etc/passwd",
        "udp://192.168.1.20:1234",
        "gopher://192.168.1.20/",
        # Other ways to write 127.0.0.1
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.0x1/",
        "http://0/",
    ],
)
def test_a_malformed_address_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        parse(url)
    assert "secret" not in str(caught.value)


NEVER_FROM_THE_API = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "0.1.2.3",
    "169.254.1.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "::",
    "::1",
    "fe80::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
]
METADATA = ["169.254.169.254", "100.100.100.200", "168.63.129.16", "fd00:ec2::254", "::ffff:169.254.169.254"]


@pytest.mark.parametrize("ip", NEVER_FROM_THE_API + METADATA)
def test_an_address_from_the_api_is_never_inside_the_machine(ip: str) -> None:
    with pytest.raises(AddressRefused):
        resolve(parse("rtsp://camera.example/"), by_operator=False, lookup=lookup_of(ip))
    host = f"[{ip}]" if ":" in ip else ip
    with pytest.raises(AddressRefused):
        resolve(parse(f"rtsp://{host}/"), by_operator=False, lookup=lookup_of(ip))


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1", "169.254.1.1", "fe80::1", "192.168.1.20", "8.8.8.8"])
def test_the_operator_may_name_loopback(ip: str) -> None:
    assert resolve(parse("rtsp://camera.example/"), by_operator=True, lookup=lookup_of(ip)).ips == (ip,)


@pytest.mark.parametrize("ip", [*METADATA, "0.0.0.0", "224.0.0.1", "ff02::1"])
def test_some_addresses_are_nobodys_camera(ip: str) -> None:
    with pytest.raises(AddressRefused):
        resolve(parse("rtsp://camera.example/"), by_operator=True, lookup=lookup_of(ip))


@pytest.mark.parametrize("ip", ["10.1.2.3", "172.16.0.9", "192.168.1.20", "100.64.0.7", "fd12:3456::1"])
def test_the_lan_is_allowed_by_parameter(ip: str) -> None:
    address = parse("rtsp://camera.example/")
    assert resolve(address, by_operator=False, lookup=lookup_of(ip)).ips == (ip,)
    with pytest.raises(AddressRefused):
        resolve(address, by_operator=False, allow_lan=False, lookup=lookup_of(ip))


def test_only_the_allowed_ones_of_several_addresses_are_kept() -> None:
    lookup = lookup_of("fe80::1", "127.0.0.1", "192.168.1.20", "8.8.8.8", "192.168.1.20")
    checked = resolve(parse("rtsp://camera.local/"), by_operator=False, lookup=lookup)
    assert checked.ips == ("192.168.1.20", "8.8.8.8")


def test_the_name_is_looked_up_once() -> None:
    asked = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["192.168.1.20"] if len(asked) == 1 else ["127.0.0.1"]

    checked = resolve(parse("rtsp://bob:secret@camera.example:8554/a?b"), by_operator=False, lookup=rebinding)
    assert checked.plain_url(checked.ips[0], checked.address.port) == "rtsp://bob:secret@192.168.1.20:8554/a?b"
    assert asked == [("camera.example", 8554)]


@pytest.mark.parametrize("failure", [OSError("no"), UnicodeError("no")])
def test_no_such_host(failure: Exception) -> None:
    def lookup(_host: str, _port: int) -> list[str]:
        raise failure

    for silent in (lookup, lookup_of()):
        with pytest.raises(SourceUnreachable, match=r"no host named camera\.example"):
            resolve(parse("rtsp://bob:secret@camera.example/"), by_operator=False, lookup=silent)


def test_the_plain_url_of_an_encrypted_camera_goes_to_the_relay_without_tls() -> None:
    checked = resolve(parse("https://a:b@camera.example/x"), by_operator=False, lookup=lookup_of("8.8.8.8"))
    assert checked.plain_url("::1", 99) == "http://a:b@[::1]:99/x"
    assert checked.public
    assert not resolve(parse("https://c/x"), by_operator=False, lookup=lookup_of("10.0.0.1")).public


@given(st.text(max_size=80))
@example("rtsp://[")
@example("rtsp://a]b/")
@example("http://h:٣/")
def test_hostile_text_is_parsed_or_refused(text: str) -> None:
    for url in (text, f"rtsp://{text}", f"http://u:p@{text}/x"):
        try:
            address = parse(url)
        except AddressRefused:
            continue
        assert address.host
        assert not address.host.startswith("-")
        assert 0 < address.port < 65536
        assert not set(address.host + address.path) & set("\r\n\t \x00")


@given(st.ip_addresses(), st.booleans())
def test_what_passes_from_the_api_is_a_plain_host_elsewhere(ip: ipaddress.IPv4Address, lan: bool) -> None:
    try:
        checked = resolve(parse("rtsp://c/"), by_operator=False, allow_lan=lan, lookup=lookup_of(str(ip)))
    except AddressRefused:
        return
    kept = ipaddress.ip_address(checked.ips[0])
    forbidden = (kept.is_loopback, kept.is_link_local, kept.is_multicast, kept.is_unspecified, kept.is_reserved)
    assert not any(forbidden)
    assert lan or kept.is_global


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("rtsp://bob:secret@192.168.1.20/a", "rtsp://***@192.168.1.20/a"),
        ("rtsp://192.168.1.20/a", "rtsp://192.168.1.20/a"),
        ("rtsp://192.168.1.20", "rtsp://192.168.1.20/"),
        ("rtsp://[fd00::1]:8554/a", "rtsp://[fd00::1]:8554/a"),
        ("rtsps://c.example:322/a/b", "rtsps://c.example/a/b"),
        ("rtsp://a:secret@b@h/", "rtsp://***@h/"),
        ("rtsp://bob:secret\u3000more@h/", "rtsp://***"),
        ("rtsp://bob:secret#more@h/", "rtsp://***"),
        ("rtsp://h/x#secret", "rtsp://***"),
        ("http://h/v.cgi?user=bob&pwd=secret&x=1", "http://h/v.cgi?***"),
        ("http://h/v?u=A\u3000secret", "http://***"),
        ("http://h/v?secret", "http://h/v?***"),
        ("rtsp://h/live&pin=secret", "rtsp://h/live&pin=***"),
        ("rtsp://h/user=admin_password=secret?x", "rtsp://h/user=***"),
        ("HTTP://a:secret@H1/", "http://***@h1/"),
        ("synthetic:?size=320x240&fps=5", "synthetic:?size=320x240&fps=5"),
        ("file:/home/me/a clip.mp4", "file:/home/me/a clip.mp4"),
        ("ftp://bob:secret@h/", "***"),
        ("", "***"),
    ],
)
def test_what_everybody_sees_of_an_address(url: str, seen: str) -> None:
    assert shown(url) == seen


@given(st.text(min_size=6, max_size=30), st.sampled_from(["rtsp", "rtsps", "http", "https"]))
def test_a_password_is_never_shown(password: str, scheme: str) -> None:
    written = quote(password, safe="", errors="replace")
    url = f"{scheme}://bob:{written}@camera.example/live"
    assert parse(url).userinfo == f"bob:{written}"
    assert shown(url) == f"{scheme}://***@camera.example/live"
    assert shown(f"{scheme}://bob:{password}@camera.example/live") in (
        f"{scheme}://***",
        f"{scheme}://***@camera.example/live",
    )
    assert written not in repr(parse(url)) or written in repr(parse(f"{scheme}://camera.example/live"))


@pytest.mark.parametrize("sign", [" ", "\u3000", "\u2003", "\u1680", "\x85", "#", "\\", "\n", "\ud800"])
def test_signs_that_no_address_has(sign: str) -> None:
    with pytest.raises(AddressRefused, match="has no spaces"):
        parse(f"rtsp://bob:pass{sign}word@camera.example/live")
