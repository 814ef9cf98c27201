"""A PostgreSQL that may be stopped, a database in it, and where figures are written down."""

import resource
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from faults.cluster import Cluster
from faults.figures import REPORT, Results

RESULTS = pytest.StashKey[Results]()
VERSION = pytest.StashKey[str]()


def pytest_configure(config):
    config.stash[RESULTS] = Results()


def pytest_ignore_collect(collection_path, config):
    """Suites run by themselves in ``make test``: their figures and negative controls are for the full form."""
    return True if collection_path.name == "test_suites.py" and not config.getoption("--full") else None


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    results = config.stash[RESULTS]
    if config.getoption("--full"):
        if exitstatus == 0 and results.are_complete():
            REPORT.write_text(results.report(config.stash[VERSION]))
            terminalreporter.write_line(f"{REPORT} has been written.")
        else:
            terminalreporter.write_line(f"{REPORT} has not been written: not all figures were tested and reached.")


@pytest.fixture(autouse=True, scope="session")
def allow_a_thousand_connections():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@pytest.fixture
def results(request):
    return request.config.stash[RESULTS]


@pytest.fixture
def reached(results):
    """Writes down what a figure's test has reached, a sentence."""
    return results.reach


@pytest.fixture
def missed(results):
    """Expects, and writes down, that a figure is missed without that guard."""
    return results.miss


@pytest.fixture
def choose(request):
    """Of two numbers the first in the short form, the second in the full one."""
    return lambda short, full: full if request.config.getoption("--full") else short


@pytest.fixture(scope="session")
def cluster(request, make_app):
    with TemporaryDirectory(prefix="faults-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL's user must get in
        cluster = Cluster(Path(folder), make_app)
        with cluster.connect("postgres") as connection:
            request.config.stash[VERSION] = connection.execute("SHOW server_version").fetchone()[0].split()[0]
        yield cluster
        cluster.stop()


@pytest.fixture
def database(cluster):
    with cluster.database() as database:
        yield database
