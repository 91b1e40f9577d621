"""What a password and an address must be."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.portal.post_office import PostOffice
from tests.portal.visitor import PASSWORD, Visitor

ZOE = "zoe@example.org"
OTHER = "seven tall trees in the rain"


@pytest.mark.parametrize(
    ("password", "good"),
    [
        ("fourteen chars", False),
        ("password1234567", False),
        ("zoe@example.org", False),
        ("zoe example org 1", False),
        ("azertyuiopqsdfg", False),
        ("aaaaaaaaaaaaaaaa", False),
        (PASSWORD, True),
        ("une porte verte derrière", True),
        ("🦊" * 5 + "забор и старый дом", True),
        ("long " + "and winding road " * 20, True),
        ("x" * 1025, False),
    ],
)
def test_what_a_password_must_be(visitor: Visitor, password: str, good: bool) -> None:
    assert visitor.sign_up(ZOE, password).status_code == (200 if good else 422)


@pytest.mark.parametrize("length", [72, 120, 400])
def test_every_letter_of_a_long_password_counts(visitor: Visitor, length: int) -> None:
    password = ("é green door, a blue one & " * 20)[:length]
    visitor.join(ZOE, password)
    visitor.post("/signout", page="/account")
    assert visitor.sign_in(ZOE, password[:-1] + "%").status_code == 401
    assert visitor.sign_in(ZOE, password[:-1]).status_code == 401
    assert visitor.sign_in(ZOE, password).status_code == 303


def test_the_same_letters_written_otherwise(visitor: Visitor) -> None:
    visitor.join(ZOE, "une porte de\u0301truite par le vent")
    visitor.post("/signout", page="/account")
    assert visitor.sign_in(ZOE, "une porte d\u00e9truite par le vent").status_code == 303


@pytest.mark.parametrize(
    "email", ["", "zoe", "zoe@", "@example.org", "a b@example.org", "a@b\n@example.org", "x" * 300]
)
def test_what_is_no_address(visitor: Visitor, email: str) -> None:
    for path in ("/signup", "/forgot", "/confirm"):
        assert visitor.post(path, email=email, password=PASSWORD).status_code == 422
    assert visitor.sign_in(email).status_code == 401


def test_addresses_are_compared_as_mail_does(visitor: Visitor, app: Flask, office: PostOffice) -> None:
    visitor.sign_up("Zoe@Example.org")
    visitor.confirm(ZOE)
    assert Visitor(app, office).sign_in("zoe@example.ORG ").status_code == 303
    # and no further: ä is not a
    other = Visitor(app, office)
    assert other.sign_up("zoe@exämple.org", OTHER).status_code == 200
    assert other.post(office.link("zoe@xn--exmple-cua.org"), password=OTHER).status_code == 303
    assert Visitor(app, office).sign_in("zoe@exämple.org", OTHER).status_code == 303
    assert Visitor(app, office).sign_in("zoe@exämple.org").status_code == 401
    assert Visitor(app, office).sign_up("zoé@example.org").status_code == 422
