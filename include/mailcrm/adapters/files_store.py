"""Whole small files by name, below one URL: a folder, or an object store by fsspec.

fsspec and its stores are imported only where the URL is not a folder's.
"""

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mailcrm.errors import SettingsError
from mailcrm.records.text import escape_text

__all__ = ["FileStore", "FolderStore", "ObjectStore", "open_file_store"]

WHERE = "MAILCRM_FILES_URL"
# A report is not worth minutes of a task: botocore alone would wait five of them for a silent host.
PATIENCE: Mapping[str, Mapping[str, Any]] = {
    "s3": {
        "config_kwargs": {"connect_timeout": 5, "read_timeout": 20, "retries": {"max_attempts": 1}}
    }
}


class FolderStore:
    """Files of one folder on a local disk."""

    def __init__(self, folder: Path) -> None:
        """The folder is made when the first file is written."""
        self._folder = folder

    def locate(self, name: str) -> str:
        """Where the file lies, for people: an absolute path."""
        return str((self._folder / name).absolute())

    def write(self, name: str, content: bytes) -> str:
        """Replace one file, whole or not at all; where it lies.

        Raises:
            SettingsError: the folder cannot be written.
        """
        path = self._folder / name
        waiting = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                waiting.write_bytes(content)
                waiting.replace(path)
            finally:
                with contextlib.suppress(OSError):
                    waiting.unlink(missing_ok=True)
        except OSError as error:
            raise _failed(str(path.parent), error.strerror or type(error).__name__) from None
        return self.locate(name)

    def read(self, name: str) -> bytes | None:
        """One file's content; None where there is none.

        Raises:
            SettingsError: it is there and cannot be read.
        """
        try:
            return (self._folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _failed(str(self._folder), error.strerror or type(error).__name__) from None

    def list_names(self, folder: str) -> Sequence[str]:
        """Names of the files directly in a folder, below the URL, in order; drafts left out."""
        place = self._folder / folder
        try:
            found = [path.name for path in place.iterdir() if path.is_file()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [f"{folder}/{name}" for name in sorted(found) if not name.startswith(".")]

    def delete(self, name: str) -> None:
        """Remove one file; one that is gone is no error."""
        with contextlib.suppress(OSError):
            (self._folder / name).unlink(missing_ok=True)


class ObjectStore:
    """Files below a URL that fsspec understands; credentials come from the store's own settings.

    An object is written by one PUT: readers see the old or the new one, never half of it.
    """

    def __init__(self, url: str) -> None:
        """Open nothing yet.

        Raises:
            SettingsError: the URL is of no kind that is installed here.
        """
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        try:
            options = PATIENCE.get(url.partition("://")[0], {})
            self._system, self._root = url_to_fs(url, **options)
        except Exception as error:  # each kind of store has errors of its own
            raise _failed(WHERE, _explain(error)) from None

    def locate(self, name: str) -> str:
        """Where the file lies, for people: a URL without credentials."""
        return str(self._system.unstrip_protocol(self._path(name)))

    def write(self, name: str, content: bytes) -> str:
        """Replace one file, whole or not at all; where it lies.

        Raises:
            SettingsError: the store refused or is away.
        """
        self._call("pipe_file", self._path(name), content)
        return self.locate(name)

    def read(self, name: str) -> bytes | None:
        """One file's content; None where there is none.

        Raises:
            SettingsError: the store refused or is away.
        """
        try:
            return bytes(self._system.cat_file(self._path(name)))
        except FileNotFoundError:
            return None
        except Exception as error:  # each kind of store has errors of its own
            raise _failed(WHERE, _explain(error)) from None

    def list_names(self, folder: str) -> Sequence[str]:
        """Names of the files directly in a folder, below the URL, in order.

        Raises:
            SettingsError: the store refused or is away.
        """
        try:
            # Other machines write there, too: what a listing said before is not to be believed.
            self._system.invalidate_cache()
            found = self._system.ls(self._path(folder), detail=True)
        except FileNotFoundError:
            return []
        except Exception as error:  # each kind of store has errors of its own
            raise _failed(WHERE, _explain(error)) from None
        names = [str(row["name"]).rpartition("/")[2] for row in found if row["type"] == "file"]
        return [f"{folder}/{name}" for name in sorted(names) if name]

    def delete(self, name: str) -> None:
        """Remove one file; one that is gone is no error."""
        with contextlib.suppress(SettingsError):
            self._call("rm_file", self._path(name))

    def _call(self, method: str, *arguments: Any) -> None:
        try:
            getattr(self._system, method)(*arguments)
        except Exception as error:  # each kind of store has errors of its own
            raise _failed(WHERE, _explain(error)) from None

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"


FileStore = FolderStore | ObjectStore


def open_file_store(url: str | None, home: Path) -> FileStore:
    """The store that MAILCRM_FILES_URL names; None is the folder MAILCRM_HOME.

    Raises:
        SettingsError: the URL is of no kind that is installed here.
    """
    if url is None:
        return FolderStore(home)
    if "://" not in url:
        return FolderStore(Path(url))
    if url.startswith("file://"):
        return FolderStore(Path(url.removeprefix("file://")))
    return ObjectStore(url)


def _failed(where: str, detail: str) -> SettingsError:
    return SettingsError(where=where, problem=f"cannot write or read there: {detail}")


def _explain(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return escape_text(f"{type(error).__name__}: {text}")
