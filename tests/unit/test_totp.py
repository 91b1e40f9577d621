"""Codes of an authenticator app, and recovery codes."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest

from pi_cam.errors import Conflict, SettingError, StoreError
from pi_cam.store import DATABASE
from pi_cam.trust.totp import Totp
from tests.unit.people import People


@pytest.fixture
def people(tmp_path: Path) -> People:
    return People(tmp_path)


def test_the_app_gets_all_that_it_needs(people: People) -> None:
    enrolment = people.totp.begin(1, "Ada: ü")
    address = urlsplit(enrolment.uri)
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert unquote(address.path) == "/Caméra Connectée:Ada: ü"
    assert parse_qs(address.query) == {"secret": [enrolment.secret], "issuer": ["Caméra Connectée"]}
    assert len(enrolment.secret) == 32  # 160 bits, as RFC 4226 wants


def test_it_counts_only_once_it_was_confirmed(people: People) -> None:
    people.secret = people.totp.begin(1, "Ada").secret
    assert not people.totp.state(1).on
    assert not people.totp.accepts(1, people.code())
    with pytest.raises(SettingError, match="code is wrong"):
        people.totp.confirm(1, "000000" if people.code() != "000000" else "111111")
    assert not people.totp.state(1).on
    assert len(people.totp.confirm(1, people.code())) == 10
    assert people.totp.state(1).on
    assert people.totp.state(1).recovery_codes_left == 10


def test_the_last_begun_is_the_one_that_counts(people: People) -> None:
    people.secret = people.totp.begin(1, "Ada").secret
    first = people.code()
    people.secret = people.totp.begin(1, "Ada").secret
    with pytest.raises(SettingError):
        people.totp.confirm(1, first)
    people.totp.confirm(1, people.code())
    for again in (lambda: people.totp.begin(1, "Ada"), lambda: people.totp.confirm(1, people.code())):
        with pytest.raises(Conflict):
            again()


def test_codes_are_those_of_the_standard(people: People) -> None:
    """RFC 6238, appendix B: at 1111111109 seconds, of the secret 12345678901234567890."""
    people.clock.now = 1_111_111_109
    sealed = people.totp._seal.seal(b"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "totp 1")
    with people.store.transaction() as database:
        database.execute("INSERT INTO totp (user_id, secret, confirmed) VALUES (1, ?, 1)", (sealed,))
    assert people.totp.accepts(1, "081804")


@pytest.mark.parametrize(("steps", "right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_clocks_may_differ_by_one_step(people: People, steps: int, right: bool) -> None:
    people.turn_on()
    people.clock.now += 300
    assert people.totp.accepts(1, people.code(steps)) == right


def test_each_step_is_used_once_and_none_before_it(people: People) -> None:
    people.turn_on()
    people.clock.now += 300
    assert people.totp.accepts(1, people.code())
    assert not people.totp.accepts(1, people.code())
    assert not people.totp.accepts(1, people.code(-1))
    assert people.totp.accepts(1, people.code(1))
    people.clock.now += 30
    assert not people.totp.accepts(1, people.code())


def test_the_code_that_turned_it_on_signs_nobody_in(people: People) -> None:
    people.secret = people.totp.begin(1, "Ada").secret
    people.totp.confirm(1, people.code())
    assert not people.totp.accepts(1, people.code())


@pytest.mark.parametrize(
    "form", ["{}", " {} ", "{0[0]}{0[1]}{0[2]} {0[3]}{0[4]}{0[5]}", "{0[0]}-{0[1]}{0[2]}{0[3]}{0[4]}{0[5]}"]
)
def test_codes_are_read_as_people_type_them(people: People, form: str) -> None:
    people.turn_on()
    assert people.totp.accepts(1, form.format(people.code()))


@pytest.mark.parametrize(
    "code", ["", " ", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "\ud800", "🦊" * 6, "0" * 10_000, "'--"]
)
def test_what_is_no_code_is_none(people: People, code: str) -> None:
    people.totp.begin(1, "Ada")
    with pytest.raises(SettingError):
        people.totp.confirm(1, code)
    people.turn_on()
    assert not people.totp.accepts(1, code)


def test_recovery_codes_work_once_each(people: People) -> None:
    codes = people.turn_on()
    assert len(set(codes)) == 10
    for left, code in enumerate(reversed(codes)):
        typed = code.lower().replace("-", " ") if left % 2 else code
        assert people.totp.accepts(1, typed)
        assert not people.totp.accepts(1, typed)
    assert people.totp.state(1).recovery_codes_left == 0
    assert people.totp.accepts(1, people.code())


def test_a_new_set_ends_the_one_before(people: People) -> None:
    with pytest.raises(Conflict, match="is off"):
        people.totp.new_recovery_codes(1)
    before = people.turn_on()
    after = people.totp.new_recovery_codes(1)
    assert not any(people.totp.accepts(1, code) for code in before)
    assert people.totp.accepts(1, after[0])


def test_codes_are_the_users_own(people: People) -> None:
    other = people.users.add("Grace", "another door, a red one", "member", {}, None).id
    codes = people.turn_on()
    assert not people.totp.accepts(other, people.code())
    assert not people.totp.accepts(other, codes[0])
    assert people.totp.accepts(1, codes[0])


def test_nothing_of_it_stands_in_the_database(people: People) -> None:
    codes = people.turn_on()
    stored = b"".join(path.read_bytes() for path in people.store.folder.iterdir())
    assert pyotp.TOTP(people.secret).byte_secret() not in stored
    for secret in (people.secret, *codes, *(code.replace("-", "") for code in codes)):
        assert secret.encode() not in stored


def test_a_secret_moved_to_another_user_is_worth_nothing(people: People) -> None:
    other = people.users.add("Grace", "another door, a red one", "member", {}, None).id
    people.turn_on()
    with people.store.transaction() as database:
        database.execute("INSERT INTO totp SELECT ?, secret, 1, 0 FROM totp WHERE user_id = 1", (other,))
    with pytest.raises(StoreError):
        people.totp.accepts(other, people.code())


def test_with_another_key_it_is_said(people: People) -> None:
    people.turn_on()
    with pytest.raises(StoreError, match=r"secret\.key"):
        Totp(people.store, bytes(32), people.clock).accepts(1, people.code())


@pytest.mark.parametrize("now", [0.0, 31.0, 2_147_483_647.0, 2_147_483_648.0])
def test_a_clock_that_is_far_off_breaks_nothing(people: People, now: float) -> None:
    codes = people.turn_on()
    people.clock.now = now
    people.totp.accepts(1, people.code())
    assert people.totp.accepts(1, codes[0])


def test_the_good_copy_of_the_database_revives_no_used_code_and_forgets_no_factor(people: People) -> None:
    codes = people.turn_on()
    assert people.totp.accepts(1, codes[0])
    for path in people.store.folder.glob(f"{DATABASE}*"):
        if path.name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
            path.write_bytes(b"not a database" * 500)
    people.store.open()
    assert people.store.restored
    assert people.totp.state(1).on
    assert people.totp.state(1).recovery_codes_left == 9
    assert not people.totp.accepts(1, codes[0])
    assert people.totp.accepts(1, codes[1])
