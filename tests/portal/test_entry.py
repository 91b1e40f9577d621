"""Signing up, confirming, signing in and out."""

from __future__ import annotations

from tests.portal.post_office import PostOffice
from tests.portal.visitor import PASSWORD, Visitor

ZOE = "zoe@example.org"


def test_from_nothing_to_being_signed_in(visitor: Visitor, office: PostOffice) -> None:
    assert visitor.get("/").headers["Location"] == "/signin"
    shown = visitor.sign_up(ZOE)
    assert "Look into your mail" in shown.text
    assert [letter["Subject"] for letter in office.to(ZOE)] == ["Confirm your address"]
    assert visitor.get("/signin").status_code == 200
    assert visitor.sign_in(ZOE).headers["Location"] == "/confirm"
    assert visitor.confirm(ZOE).headers["Location"] == "/account"
    visitor.post("/signout", page="/signup" if not visitor.is_in() else "/account")
    assert not visitor.is_in()
    assert visitor.sign_in(ZOE, PASSWORD + "x").status_code == 401
    assert visitor.sign_in(ZOE).headers["Location"] == "/account"
