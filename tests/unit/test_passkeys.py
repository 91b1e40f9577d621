"""Passkeys, with an authenticator in software: what is accepted, and every way to lie."""

from __future__ import annotations

import contextlib
import copy
import random
from pathlib import Path
from typing import Any

import pytest

from pi_cam.errors import Conflict, NotFound, NotSignedIn, SettingError
from pi_cam.trust.passkeys import MOST_PER_USER, Site
from tests.authenticator import PRESENT, VERIFIED, Authenticator
from tests.unit.people import PASSWORD, People

HERE = Site.of("http", "localhost")
THERE = Site.of("https", "pi-cam.local:8443")


@pytest.fixture
def people(tmp_path: Path) -> People:
    return People(tmp_path)


def add(people: People, authenticator: Authenticator, site: Site = HERE, user: int = 1) -> str:
    options = people.passkeys.options_to_add(user, "a session", site)
    return people.passkeys.add(user, "a session", site, "My phone", authenticator.create(options)).id


def sign_in(people: People, authenticator: Authenticator, site: Site = HERE, **lies: Any) -> int:
    return people.passkeys.owner_of(site, authenticator.get(people.passkeys.options_to_sign_in(site), **lies))


@pytest.mark.parametrize(
    ("scheme", "host", "name", "origin"),
    [
        ("http", "localhost", "localhost", "http://localhost"),
        ("http", "LOCALHOST:8080", "localhost", "http://localhost:8080"),
        ("https", "Pi-Cam.local:8443", "pi-cam.local", "https://pi-cam.local:8443"),
        ("https", "camera.example.org", "camera.example.org", "https://camera.example.org"),
    ],
)
def test_a_site_is_the_name_by_which_we_are_called(scheme: str, host: str, name: str, origin: str) -> None:
    assert Site.of(scheme, host) == Site(name, origin)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:8080", "192.168.1.7:443"])
def test_there_are_none_under_an_address(host: str) -> None:
    with pytest.raises(Conflict, match="by its name"):
        Site.of("https", host)


def test_a_passkey_says_whose_it_is(people: People) -> None:
    authenticator = Authenticator()
    passkey = add(people, authenticator)
    (row,) = people.passkeys.list(1)
    assert (row.id, row.name, row.host, row.used_at) == (passkey, "My phone", "localhost", None)
    people.clock.now += 60
    assert sign_in(people, authenticator) == 1
    assert sign_in(people, authenticator) == 1
    assert people.passkeys.list(1)[0].used_at == people.clock.now


def test_it_counts_as_both_factors(people: People) -> None:
    authenticator = Authenticator()
    add(people, authenticator)
    people.turn_on()
    _, person = people.accounts.enter(sign_in(people, authenticator), address="", agent="")
    assert person.name == "Ada"


def test_it_asks_for_a_discoverable_and_verified_one(people: People) -> None:
    adding = people.passkeys.options_to_add(1, "a session", HERE)
    assert adding["authenticatorSelection"]["residentKey"] == "required"
    assert adding["authenticatorSelection"]["userVerification"] == "required"
    assert adding["rp"]["id"] == "localhost"
    assert adding["timeout"] == 300_000
    signing = people.passkeys.options_to_sign_in(HERE)
    assert signing["userVerification"] == "required"
    assert signing["allowCredentials"] == []


def test_one_authenticator_is_added_once(people: People) -> None:
    authenticator = Authenticator()
    passkey = add(people, authenticator)
    options = people.passkeys.options_to_add(1, "a session", HERE)
    assert [one["id"] for one in options["excludeCredentials"]] == [passkey]
    assert people.passkeys.options_to_add(1, "a session", THERE)["excludeCredentials"] == []
    with pytest.raises(Conflict, match="already"):
        add(people, authenticator)


def test_there_are_only_so_many(people: People) -> None:
    for _ in range(MOST_PER_USER):
        add(people, Authenticator())
    with pytest.raises(Conflict, match=f"at most {MOST_PER_USER}"):
        people.passkeys.options_to_add(1, "a session", HERE)


