"""Reads a registry file: one mailbox, YAML, no secret."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import yaml

from mailcrm.adapters.registry_entry import mailbox_from_entry
from mailcrm.errors import SettingsError
from mailcrm.records import Mailbox, TlsPolicy

__all__ = ["read_mailbox_file"]

MAX_FILE_BYTES = 64 * 1024
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


class _RefusedError(yaml.MarkedYAMLError):
    """Ours: the problem's text holds nothing of the file but a key."""


class _Loader(yaml.SafeLoader):
    """YAML without aliases and repeated keys; dates stay text."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_mark()
            raise _RefusedError(None, None, "aliases (*name) are refused", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key, _value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is None or name in seen or key.tag == "tag:yaml.org,2002:merge":
                problem = "a key is there twice, merged (<<) or no plain word"
                raise _RefusedError(None, None, problem, key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if not tag.endswith(":timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_mailbox_file(path: Path) -> Mailbox:
    """Read and check a registry file.

    A relative `tls.ca_file` is taken from the file's own folder.

    Raises:
        SettingsError: missing, unreadable, too large, not UTF-8, no YAML, or wrong entries; one
            line that names the file and the fields, without repeating their values.
    """
    entry = _load(_read_text(path), path.name)
    mailbox = mailbox_from_entry(entry, path.name)
    ca_file = mailbox.tls.ca_file
    if ca_file is None or Path(ca_file).is_absolute():
        return mailbox
    policy = TlsPolicy(str((path.parent / ca_file).absolute()), mailbox.tls.pin_sha256)
    return dataclasses.replace(mailbox, tls=policy)


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise SettingsError(where=str(path), problem="no such file") from None
    except IsADirectoryError:
        raise SettingsError(where=str(path), problem="is a folder, not a file") from None
    except (OSError, ValueError) as error:
        problem = f"cannot be read: {getattr(error, 'strerror', None) or 'no such path'}"
        raise SettingsError(where=str(path), problem=problem) from None
    if len(raw) > MAX_FILE_BYTES:
        raise SettingsError(where=str(path), problem=f"is larger than {MAX_FILE_BYTES // 1024} kB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SettingsError(where=f"{path}: line {line}", problem="is not UTF-8") from None


def _load(text: str, source: str) -> object:
    try:
        entry: object = yaml.load(text, Loader=_Loader)  # noqa: S506 a SafeLoader
    except yaml.MarkedYAMLError as error:
        raise SettingsError(where=_where(source, error), problem=_explain(error)) from None
    except yaml.YAMLError:
        raise SettingsError(where=source, problem="holds characters that YAML forbids") from None
    except RecursionError:
        raise SettingsError(where=source, problem="is nested too deeply") from None
    except ValueError:
        raise SettingsError(where=source, problem="holds a number that cannot be read") from None
    if entry is None:
        raise SettingsError(where=source, problem="is empty")
    return entry


def _where(source: str, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return source if mark is None else f"{source}: line {mark.line + 1}"


def _explain(error: yaml.MarkedYAMLError) -> str:
    # The library's text may quote the file, where somebody may have put a secret.
    problem = _QUOTED.sub("…", error.problem or "")
    if "escape character" in problem:
        return 'is no valid YAML: in double quotes write a backslash twice, as in "\\\\Sent"'
    if isinstance(error, _RefusedError):
        return problem
    return f"is no valid YAML ({problem}); check indentation and quotes"
