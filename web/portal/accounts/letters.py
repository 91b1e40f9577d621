"""What is written to people, and how often."""

from __future__ import annotations

from datetime import timedelta
from email.message import EmailMessage

from web.portal import mail, throttle
from web.portal.errors import MailUnavailable, TooManyTries
from web.portal.rendering import render_mail
from web.portal.services import services

FREE_PER_HOUR = 4
PAUSE = timedelta(minutes=15)


def compose(template: str, spoken: str, recipient: str, **values: object) -> EmailMessage:
    """A mail in the language of whoever gets it."""
    settings = services().settings
    subject, text = render_mail(template, spoken, url=settings.url, email=recipient, **values)
    return mail.letter(settings.mail_from, recipient, subject, text)


def send(line: mail.Line, message: EmailMessage, *, meant: bool = True) -> None:
    """After the answer; one that is not `meant` is not sent, in the same time. Nobody is written to without end because a
    stranger typed their address: what is too much is left out unseen."""
    try:
        throttle.attempt("mail", message["To"], free=FREE_PER_HOUR, longest=PAUSE)
    except TooManyTries:
        meant = False
    mail.send_after_answer(line, [message] if meant else [])


def notify(message: EmailMessage) -> None:
    """Tells a person what was done to their account, after the answer. It is done, whether or not mail can be sent."""
    try:
        line = mail.open_line(services().post)
    except MailUnavailable:
        return
    mail.send_after_answer(line, [message])