def test_a_removed_one_is_worth_nothing_and_nobody_removes_anothers(people: People) -> None:
    other = people.users.add("Grace", PASSWORD, "member", {}, None).id
    authenticator = Authenticator()
    passkey = add(people, authenticator)
    for user, name in ((other, passkey), (1, "bm9uZQ"), (1, "é"), (1, ""), (1, passkey + "!")):
        with pytest.raises(NotFound):
            people.passkeys.remove(user, name)
    people.passkeys.remove(1, passkey)
    with pytest.raises(NotSignedIn):
        sign_in(people, authenticator)


def test_it_goes_with_its_user(people: People) -> None:
    user = people.users.add("Grace", PASSWORD, "member", {}, None).id
    authenticator = Authenticator()
    add(people, authenticator, user=user)
    people.users.remove(user)
    with pytest.raises(NotSignedIn):
        sign_in(people, authenticator)


def test_a_later_user_of_the_same_number_is_another_to_the_authenticator(people: People) -> None:
    handles = []
    for _ in range(2):
        user = people.users.add("Grace", PASSWORD, "member", {}, None).id
        handles.append((user, people.passkeys.options_to_add(user, "a session", HERE)["user"]["id"]))
        people.users.remove(user)
        people.clock.now += 1
    assert handles[0][0] == handles[1][0]
    assert handles[0][1] != handles[1][1]


LIES: list[dict[str, Any]] = [
    {"origin": "http://localhost:81"},
    {"origin": "https://localhost"},
    {"origin": "https://localhost.evil.example"},
    {"origin": "http://localhost/"},
    {"origin": "http://LOCALHOST"},
    {"origin": None},
    {"rp_id": "evil.example"},
    {"crossOrigin": True},
    {"type": "webauthn.create"},
    {"challenge": "bWFkZSB1cA"},
    {"challenge": None},
    {"challenge": ["a"]},
    {"handle": b"somebody else"},
    {"handle": b""},
]


@pytest.mark.parametrize("lie", LIES, ids=str)
def test_an_answer_that_lies_signs_nobody_in(people: People, lie: dict[str, Any]) -> None:
    authenticator = Authenticator()
    add(people, authenticator)
    with pytest.raises(NotSignedIn, match=r"^This passkey was not accepted\.$"):
        sign_in(people, authenticator, **lie)
    assert sign_in(people, authenticator) == 1


@pytest.mark.parametrize("lie", [lie for lie in LIES if "handle" not in lie and "type" not in lie], ids=str)
def test_an_answer_that_lies_is_not_added(people: People, lie: dict[str, Any]) -> None:
    options = people.passkeys.options_to_add(1, "a session", HERE)
    with pytest.raises(SettingError, match="not accepted"):
        people.passkeys.add(1, "a session", HERE, "x", Authenticator().create(options, **lie))
    assert people.passkeys.list(1) == []


@pytest.mark.parametrize("flags", [0, PRESENT, VERIFIED])
def test_the_person_must_have_been_there_and_verified(people: People, flags: int) -> None:
    with pytest.raises(SettingError):
        add(people, Authenticator(flags=flags))
    authenticator = Authenticator()
    add(people, authenticator)
    authenticator.flags = flags
    with pytest.raises(NotSignedIn):
        sign_in(people, authenticator)


def test_a_copied_authenticator_is_noticed_by_its_count(people: People) -> None:
    authenticator = Authenticator()
    add(people, authenticator)
    sign_in(people, authenticator)
    duplicate = copy.copy(authenticator)
    sign_in(people, authenticator)
    with pytest.raises(NotSignedIn):
        sign_in(people, duplicate)


def test_authenticators_that_do_not_count_are_accepted(people: People) -> None:
    authenticator = Authenticator()
    add(people, authenticator)
    for _ in range(3):
        authenticator.count = -1  # `get` makes it 0
        assert sign_in(people, authenticator) == 1


def test_a_signature_of_another_key_is_refused(people: People) -> None:
    authenticator = Authenticator()
    add(people, authenticator)
    impostor = Authenticator(credential=authenticator.credential, handle=authenticator.handle)
    with pytest.raises(NotSignedIn):
        sign_in(people, impostor)


