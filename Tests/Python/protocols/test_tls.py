"""The encrypted WebSocket port: certificates, versions, renewal. Certificates are made by the openssl command."""

import os
import socket
import ssl
import subprocess

import pytest
from client import Client
from gateway import run_command, variable, wait_until


def make_certificate(directory, name):
    """A certificate that vouches for itself, for localhost."""
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name} "
        f"-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout {name}.key -out {name}.pem",
        shell=True,
        cwd=directory,
        check=True,
        capture_output=True,
    )
    return directory / f"{name}.pem", directory / f"{name}.key"


def install(pair, live):
    for source, target in zip(pair, live):
        new = target.with_suffix(".new")
        new.write_bytes(source.read_bytes())
        os.replace(new, target)


class EncryptedGateway:
    """What the test client wants to know of a gateway, with another scheme."""

    def __init__(self, gateway):
        self.ws_url = f"wss://127.0.0.1:{gateway.ws_port}"


def trust(certificate):
    return ssl.create_default_context(cafile=str(certificate))


@pytest.fixture
def encrypted(make_gateway, tmp_path):
    pair = make_certificate(tmp_path, "first")
    live = (tmp_path / "live.pem", tmp_path / "live.key")
    install(pair, live)
    gateway = make_gateway({"ws.tls_certificate": str(live[0]), "ws.tls_key": str(live[1])})
    return gateway, pair, live


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_market_data_comes_over_wss(encrypted, version):
    gateway, pair, _ = encrypted
    context = trust(pair[0])
    context.minimum_version = context.maximum_version = version
    key = gateway.add_key()
    with Client(EncryptedGateway(gateway), key, ssl=context) as client:
        assert client.socket.socket.version() == {
            ssl.TLSVersion.TLSv1_2: "TLSv1.2",
            ssl.TLSVersion.TLSv1_3: "TLSv1.3",
        }[version]
        client.subscribe("SBIN", mode=2)
        for _ in range(20):
            assert client.tick("SBIN")["data"]["ltp"] > 0
    assert "wss://" in gateway.log


def test_a_stranger_is_not_trusted_and_plain_clients_are_turned_away(encrypted, tmp_path):
    gateway, _, _ = encrypted
    with pytest.raises(ssl.SSLCertVerificationError):
        Client(EncryptedGateway(gateway), ssl=ssl.create_default_context())
    with socket.create_connection(("127.0.0.1", gateway.ws_port), 10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert not plain.recv(1000).startswith(b"HTTP/1.1")


def test_a_renewed_certificate_is_served_without_a_restart(encrypted, tmp_path):
    gateway, first, live = encrypted
    second = make_certificate(tmp_path, "second")
    with Client(EncryptedGateway(gateway), ssl=trust(first[0])) as old:
        install(second, live)

        def renewed():
            """the new certificate is served"""
            try:
                Client(EncryptedGateway(gateway), ssl=trust(second[0])).close()
            except ssl.SSLCertVerificationError:
                return False
            return True

        wait_until(renewed, seconds=30, interval=1)
        assert old.request({"action": "ping"})["type"] == "pong"
    assert "new certificate in use" in gateway.log


@pytest.mark.parametrize(
    ("certificate", "key", "cause"),
    [
        ("missing.pem", "first.key", "missing.pem cannot be read"),
        ("first.pem", "second.key", "second.key does not belong to the certificate in"),
        ("first.key", "first.key", "first.key holds no certificate chain"),
        ("first.pem", "", "needs ws.tls_key too"),
    ],
)
def test_files_that_cannot_be_used_are_named_at_start(tmp_path, certificate, key, cause):
    make_certificate(tmp_path, "first")
    make_certificate(tmp_path, "second")
    settings = {"ws.tls_certificate": certificate, "ws.tls_key": key, "ws.port": 0, "http.port": 0}
    environment = {variable(name): str(value) for name, value in settings.items()}
    done = run_command("serve", directory=tmp_path, environment=environment)
    assert done.returncode == 78, done.stderr
    assert cause in done.stderr
