"""The folder of the worked example, for tests of plugins."""

import sys

import pytest

from psst_core import plugins
from support.plugins import FILES, forget, write


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The worked example's folder, as the place where one starts."""
    write(tmp_path, FILES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(plugins, "__path__", list(plugins.__path__))
    forget()
    yield tmp_path
    forget()
