"""What tests of the whole pipeline share: the lexicon and the rules are read once, and places to work in."""

import functools
import importlib
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from jobs import POLICE, REGISTER, SAMPLES, SHOP, Place, Ran, command, write_register

from analyzer.lexicon import load_lexicon
from analyzer.rules import load_rules
from analyzer.shipped import folder

settings.register_profile("untimed", deadline=None)  # how long an example takes says more of the machine
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def read_once() -> Iterator[None]:
    """Lexicon and rules are files that no test of the pipeline changes; reading them takes seconds."""
    job = importlib.import_module("analyzer.job")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("load_lexicon", "load_rules"):
            patch.setattr(job, name, functools.cache(getattr(job, name)))
        yield


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lexicon and rules for ``jobs.start``."""
    path = tmp_path_factory.mktemp("inputs") / "inputs.pickle"
    queries = folder("queries")
    path.write_bytes(pickle.dumps((load_lexicon(queries / "lexicon", prove=False), load_rules(queries / "rules"))))
    return path


@pytest.fixture
def aoai(read_once: None) -> Callable[..., Ran]:
    """The command, run in this process."""
    return command


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A folder with empty logs and a register of a police department and a shop."""
    here = Place(tmp_path)
    here.logs.mkdir()
    write_register(here.register, POLICE, SHOP)
    return here


@pytest.fixture(scope="session")
def sampled(tmp_path_factory: pytest.TempPathFactory, read_once: None) -> tuple[Place, Ran]:
    """The samples after one run; nobody may change them."""
    here = Place(tmp_path_factory.mktemp("sampled"))
    here.logs.symlink_to(SAMPLES)
    here.register.symlink_to(REGISTER)  # as that register lies among the logs
    return here, command(*here.run)
