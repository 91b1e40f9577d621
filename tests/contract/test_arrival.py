"""What the listener decides, and that nothing else does: routes, names, cookies, addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.routing import Rule

from pi_cam.api.rules import rule_of
from pi_cam.trust.accounts import Accounts
from pi_cam.trust.capabilities import Person
from tests.contract.application import NAME, OWN, PASSWORD, Application, running
from tests.contract.test_routes import ask, assert_well_made, path_of, read, routes

TUNNEL: dict[str, Any] = {"pi_cam.listener": "tunnel"}
TLS: dict[str, Any] = {"wsgi.url_scheme": "https"}
LAN_ONLY = {
    "/setup",
    "/setup/<step>",
    "/api/v1/setup",
    "/api/v1/setup/<step>",
    "/certificate",
    "/ca.crt",
    "/api/v1/pairing",
    "/api/v1/pairing/accept",
}

PRETENDED = [
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-Proto": "https"},
    {"X-Forwarded-Host": "localhost"},
    {
        "X-Forwarded-Port": "8080",
        "X-Forwarded-Server": "localhost",
        "Forwarded": "for=127.0.0.1;proto=https;host=localhost",
    },
    {"CF-Connecting-IP": "127.0.0.1", "Cf-Access-Jwt-Assertion": "x"},
    {"X-Real-IP": "127.0.0.1"},
    {"Pi-Cam.Listener": "lan", "Pi-Cam-Listener": "lan", "Pi_Cam.Listener": "lan"},
    {"X-Original-URL": "/setup", "X-Rewrite-URL": "/setup"},
]


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with running(tmp_path_factory.mktemp("owned")) as application:
        application.owner()
        yield application


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with running(tmp_path_factory.mktemp("new")) as application:
        yield application


def test_the_routes_of_the_lan_are_known_by_their_rule(owned: Application) -> None:
    marked = {route.rule for _, route, rule in routes(owned.flask) if rule.lan_only}
    assert marked >= LAN_ONLY


def methods_of_the_lan(application: Application, url_rule: Rule) -> set[str]:
    """All, but where another route is at the same address, for outside too: then only its own."""
    rules = [
        rule_of(application.flask.view_functions[other.endpoint])
        for other in application.flask.url_map.iter_rules()
        if other.rule == url_rule.rule
    ]
    if all(rule is not None and rule.lan_only for rule in rules):
        return {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
    return (url_rule.methods or set()) - {"OPTIONS"}


@pytest.mark.parametrize("headers", [{}, *PRETENDED], ids=str)
def test_no_route_of_the_lan_exists_on_the_tunnel_whatever_a_client_pretends(
    new: Application, owned: Application, headers: dict[str, str]
) -> None:
    for application in (new, owned):
        for url_rule in application.flask.url_map.iter_rules():
            rule = rule_of(application.flask.view_functions[url_rule.endpoint])
            if rule is None or not rule.lan_only:
                continue
            path = path_of(url_rule)
            for method in methods_of_the_lan(application, url_rule):
                response = read(
                    application.client().open(path, method=method, headers=headers, environ_overrides=TUNNEL)
                )
                assert response.status_code == 404, f"{method} {path}"
                assert "Allow" not in response.headers
                assert_well_made(response, path)


def test_all_other_routes_answer_on_the_tunnel_as_on_the_lan(owned: Application) -> None:
    for method, route, rule in routes(owned.flask):
        path = path_of(route)
        if rule.lan_only or "sessions/current" in path:
            continue
        here, there = owned.client(), owned.client()
        there.environ_base.update(TUNNEL)
        headers = owned.token("view")
        assert (
            ask(there, method, path, rule, headers).status_code == ask(here, method, path, rule, headers).status_code
        ), f"{method} {path}"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_before_there_is_an_owner_the_tunnel_leads_nowhere(new: Application, method: str) -> None:
    for path in ("/", "/login"):
        client = new.client()
        client.environ_base.update(TUNNEL)
        response = client.open(path, method=method, follow_redirects=True)
        assert response.status_code in (401, 404, 405)


# Names


@pytest.mark.parametrize(
    ("host", "environ", "known"),
    [
        ("localhost", {}, True),
        ("pi-cam.local", {}, True),
        ("PI-CAM.local:8443", {}, True),
        ("camera.example.org", {}, False),
        ("camera.example.org", TUNNEL, True),
        ("camera.example.org:443", TUNNEL, True),
        ("localhost:9000", TUNNEL, True),
        ("pi-cam.local", TUNNEL, False),
        ("evil.example", TUNNEL, False),
        ("camera.example.org.evil.example", TUNNEL, False),
        ("", TUNNEL, False),
    ],
)
def test_each_listener_has_its_names(public: Application, host: str, environ: dict[str, Any], known: bool) -> None:
    response = public.client().get("/healthz", headers={"Host": host}, environ_overrides=environ)
    assert response.status_code == (200 if known else 400)


def test_the_devices_own_name_is_one_of_them(owned: Application) -> None:
    name = f"pi-cam-{owned.app.device_key.id[:6]}.local"
    assert owned.client().get("/healthz", headers={"Host": name}).status_code == 200


def test_what_avahi_gave_as_a_name_is_one_of_them_while_it_does(owned: Application) -> None:
    discovery, client = owned.services.discovery, owned.client()
    for names, status in (((), 400), (("pi-cam-2.local",), 200), (("pi-cam-3.local",), 400)):
        discovery.names = names
        assert client.get("/healthz", headers={"Host": "Pi-Cam-2.local"}).status_code == status
    discovery.names = ()


@pytest.mark.parametrize("headers", PRETENDED, ids=str)
def test_no_header_makes_a_foreign_name_ours(public: Application, headers: dict[str, str]) -> None:
    for environ in ({}, TUNNEL):
        response = public.client().get("/", headers={"Host": "evil.example", **headers}, environ_overrides=environ)
        assert response.status_code == 400


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """One that has a public name, and no nginx."""
    with running(tmp_path_factory.mktemp("public"), PI_CAM_TUNNEL_HOST="camera.example.org") as application:
        yield application


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """One that nginx stands in front of."""
    with running(tmp_path_factory.mktemp("proxied"), PI_CAM_BEHIND_PROXY="yes") as application:
        application.owner()
        yield application


# Cookies


def signed_in(application: Application, environ: dict[str, Any], headers: dict[str, str] | None = None) -> str:
    """The cookie, as it is set."""
    response = application.client().post(
        "/api/v1/sessions", json={"name": NAME, "password": PASSWORD}, environ_overrides=environ, headers=headers
    )
    assert response.status_code == 201
    return response.headers["Set-Cookie"]


@pytest.mark.parametrize("headers", [{}, *PRETENDED], ids=str)
def test_the_cookie_is_secure_where_the_browser_speaks_tls(owned: Application, headers: dict[str, str]) -> None:
    for environ in (TLS, TUNNEL, {**TLS, **TUNNEL}):
        cookie = signed_in(owned, environ, headers)
        assert cookie.startswith("__Host-sid=")
        for part in ("; Secure", "; HttpOnly", "; Path=/", "; SameSite=Lax"):
            assert part in cookie
        assert "Domain" not in cookie
    plain = signed_in(owned, {}, headers)
    assert plain.startswith("sid=")
    assert "Secure" not in plain


def test_behind_nginx_the_cookie_is_secure(proxied: Application) -> None:
    assert signed_in(proxied, {}).startswith("__Host-sid=")


def test_a_cookie_of_the_other_kind_does_not_count(owned: Application) -> None:
    plain = signed_in(owned, {}).partition(";")[0].partition("=")[2]
    for environ, wrong, right in ((TLS, "sid", "__Host-sid"), (TUNNEL, "sid", "__Host-sid"), ({}, "__Host-sid", "sid")):
        client = owned.flask.test_client(use_cookies=False)
        for name, status in ((wrong, 401), (right, 200)):
            response = client.get("/api/v1/sessions", headers={"Cookie": f"{name}={plain}"}, environ_overrides=environ)
            assert response.status_code == status, (environ, name)


def test_an_origin_of_the_wrong_scheme_is_another_site(owned: Application) -> None:
    for environ, scheme, status in ((TLS, "https", 200), (TLS, "http", 403), ({}, "https", 403), (TUNNEL, "http", 403)):
        headers = {**owned.token("view", "control"), "Origin": f"{scheme}://localhost", "Host": "localhost"}
        response = owned.client().post("/api/v1/cameras/main/start", headers=headers, environ_overrides=environ)
        assert response.status_code == status, (environ, scheme)


def test_only_the_tunnel_says_for_ever_https(owned: Application) -> None:
    for environ, said in (({}, False), (TLS, False), (TUNNEL, True)):
        response = owned.client().get("/healthz", environ_overrides=environ)
        assert ("Strict-Transport-Security" in response.headers) is said
    assert int(response.headers["Strict-Transport-Security"].partition("=")[2]) >= 365 * 24 * 3600


# Addresses


def guess(application: Application, address: str, environ: dict[str, Any] | None = None) -> int:
    response = application.client().post(
        "/api/v1/sessions",
        json={"name": "nobody", "password": "wrong"},
        headers={"X-Real-IP": address, **OWN},
        environ_overrides=environ or {},
    )
    return response.status_code


def addresses_seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    real = Accounts.sign_in

    def sign_in(
        self: Accounts,
        name: str,
        password: str,
        code: str | None = None,
        *,
        address: str,
        agent: str,
        known: str | None = None,
    ) -> tuple[str, Person]:
        seen.append(address)
        return real(self, name, password, code, address=address, agent=agent, known=known)

    monkeypatch.setattr(Accounts, "sign_in", sign_in)
    return seen


def test_the_address_that_nginx_saw_counts_only_behind_nginx(
    owned: Application, proxied: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    for application, environ, seen in (
        (proxied, {}, "192.168.1.20"),
        (proxied, TUNNEL, "127.0.0.1"),
        (owned, {}, "127.0.0.1"),
        (owned, TUNNEL, "127.0.0.1"),
    ):
        with monkeypatch.context() as patch:
            found = addresses_seen(patch)
            assert guess(application, "192.168.1.20", environ) in (401, 429)
            assert guess(application, "nonsense\t", environ) in (401, 429)
            assert found == [seen, "127.0.0.1"]


def test_the_address_never_lets_anybody_in(proxied: Application) -> None:
    for address in ("127.0.0.1", "::1", "10.0.0.1"):
        assert proxied.client().get("/api/v1/cameras", headers={"X-Real-IP": address}).status_code == 401


# The page about the certificate


@pytest.mark.parametrize(("language", "words"), [("en", "Why your browser warns"), ("fr", "vous met en garde")])
def test_the_page_explains_and_offers_the_authority(owned: Application, language: str, words: str) -> None:
    page = owned.client().get("/certificate", headers={"Accept-Language": language})
    text = page.get_data(as_text=True)
    assert page.status_code == 200
    assert words in text
    assert owned.app.certificates.fingerprint() in text
    assert 'href="/ca.crt"' in text
    ca = owned.client().get("/ca.crt")
    assert ca.mimetype == "application/x-x509-ca-cert"
    assert ca.data[:1] == b"\x30"
    assert b"PRIVATE" not in ca.data


def test_the_sign_in_page_links_to_it_where_the_browser_may_have_warned(owned: Application) -> None:
    for environ, linked in ((TLS, True), ({}, False), (TUNNEL, False)):
        page = owned.client().get("/login", environ_overrides=environ).get_data(as_text=True)
        assert ('href="/certificate"' in page) is linked
    owned.app.certificates.own_in_use = True
    try:
        assert 'href="/certificate"' not in owned.client().get("/login", environ_overrides=TLS).get_data(as_text=True)
    finally:
        owned.app.certificates.own_in_use = False