def test_an_answer_is_good_once_and_for_five_minutes(people: People) -> None:
    authenticator = Authenticator()
    add(people, authenticator)
    answer = authenticator.get(people.passkeys.options_to_sign_in(HERE))
    assert people.passkeys.owner_of(HERE, answer) == 1
    with pytest.raises(NotSignedIn):
        people.passkeys.owner_of(HERE, answer)
    options = people.passkeys.options_to_sign_in(HERE)
    people.clock.now += 300
    with pytest.raises(NotSignedIn):
        people.passkeys.owner_of(HERE, authenticator.get(options))


def test_a_challenge_is_for_one_purpose_one_person_one_session_and_one_name(people: People) -> None:
    other = people.users.add("Grace", PASSWORD, "member", {}, None).id
    for user, session, site in ((other, "a session", HERE), (1, "another", HERE), (1, "a session", THERE)):
        options = people.passkeys.options_to_add(1, "a session", HERE)
        with pytest.raises(SettingError):
            people.passkeys.add(user, session, site, "x", Authenticator().create(options))
    signing = people.passkeys.options_to_sign_in(HERE)
    options = {**people.passkeys.options_to_add(1, "a session", HERE), "challenge": signing["challenge"]}
    with pytest.raises(SettingError):
        people.passkeys.add(1, "a session", HERE, "x", Authenticator().create(options))


def test_a_passkey_of_one_name_opens_nothing_under_another(people: People) -> None:
    authenticator = Authenticator(origin="https://pi-cam.local:8443")
    add(people, authenticator, THERE)
    assert sign_in(people, authenticator, THERE) == 1
    with pytest.raises(NotSignedIn):
        sign_in(people, authenticator, HERE, rp_id="pi-cam.local")
    authenticator.origin = "http://localhost"
    with pytest.raises(NotSignedIn):
        sign_in(people, authenticator, HERE)


NONSENSE: list[Any] = [None, 7, [], {}, "", "é", "A", "AAAA", "x" * 50_000, "o" * 3000, {"a": {}}]


def test_answers_that_somebody_made_up_sign_nobody_in(people: People) -> None:
    """Each part replaced by each nonsense, or altered: refused with the one sentence, whatever the library makes of it."""
    random.seed(6)
    authenticator = Authenticator()
    add(people, authenticator)
    for _ in range(400):
        answer = authenticator.get(people.passkeys.options_to_sign_in(HERE))
        spoil(answer)
        with pytest.raises(NotSignedIn, match=r"^This passkey was not accepted\.$"):
            people.passkeys.owner_of(HERE, answer)
    assert sign_in(people, authenticator) == 1


def test_new_passkeys_that_somebody_made_up_do_no_harm(people: People) -> None:
    """The key itself comes unsigned (no attestation is asked for): a spoilt one may be added to one's own account, and then
    opens nothing."""
    random.seed(6)
    refused = 0
    for _ in range(400):
        authenticator = Authenticator()
        with people.store.transaction() as database:
            database.execute("DELETE FROM passkeys")
        answer = authenticator.create(people.passkeys.options_to_add(1, "a session", HERE))
        where = spoil(answer)
        try:
            people.passkeys.add(1, "a session", HERE, "x", answer)
        except SettingError:
            refused += 1
        else:
            assert where == "attestationObject"
            with contextlib.suppress(NotSignedIn):
                sign_in(people, authenticator)
    assert refused > 200


def spoil(answer: dict[str, Any]) -> str:
    """Changes something that matters; what."""
    response = answer["response"]
    place, name = random.choice(
        [(answer, "id"), (answer, "rawId"), (answer, "response"), *((response, one) for one in response)]
    )
    if random.random() < 0.5 and isinstance(place[name], str):
        text = place[name]
        at = random.randrange(max(1, len(text) - 2))
        place[name] = random.choice(
            [text[:at], text[:at] + random.choice("!AQgw") + text[at + 1 :] + "AAAA", text + "AAAA"]
        )
    else:
        place[name] = random.choice(NONSENSE)
    return str(name)
