"""The text of a hook with the guard in it, and without it again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.guard import hook_file

COMMAND = ("/opt/my agentd/python", "/opt/my agentd/guard.py", "pre-commit", "--policy", "guarded")
OTHER = ("/usr/bin/python3", "/elsewhere/guard.py", "pre-commit")
SCRIPTS = [
    b"#!/bin/sh\necho mine\n",
    b"#!/bin/sh\n",
    b"#!/usr/bin/env bash\nset -eu\necho mine",
    b"#! /usr/bin/env -S bash -e\n\n\n",
    b"#!/bin/bash -e\r\necho caf\xe9\n",
]


@pytest.mark.parametrize("hook", hook_file.HOOKS)
@pytest.mark.parametrize("script", SCRIPTS)
def test_what_was_there_comes_back_to_the_byte(hook: str, script: bytes) -> None:
    assert hook_file.is_shell(script)
    text = hook_file.guarded(script, hook, COMMAND)
    assert hook_file.is_guarded(text)
    assert text.startswith(script.partition(b"\n")[0])
    assert hook_file.unguarded(text) == script


@given(st.binary(max_size=80).map(lambda rest: b"#!/bin/sh\n" + rest))
def test_whatever_was_there(script: bytes) -> None:
    text = hook_file.guarded(script, "pre-commit", COMMAND)
    assert hook_file.unguarded(text) == script
    assert hook_file.guarded(text, "pre-commit", COMMAND) == text


@pytest.mark.parametrize("hook", hook_file.HOOKS)
def test_where_there_was_nothing_there_is_nothing_again(hook: str) -> None:
    text = hook_file.guarded(None, hook, COMMAND)
    assert hook_file.unguarded(text) is None
    # What somebody added to it stays.
    assert hook_file.unguarded(text + b"echo added\n") == b"#!/bin/sh\necho added\n"


@pytest.mark.parametrize("script", [None, SCRIPTS[0]])
def test_another_installation_takes_its_place(script: bytes | None) -> None:
    old = hook_file.guarded(script, "pre-commit", OTHER)
    new = hook_file.guarded(old, "pre-commit", COMMAND)
    assert not hook_file.has_block(old, "pre-commit", COMMAND)
    assert hook_file.has_block(new, "pre-commit", COMMAND)
    assert new == hook_file.guarded(script, "pre-commit", COMMAND)
    assert hook_file.unguarded(new) == script


@pytest.mark.parametrize(
    "text", [b"#!/usr/bin/env python3\n", b"#!/usr/bin/fish\n", b"\x7fELF\x02", b"echo hi\n", b""]
)
def test_what_is_no_shell_script(text: bytes) -> None:
    assert not hook_file.is_shell(text)
