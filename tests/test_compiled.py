"""A compiled copy is only ever a copy: it follows its files, and a damaged one is made again."""

from importlib.util import cache_from_source
from pathlib import Path

import pytest

import analyzer.compiled
from analyzer.compiled import compiled

PLACE = Path(cache_from_source(analyzer.compiled.__file__)).parent


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.txt"
    path.write_text("one")
    return path


@pytest.fixture
def name(tmp_path: Path) -> str:
    return f"test_{tmp_path.name}"


def test_what_is_made_once_is_not_made_again_until_its_file_changes(source: Path, name: str) -> None:
    made: list[str] = []

    def make() -> list[str]:
        made.append(source.read_text())
        return [*made]

    try:
        assert compiled(name, [source], make) == compiled(name, [source], make) == ["one"]
        source.write_text("two")
        assert compiled(name, [source], make) == ["one", "two"]
        assert len(list(PLACE.glob(f"{name}-*"))) == 1
    finally:
        for path in PLACE.glob(f"{name}-*"):
            path.unlink()


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"\x80\x05"])
def test_a_damaged_copy_is_made_again(source: Path, name: str, content: bytes) -> None:
    try:
        compiled(name, [source], lambda: 1)
        (kept,) = PLACE.glob(f"{name}-*")
        kept.write_bytes(content)
        assert compiled(name, [source], lambda: 2) == 2
        assert compiled(name, [source], lambda: 3) == 2
    finally:
        for path in PLACE.glob(f"{name}-*"):
            path.unlink()


def test_what_cannot_be_kept_is_made(source: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    monkeypatch.setattr("sys.pycache_prefix", str(blocked))
    assert compiled(name, [source], lambda: 1) == 1
    assert compiled(name, [source], lambda: 2) == 2
