"""Mail: one connection is opened before anything is changed, and used when the answer has left.

Before: so that a mail server that is gone is said at once, whoever was written to, and nothing is half done. After: so that
nobody can tell by the time of an answer whether a mail went out, that is, whether somebody has an account.
"""

from __future__ import annotations

import contextlib
import logging
import smtplib
import ssl
import sys
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from functools import cached_property
from typing import Protocol

from flask import Flask, Response, after_this_request, g

from web.portal.errors import MailRefused, MailUnavailable
from web.portal.settings import LOOPBACK, MailServer

TIMEOUT_SECONDS = 10.0
OPEN = "open_mail_lines"
MAIL_GONE = "No mail can be sent at the moment. Nothing was changed; please try again in some minutes."

log = logging.getLogger(__name__)


class Line(Protocol):
    """A way to hand in mail, open for a moment."""

    def send(self, message: EmailMessage) -> None:
        """Hands it in. Raises `MailRefused` when that will never be possible, else `MailUnavailable`."""

    def close(self) -> None:
        """Ends it; a second time, too."""


class Post(Protocol):
    """Where mail goes."""

    def open(self) -> Line:
        """Raises `MailUnavailable`."""


class Smtp:
    """A mail server. With a password, or to another machine, only encrypted (STARTTLS or `smtps`)."""

    def __init__(self, server: MailServer) -> None:
        self._server = server

    def open(self) -> Line:
        """Connects and signs in."""
        try:
            return _SmtpLine(self._connected())
        except (OSError, smtplib.SMTPException) as error:  # ssl.SSLError is an OSError
            log.error("the mail server %s does not take mail: %s", self._server.host, _without_texts(error))
            raise MailUnavailable(MAIL_GONE) from error

    def _connected(self) -> smtplib.SMTP:
        server, client = self._server, self._connect()
        try:
            if not server.encrypted:
                client.ehlo()
                if server.host not in LOOPBACK or client.has_extn("starttls"):
                    client.starttls(context=self._authorities)
            if server.user is not None:
                client.login(server.user, server.password or "")
        except BaseException:
            client.close()
            raise
        return client

    def _connect(self) -> smtplib.SMTP:
        host, port = self._server.host, self._server.port
        if self._server.encrypted:
            return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=self._authorities)
        return smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)

    @cached_property
    def _authorities(self) -> ssl.SSLContext:
        """Those that this machine trusts: reading them takes as long as a mail."""
        return ssl.create_default_context()


class _SmtpLine:
    def __init__(self, client: smtplib.SMTP) -> None:
        self._client = client

    def send(self, message: EmailMessage) -> None:
        try:
            self._client.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            log.error("a mail was not taken: %s", _without_texts(error))
            raise (MailRefused if _is_for_good(error) else MailUnavailable)(MAIL_GONE) from error

    def close(self) -> None:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            self._client.quit()
        self._client.close()


class Terminal:
    """For work on the portal: mails are written to standard output."""

    def open(self) -> Line:
        """Always there."""
        return self

    def send(self, message: EmailMessage) -> None:
        """Plain text, as it would be read."""
        sys.stdout.write(f"\n--- mail to {message['To']}: {message['Subject']}\n{message.get_content()}---\n")
        sys.stdout.flush()

    def close(self) -> None:
        """Nothing to end."""


def install(app: Flask) -> None:
    """Closes what a view opened and did not use, because something went wrong in between."""

    @app.teardown_request
    def close_unused(_error: BaseException | None) -> None:
        for line in g.pop(OPEN, []):
            line.close()


def open_line(post: Post) -> Line:
    """For the present request. Raises `MailUnavailable`."""
    line = post.open()
    g.setdefault(OPEN, []).append(line)
    return line


def letter(sender: str, recipient: str, subject: str, text: str) -> EmailMessage:
    """A plain mail."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].strip("> ") or None)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def send_after_answer(line: Line, messages: list[EmailMessage]) -> None:
    """Sends them over this line, and closes it, when the answer to the present request has left."""

    g.get(OPEN, []).remove(line)

    def send() -> None:
        try:
            for message in messages:
                line.send(message)
        except MailUnavailable:
            pass  # is in the log; whoever waits for the mail asks for another
        finally:
            line.close()

    @after_this_request
    def arrange(response: Response) -> Response:
        response.call_on_close(send)
        return response


def _is_for_good(error: Exception) -> bool:
    """RFC 5321, section 4.2.1: 5yz, and nobody need try again."""
    codes = [code for code, _ in error.recipients.values()] if isinstance(error, smtplib.SMTPRecipientsRefused) else []
    return bool(codes) and min(codes) >= 500


def _without_texts(error: Exception) -> str:
    """What a server answers may name people: its number is enough."""
    code = getattr(error, "smtp_code", None)
    kind = type(error).__name__
    return f"{kind} {code}" if code else f"{kind}: {error.strerror or error}" if isinstance(error, OSError) else kind
