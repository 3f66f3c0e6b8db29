"""What machines share as files: the same on a folder, in memory, and on an S3 server."""

import dataclasses
import datetime as dt
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integration.test_run_report import PAGE
from mailcrm.adapters.files import LocalFiles
from mailcrm.adapters.files_store import FileStore, open_file_store
from mailcrm.errors import SettingsError
from mailcrm.settings import load_settings
from servers.ports import free_port
from servers.s3 import SECRET_KEY, S3Server, run_s3

Opener = Callable[[], FileStore]


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    with run_s3() as server:
        yield server


@pytest.fixture(params=["folder", "memory", "s3"])
def url(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str | None:
    """Where files go; each test has a place of its own."""
    if request.param == "folder":
        return None
    if request.param == "memory":
        return f"memory://{uuid.uuid4().hex}"
    server: S3Server = request.getfixturevalue("s3")
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return f"{server.make_bucket(f'bucket-{uuid.uuid4().hex[:12]}')}/mail crm"


@pytest.fixture
def open_store(url: str | None, tmp_path: Path) -> Opener:
    """Opens the same place again and again."""
    return lambda: open_file_store(url, tmp_path)


def test_store_what_was_written_is_read_by_whoever_opens_it(open_store: Opener) -> None:
    place = open_store().write("reports/sales/one.html", b"first")
    open_store().write("reports/sales/one.html", b"second \xff")
    assert open_store().read("reports/sales/one.html") == b"second \xff"
    assert place.endswith("/reports/sales/one.html")
    assert open_store().read("reports/sales/two.html") is None


def test_store_lists_files_of_one_folder_in_order_and_forgets_deleted_ones(
    open_store: Opener,
) -> None:
    store = open_store()
    assert store.list_names("reports/sales") == []
    for name in ("b", "a", "c"):
        store.write(f"reports/sales/{name}", b"")
    store.write("reports/sales/deeper/d", b"")
    store.write("reports/billing/e", b"")
    store.delete("reports/sales/b")
    store.delete("reports/sales/b")
    assert open_store().list_names("reports/sales") == ["reports/sales/a", "reports/sales/c"]


def test_reports_latest_of_all_machines_are_kept(
    url: str | None, open_store: Opener, tmp_path: Path
) -> None:
    for number in range(4):
        machine = LocalFiles(tmp_path if url is None else tmp_path / f"machine{number % 2}", url)
        started = PAGE.started_at + dt.timedelta(hours=number)
        html, markdown = machine.write_run_page(
            dataclasses.replace(PAGE, started_at=started), None, 2
        )
    names = open_store().list_names("reports/sales")
    assert len(names) == 4
    assert html.endswith(names[2])
    assert markdown.endswith(names[3])
    assert (open_store().read(names[2]) or b"").startswith(b"<!doctype html>")


def test_store_bucket_that_is_missing_is_one_line_without_secrets(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    store = open_file_store("s3://nobody-made-this/reports", tmp_path)
    with pytest.raises(SettingsError, match="MAILCRM_FILES_URL") as caught:
        store.write("one", b"x")
    assert "\n" not in str(caught.value)
    assert SECRET_KEY not in str(caught.value)


@pytest.mark.parametrize("url", ["nosuchstore://place", "s3://name:word-of-secrecy@bucket/x"])
def test_settings_url_that_cannot_be_used_is_named_without_its_secret(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILCRM_FILES_URL", url)
    with pytest.raises(SettingsError, match="MAILCRM_FILES_URL") as caught:
        open_file_store(load_settings().files_url, tmp_path)
    assert "word-of-secrecy" not in str(caught.value)


def test_imports_a_folder_needs_no_store_library(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from mailcrm.services.wiring import open_services;"
        "from mailcrm.adapters.files_store import open_file_store;"
        "open_file_store(None, Path('.')).write('a', b'');"
        "sys.exit(bool({'fsspec', 's3fs', 'botocore', 'upath'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=dict(os.environ))
    assert done.returncode == 0


def test_store_that_is_away_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in S3Server(free_port(), tmp_path).environment().items():
        monkeypatch.setenv(name, value)
    store = open_file_store("s3://away/reports", tmp_path)
    with pytest.raises(SettingsError, match="MAILCRM_FILES_URL: cannot write") as caught:
        store.write("one", b"x")
    assert "\n" not in str(caught.value)
