"""Four eyes: somebody else's signature over a plan's digest, made and checked by OpenSSH as git does with commits.

The approver signs with a key of their own (``reassign approve PLAN.json --key FILE``); whoever applies knows only the
public halves, in a file of allowed signers (ssh-keygen(1)). What is signed is the digest, which covers every row and
every change, so the signature holds for exactly this plan.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from batch.errors import SafetyError, UsageError

NAMESPACE: Final = "reassign-plan"
"""Keeps a signature made for something else from counting here."""
SUFFIX: Final = ".sig"
SECONDS: Final = 30


def signature_of(plan: Path) -> Path:
    """Where the approval of a plan file stands: beside it."""
    return plan.with_name(plan.name + SUFFIX)


def sign(plan: Path, digest: str, key: Path) -> Path:
    """Approve the plan with this digest; gives the signature's file. Raises :class:`UsageError`."""
    with tempfile.TemporaryDirectory() as folder:
        message = Path(folder) / "digest"
        message.write_text(digest, "ascii")
        done = _ssh_keygen(["-Y", "sign", "-n", NAMESPACE, "-f", str(key), str(message)], "")
        if done.returncode:
            raise UsageError(f"the plan was not signed: {done.stderr.strip()}", hint="give your own private SSH key")
        signature_of(plan).write_bytes((Path(folder) / f"digest{SUFFIX}").read_bytes())
    return signature_of(plan)


def check(plan: Path, digest: str, allowed: Path) -> str:
    """The name of whoever approved the plan with this digest; raises :class:`SafetyError` when nobody allowed did."""
    signature = signature_of(plan)
    if not allowed.is_file():
        raise UsageError(f"there is no file of allowed signers {allowed}", hint="check --approve-by")
    if not signature.is_file():
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


def _ssh_keygen(arguments: Sequence[str], text: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise UsageError("approvals need ssh-keygen, and there is none", hint="install the OpenSSH client")
    try:
        return subprocess.run(  # noqa: S603 - a program found by name, arguments as a list, no shell
            [program, *arguments], input=text, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"ssh-keygen could not be run: {error}", hint="check that it works by itself") from error
