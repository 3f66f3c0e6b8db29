"""Fixtures of the fault tests: the engine beside a server that lies."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from fakes.mail_reader import FakeMailbox
from faults.engine import Product, make_template, open_product
from servers.honest_imap import Quirk

RecordProperty = Callable[[str, object], None]
OpenProduct = Callable[..., AbstractContextManager[Product]]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared SQLite file, to be copied."""
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    """Where a database of its own may be made."""
    return tmp_path / "mailcrm.db"


@pytest.fixture
def beside(tmp_path: Path, template: Path) -> Iterator[OpenProduct]:
    """Opens the engine beside an honest server of a mailbox, bent by quirks.

    At the end every connection must have been closed, whatever happened on it, and quirks must
    have changed at least one answer.
    """
    numbers = iter(range(1000))
    opened: list[Product] = []

    @contextlib.contextmanager
    def open_beside(mailbox: FakeMailbox, *quirks: Quirk, **options: Any) -> Iterator[Product]:
        path = tmp_path / f"{next(numbers)}.db"
        with open_product(path, template, mailbox, *quirks, **options) as product:
            opened.append(product)
            yield product

    yield open_beside
    for product in opened:
        assert product.honest.wait_until_closed()
        is_idle = product.honest.is_bent and not product.honest.bent and not product.acts_aside
        assert not is_idle, "the quirks changed no answer"
