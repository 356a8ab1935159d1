"""Passwords: their hashing by argon2id on threads of their own, and what they must be made of."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core.errors import Invalid, Problem

T = TypeVar("T")

PASSWORD_LEAST, PASSWORD_MOST = 10, 128

WEAK_PASSWORD = Problem(
    Invalid, "core.weak_password",
    "密码须为 {least} 至 {most} 个字符，不含用户名，并含大写、小写、数字、其他字符中的三类；16 个字符以上不限类别。",
    "A password has {least} to {most} characters without the username, and three of: capitals, small letters, digits, "
    "others; from 16 characters on any will do.",
)  # fmt: skip
BAD_USERNAME = Problem(
    Invalid, "core.bad_username", "用户名须为 3 至 64 个小写字母、数字或 . _ @ + -，以字母或数字开头。",
    "A username has 3 to 64 small letters, digits or . _ @ + - and begins with a letter or digit.",
)  # fmt: skip

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # OWASP's first choice for argon2id
# What passwords for unknown names are compared with, so that these take as long: made with HASHER of a forgotten text.
UNKNOWN_HASH = "$argon2id$v=19$m=19456,t=2,p=1$/uoeCTU5ZAJhNbndnVfLlw$PZEk3iOqBq8e0x7EDQfum9mu1o2bsfhDy1gBxWLwJfs"
# Hashing takes 19 MiB and a core: bounded, a flood of logins cannot take the memory and the processors of the rest.
_POOL = ThreadPoolExecutor(max_workers=2, thread_name_prefix="shanzhi-password")
_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{2,63}", re.ASCII)


async def hash_password(password: str) -> str:
    """Hash a password on a thread of its own."""
    return await _on_thread(lambda: HASHER.hash(normalise_password(password)))


async def verify(stored: str, password: str) -> bool:
    """Say whether a password is the one that was hashed; takes as long for wrong ones, and for absurdly long ones."""
    given = normalise_password(password[: 4 * PASSWORD_MOST])
    return await _on_thread(lambda: _verify(stored, given if len(given) <= PASSWORD_MOST else ""))


def _verify(stored: str, password: str) -> bool:
    try:
        return HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


async def _on_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_POOL, work)


def check_password(password: str, username: str) -> None:
    """Raise WEAK_PASSWORD unless a password is long and mixed, or very long, and does not contain the username."""
    text = normalise_password(password)
    kinds = sum(any(test(c) for c in text) for test in (str.isupper, str.islower, str.isdigit, _is_other))
    long_enough = PASSWORD_LEAST <= len(text) <= PASSWORD_MOST and len(set(text)) >= 5
    about_the_name = bool(username) and username in text.lower()
    if not long_enough or about_the_name or (kinds < 3 and len(text) < 16):
        raise WEAK_PASSWORD(path=("input", "password"), least=PASSWORD_LEAST, most=PASSWORD_MOST)


def _is_other(character: str) -> bool:
    return not character.isupper() and not character.islower() and not character.isdigit()


def normalise_password(password: str) -> str:
    """Return the form that is hashed: the same password from any keyboard (NIST SP 800-63B 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password.encode(errors="replace").decode())


def check_username(username: str) -> str:
    """Return the form of a new username that is stored; raises BAD_USERNAME."""
    name = normalise_username(username)
    if _USERNAME.fullmatch(name) is None:
        raise BAD_USERNAME(path=("input", "username"))
    return name


def normalise_username(username: str) -> str:
    """Return the form under which a username is stored and looked up."""
    text = unicodedata.normalize("NFKC", username).strip().lower()
    return "".join(character for character in text if character.isprintable())
