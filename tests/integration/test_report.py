"""The report and the log of a device through which secrets went hold none of them; it also serves its figures over TLS."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyotp
from prometheus_client.parser import text_string_to_metric_families

from tests.network import HOST_ADDRESS
from tests.server import OWNER, PASSWORD, Server, serving

CAMERA_PASSWORD = "canary-of-the-camera"
NEW_PASSWORD = "a canary sat on the garden wall"
EVERYTHING = "view,listen,talk,control,record,configure"


def ask(
    server: Server,
    method: str,
    path: str,
    *,
    status: int = 200,
    cookie: str = "",
    token: str | None = None,
    **body: object,
) -> dict[str, object]:
    headers = {"Content-Type": "application/json", "X-Pi-Cam": "1", **({"Cookie": cookie} if cookie else {})}
    answer = server.request(
        method, path, token=token, body=json.dumps(body).encode() if body else None, headers=headers
    )
    assert answer.status == status, answer.body
    return {**(answer.json() if answer.body else {}), "cookie": answer.headers.get("Set-Cookie", "").partition(";")[0]}


def put_secrets_through(server: Server) -> dict[str, str]:
    """What a person does on one day, and everything secret in it."""
    secrets = {"password": PASSWORD, "camera's": CAMERA_PASSWORD, "new password": NEW_PASSWORD}
    secrets["token"] = token = server.token(EVERYTHING)
    cookie = str(ask(server, "POST", "/api/v1/sessions", status=201, name=OWNER, password=PASSWORD)["cookie"])
    secrets["cookie"] = cookie.partition("=")[2]
    address = f"rtsp://bob:{CAMERA_PASSWORD}@127.0.0.1:9/stream&pin={CAMERA_PASSWORD}?password={CAMERA_PASSWORD}"
    ask(server, "POST", "/api/v1/cameras", status=422, token=token, name="x", address=address.replace("rtsp", "ftp"))
    for sign in ("\u3000", "\u2003", "#", "\ud800"):
        odd = f"rtsp://bob:a{sign}{CAMERA_PASSWORD}@camera.invalid/x"
        ask(server, "POST", "/api/v1/cameras", status=422, token=token, name="w", address=odd, allow_lan=True)
    address = address.replace("127.0.0.1", "camera.invalid")
    ask(server, "POST", "/api/v1/cameras", status=201, token=token, name="Hen", address=address, allow_lan=True)
    ask(server, "GET", "/api/v1/cameras/hen/snapshot.jpg", status=503, token=token)
    totp = ask(server, "POST", "/api/v1/account/totp", status=201, cookie=cookie, current=PASSWORD)
    secrets["TOTP"] = str(totp["secret"])
    code = pyotp.TOTP(secrets["TOTP"]).now()
    codes = ask(server, "PUT", "/api/v1/account/totp", cookie=cookie, code=code)
    secrets["recovery code"] = str(codes["recovery_codes"][0])  # type: ignore[index]  # a list
    ask(server, "PUT", "/api/v1/account/password", status=204, cookie=cookie, current=PASSWORD, new=NEW_PASSWORD)
    ask(server, "POST", "/api/v1/sessions", status=401, name=OWNER, password=NEW_PASSWORD + "x")
    server.request("GET", "/api/v1/cameras", token="pct_canary-of-nobody")
    return {**secrets, "unknown token": "canary-of-nobody"}


def test_a_report_holds_what_helps_and_no_secret(tmp_path: Path) -> None:
    data, secret_source = tmp_path / "data", f"rtsp://ada:{CAMERA_PASSWORD}-too@127.0.0.1:9/x"
    with serving(data, secret_source, owner=True, environment={"PI_CAM_LOG_LEVEL": "debug"}) as server:
        secrets = put_secrets_through(server)
        secrets["key"] = (data / "secret.key").read_bytes().hex()
        server.request("GET", "/api/v1/cameras/main/snapshot.jpg", token=secrets["token"])
        answer = server.request("GET", "/api/v1/system/report", token=secrets["token"])
        page = server.request("GET", "/system", token=secrets["token"]).body.decode()
        cameras = server.request("GET", "/api/v1/cameras", token=server.token("view")).body.decode()
    assert "rtsp://***@camera.invalid:9/stream&pin=***" in cameras
    assert answer.status == 200, answer.body
    assert re.fullmatch(r"attachment; filename=.+\.json", answer.headers["Content-Disposition"])
    report = answer.json()
    assert set(report) == {"system", "findings", "settings", "cameras", "packages", "log"}
    assert {camera["id"] for camera in report["cameras"]} == {"main", "hen"}
    assert report["settings"]["viewers_max"] == 8
    assert report["settings"]["source"] is None
    assert report["packages"]["flask"]
    assert {finding["name"] for finding in report["findings"]} >= {"encoder", "database", "privileges"}
    assert 1 <= len(report["log"]) <= 200
    assert any("camera in trouble" in line["message"] for line in report["log"])
    for name, secret in secrets.items():
        for text in (answer.body.decode(), page, cameras, server.log.read_text()):
            assert secret not in text, name
    assert "canary" not in answer.body.decode()


def test_over_tls_the_device_says_how_long_its_certificate_holds(tmp_path: Path) -> None:
    with serving(tmp_path, "synthetic:", owner=True, listen=HOST_ADDRESS, tunnel=True) as server:
        token = server.token(EVERYTHING)
        system = server.request("GET", "/api/v1/system", token=token).json()
        figures = server.request("GET", "/metrics", token=token).body.decode()
        found = server.request("GET", "/api/v1/system/doctor", token=token).json()["findings"]
        page = server.request("GET", "/system", token=token).body.decode()
        outside = server.through_tunnel().request("GET", "/metrics", token=token, headers={"Host": "localhost"})
    assert system["tls"] is True
    assert system["certificate_fingerprint"] in page
    assert any(system["certificate_fingerprint"] in finding["text"] for finding in found)
    samples = {one.name: one.value for family in text_string_to_metric_families(figures) for one in family.samples}
    assert 300 < samples["pi_cam_certificate_remaining_seconds"] / 86_400 < 398
    assert outside.status == 404
