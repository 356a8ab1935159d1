"""Heads in a git repository, pushed to a remote: one file a head, never changed, in a history that others copy."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from core.ledger import Head

GIT_SECONDS = 60.0
BRANCH = "main"
_QUIET = {"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes", "LC_ALL": "C"}


class GitRefused(Exception):
    """Git did not do it; the text says why, without the remote's address, which may hold a password."""


class RemoteKnowsMore(Exception):
    """The remote has heads that contradict this log: it was set back, or is another one."""


@dataclass(frozen=True)
class GitRemote:
    """A remote that gets every head; what it has is read first, so that any server process can go on from it."""

    folder: Path
    remote: str
    author: str
    name: str = "git"

    async def bring(self, heads: list[Head]) -> None:
        """Commit the heads that the remote has not, and push them; never by force."""
        if not (self.folder / ".git").exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            await self._git("init", "--quiet", f"--initial-branch={BRANCH}")
        if await self._git("ls-remote", "--heads", self.remote, BRANCH):
            await self._git("fetch", "--quiet", self.remote, BRANCH)
            await self._git("checkout", "--quiet", "--force", "-B", BRANCH, "FETCH_HEAD")
        await asyncio.to_thread(self._write, heads)
        await self._git("add", "--all", "heads")
        if await self._git("status", "--porcelain"):
            await self._git(
                "-c", "user.name=shanzhi", "-c", f"user.email={self.author}", "-c", "commit.gpgsign=false",
                "commit", "--quiet", "--message", f"Head of {heads[-1].size} leaves",
            )  # fmt: skip
        await self._git("push", "--quiet", self.remote, f"HEAD:refs/heads/{BRANCH}")

    def _write(self, heads: list[Head]) -> None:
        place = self.folder / "heads"
        place.mkdir(exist_ok=True)
        longest = max((int(path.name) for path in place.iterdir()), default=0)
        if longest > heads[-1].size:
            raise RemoteKnowsMore(
                f"the remote has a head of {longest} leaves, this log has {heads[-1].size}: set back?"
            )
        for head in heads:
            path = place / f"{head.size:012d}"
            if path.exists() and path.read_text("utf-8") != head.note:
                raise RemoteKnowsMore(f"the remote has another head of {head.size} leaves: a fork")
            path.write_text(head.note, "utf-8")

    async def _git(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            "git", *arguments, cwd=self.folder, env={**os.environ, **_QUIET}, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            told, complaint = await asyncio.wait_for(process.communicate(), GIT_SECONDS)
        except BaseException:
            if process.returncode is None:
                process.kill()
                await process.wait()
            raise
        if process.returncode:
            words = complaint.decode(errors="replace").strip().replace(self.remote, "the remote")
            raise GitRefused(f"git {next(a for a in arguments if not a.startswith('-'))}: {words[-200:]}")
        return told.decode(errors="replace").strip()
