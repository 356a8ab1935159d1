"""What this server sends out by itself: letters over SMTP, requests over HTTP. Both block: call them on a thread."""

from __future__ import annotations

import smtplib
import ssl
import urllib.request
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

SMTP_SECONDS = 20.0
_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}


def send_letter(server: str, letter: EmailMessage) -> None:
    """Send a letter by a mail server (``SHANZHI_SMTP_URL``); raises OSError or SMTPException when it is not taken."""
    parts = urlsplit(server)
    host, port = parts.hostname or "localhost", parts.port or _PORTS[parts.scheme]
    trusted = ssl.create_default_context()
    if parts.scheme == "smtps":
        link: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=SMTP_SECONDS, context=trusted)
    else:
        link = smtplib.SMTP(host, port, timeout=SMTP_SECONDS)
    with link:
        if parts.scheme == "smtp+starttls":
            link.starttls(context=trusted)
        if parts.username:
            link.login(unquote(parts.username), unquote(parts.password or ""))
        link.send_message(letter)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirects: they could lead from https to anywhere."""

    def redirect_request(self, *_: Any) -> None:
        """Refuse."""


_OPENER = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler())


def call(
    address: str, *, seconds: float, most_bytes: int, headers: Mapping[str, str], body: bytes | None = None
) -> bytes:
    """Send a GET, or a POST with a body, to an address that was found safe; returns what is answered with a 2xx.

    Raises OSError or HTTPException when there is no such answer, ValueError when it is longer than ``most_bytes``.
    """
    request = urllib.request.Request(address, data=body, headers=dict(headers))  # noqa: S310 - found safe by the caller
    with _OPENER.open(request, timeout=seconds) as answer:
        found: bytes = answer.read(most_bytes + 1)
    if len(found) > most_bytes:
        raise ValueError(f"{address} answers with more than {most_bytes} bytes")
    return found
