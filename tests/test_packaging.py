"""What is shipped is what was tested: the wheel works in an empty folder, and the pins fit the project.

Nothing here needs the network: the wheel is unpacked by pip from its file, and its dependencies are those of the
environment that runs the tests.
"""

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PIN = re.compile(r"^([a-z0-9-]+)==([^ ]+)(?: ; .*)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


def run(command: list[str], folder: Path, **environment: str) -> str:
    """stdout of a command that must succeed; Python's own variables of the caller are not handed on."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=folder, env=kept | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment that holds the wheel, and sees the dependencies of this one behind it."""
    home = tmp_path_factory.mktemp("installed")
    run([sys.executable, "-m", "venv", str(home)], home)
    python = str(home / "bin" / "python")
    run([python, "-m", "pip", "install", "--no-index", "--no-deps", "--quiet", str(wheel)], home)
    # a .pth file puts a folder behind site-packages but does not run the .pth files in it: no editable checkout
    packages = Path(run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], home).strip())
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home


def test_the_wheel_carries_the_package_its_queries_and_its_samples(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"analyzer/__init__.py", "analyzer/py.typed", "analyzer/_shipped/sample_logs/register.csv"} <= names
    for folder in ("queries", "sample_logs"):
        here = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file()}
        assert {f"analyzer/_shipped/{name}" for name in here} <= names
    assert not any(name.startswith(("tests/", "benchmarks/", "docs/")) for name in names)


def test_the_installed_command_comes_from_the_wheel_and_finds_its_queries(installed: Path, tmp_path: Path) -> None:
    look = "import analyzer, analyzer.shipped as s; print(analyzer.__file__); print(s.folder('queries'))"
    package, queries = run([str(installed / "bin" / "python"), "-c", look], tmp_path).split()
    assert Path(package).is_relative_to(installed)
    assert Path(queries).is_relative_to(installed)
    assert list(Path(queries).glob("rules/*.sql"))


def test_the_installed_command_works_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    command = str(installed / "bin" / "aoai-audit")
    shown = run([command, "--help"], tmp_path, COLUMNS="120", NO_COLOR="1")
    assert all(name in shown for name in ("run", "rules"))
    run([command, "rules", "check"], tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_the_pins_are_names_versions_and_hashes_and_nothing_else(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    assert lines
    assert [line for line in lines if not (PIN.match(line) or HASH.match(line))] == []


def test_the_pins_fit_what_the_project_asks_for() -> None:
    asked = [Requirement(text) for text in PROJECT["dependencies"]]
    tools = [Requirement(text) for text in PROJECT["optional-dependencies"]["dev"]]
    for name, wanted in (("requirements.txt", asked), ("requirements-dev.txt", asked + tools)):
        pins = [match.groups() for line in (ROOT / name).read_text().splitlines() if (match := PIN.match(line))]
        for requirement in wanted:
            versions = [version for package, version in pins if package == requirement.name]
            assert versions, f"{requirement.name} is not pinned in {name}; run: make lock"
            assert all(version in requirement.specifier for version in versions)


def test_the_newest_entry_of_the_changelog_is_the_version_of_the_project() -> None:
    versions = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == PROJECT["version"]
