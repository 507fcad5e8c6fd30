"""Approvals as files and processes; whether a signature counts is OpenSSH's word, and tested with it in test_brakes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.adapters import approval
from batch.errors import JournalError, SafetyError, UsageError

DIGEST = "ab" * 32

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="there is no ssh-keygen")


@pytest.fixture(autouse=True)
def careless_umask() -> Iterator[None]:
    """As a service manager may leave it: everything for everybody."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A plan that its group may read, with a key and the name that goes with it."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    allow(tmp_path, b"ada@example.com")
    plan = tmp_path / "plan.json"
    plan.touch(0o640)
    return plan


def allow(folder: Path, name: bytes) -> None:
    (folder / "allowed").write_bytes(name + b" " + (folder / "key.pub").read_bytes())


def sign(plan: Path) -> Path:
    return approval.sign(plan, DIGEST, plan.with_name("key"))


def check(plan: Path) -> str:
    return approval.check(plan, DIGEST, plan.with_name("allowed"))


def test_a_signature_is_as_readable_as_its_plan_and_nobody_elses_to_write(plan: Path) -> None:
    """Whatever the umask is; whoever applies may be another user than whoever approved."""
    assert sign(plan).stat().st_mode & 0o777 == 0o640
    plan.chmod(0o666)
    assert sign(plan).stat().st_mode & 0o777 == 0o644
    assert check(plan) == "ada@example.com"


def test_a_link_planted_as_the_signature_is_replaced_not_followed(plan: Path) -> None:
    """What it points to stays as it is, and nothing but the signature is left behind."""
    victim = plan.with_name("victim")
    victim.write_text("mine")
    approval.signature_of(plan).symlink_to(victim)
    before = set(plan.parent.iterdir())
    assert (sign(plan).is_symlink(), victim.read_text(), set(plan.parent.iterdir())) == (False, "mine", before)


def test_a_folder_in_the_place_of_the_signature_is_told(plan: Path) -> None:
    """The command line asks before; whoever calls this gets an error of the disk."""
    approval.signature_of(plan).mkdir()
    with pytest.raises(JournalError, match=r"cannot write .*plan\.json\.sig"):
        sign(plan)
    with pytest.raises(SafetyError, match="is not approved"):
        check(plan)


def test_a_signer_whose_name_is_no_text_can_approve(plan: Path) -> None:
    """A stray byte in the file of allowed signers, which ssh-keygen tells as it is."""
    allow(plan.parent, b"ad\xff@example.com")
    sign(plan)
    assert check(plan) == "ad\udcff@example.com"


def test_the_token_is_not_handed_to_another_program(plan: Path, tmp_path: Path, monkeypatch) -> None:
    """It has no use for it, and its environment can be read."""
    stub = tmp_path / "bin" / "ssh-keygen"
    stub.parent.mkdir()
    stub.write_text(f"#!/bin/sh\nenv >{tmp_path}/env\nexit 1\n")
    stub.chmod(0o700)
    monkeypatch.setenv("PATH", f"{stub.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("MIHU_API_TOKEN", "canary-token")
    with pytest.raises(UsageError, match="was not signed"):
        sign(plan)
    seen = (tmp_path / "env").read_text()
    assert ("canary-token" in seen, "PATH=" in seen) == (False, True)


@pytest.mark.parametrize("name", ["absent", "n" * 300, "plan.json/allowed", "."])
def test_allowed_signers_that_are_no_file_are_a_usage_error(plan: Path, name: str) -> None:
    """A name that cannot be one among them."""
    with pytest.raises(UsageError, match="there is no file of allowed signers"):
        approval.check(plan, DIGEST, plan.with_name("key").parent / name)
