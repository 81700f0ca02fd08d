import pytest

from gateway import BINARY, Gateway


def pytest_sessionstart(session):
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is missing: swift build -c release --product tickgate", returncode=1)


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    """One gateway for all tests that do not change it for others."""
    running = Gateway(tmp_path_factory.mktemp("gateway")).start()
    yield running
    if running.process:
        running.stop()


@pytest.fixture(scope="session")
def key(gateway):
    return gateway.add_key("shared", "asha")


@pytest.fixture
def make_gateway(tmp_path):
    """Makes gateways of one test; whatever still runs at its end is stopped."""
    made = []

    def make(settings=None, directory="own", start=True):
        one = Gateway(tmp_path / directory, settings)
        made.append(one)
        return one.start() if start else one

    yield make
    for one in made:
        if one.process:
            one.kill()
