"""Four eyes: somebody else's signature over a plan's digest, made and checked by OpenSSH as git does with commits.

The approver signs with a key of their own (``reassign approve PLAN.json --key FILE``); whoever applies knows only the
public halves, in a file of allowed signers (ssh-keygen(1)). What is signed is the digest, which covers every row and
every change, so the signature holds for exactly this plan.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from batch.adapters.credentials import VARIABLE
from batch.adapters.files import PRIVATE_FILE, replacing
from batch.errors import SafetyError, UsageError

NAMESPACE: Final = "reassign-plan"
"""Keeps a signature made for something else from counting here."""
SUFFIX: Final = ".sig"
SECONDS: Final = 30
READABLE: Final = 0o044
"""A signature is no secret: whoever may read the plan may read who approved it."""


def signature_of(plan: Path) -> Path:
    """Where the approval of a plan file stands: beside it."""
    return plan.with_name(plan.name + SUFFIX)


def sign(plan: Path, digest: str, key: Path) -> Path:
    """Approve the plan with this digest; gives the signature's file, which nobody else may write to.

    Raises :class:`UsageError`, and :class:`JournalError` when the disk does not take it.
    """
    with tempfile.TemporaryDirectory() as folder:
        message = Path(folder) / "digest"
        message.write_text(digest, "ascii")
        done = _ssh_keygen(["-Y", "sign", "-n", NAMESPACE, "-f", str(key), str(message)], "")
        if done.returncode:
            raise UsageError(f"the plan was not signed: {done.stderr.strip()}", hint="give your own private SSH key")
        signature = (Path(folder) / f"digest{SUFFIX}").read_bytes()
    with replacing(signature_of(plan)) as file:
        os.fchmod(file.fileno(), PRIVATE_FILE | plan.stat().st_mode & READABLE)
        file.write(signature)
    return signature_of(plan)


def check(plan: Path, digest: str, allowed: Path) -> str:
    """The name of whoever approved the plan with this digest; raises :class:`SafetyError` when nobody allowed did."""
    signature = signature_of(plan)
    if not _is_file(allowed):
        raise UsageError(f"there is no file of allowed signers {allowed}", hint="check --approve-by")
    if not _is_file(signature):
        raise SafetyError(
            f"the plan {plan.name} is not approved: there is no {signature.name}",
            hint=f"let an allowed signer look at it and run `reassign approve {plan.name} --key KEY`",
        )
    found = _ssh_keygen(["-Y", "find-principals", "-s", str(signature), "-f", str(allowed)], "")
    for signer in filter(None, found.stdout.split("\n")):
        who = ["-I", signer, "-n", NAMESPACE, "-s", str(signature), "-f", str(allowed)]
        if _ssh_keygen(["-Y", "verify", *who], digest).returncode == 0:
            return signer
    raise SafetyError(
        f"the approval {signature.name} is not good for this plan: it is of another plan, or of somebody not allowed",
        hint="let an allowed signer approve the plan as it is now",
    )


def _is_file(path: Path) -> bool:
    """Whether a file is there; a name that cannot be one, or a place that is closed to us, has none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _ssh_keygen(arguments: Sequence[str], text: str) -> subprocess.CompletedProcess[str]:
    """What it says, and what it ends with. It needs no token; and a name that it tells may hold any byte."""
    program = shutil.which("ssh-keygen")
    if program is None:
        raise UsageError("approvals need ssh-keygen, and there is none", hint="install the OpenSSH client")
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    try:
        return subprocess.run(  # noqa: S603 - a program found by name, arguments as a list, no shell
            [program, *arguments],
            input=text,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=environment,
            encoding=sys.getfilesystemencoding(),
            errors="surrogateescape",  # as arguments are encoded, so that a name can be given back as it was told
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"ssh-keygen could not be run: {error}", hint="check that it works by itself") from error
