"""Where a download may go: encrypted, and only to what the catalogue names."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_portrait.checkpoints.pull import pull
from obs_portrait.checkpoints.web import allowed
from obs_portrait.errors import CheckpointError
from tests.checkpoints.conftest import BODY, HURRY, Serve, entry

HOSTS = st.sampled_from(["a.org", "b.org", "x.b.org", "evil-b.org", "b.org.evil.net", "127.0.0.1", "localhost"])


@given(HOSTS, HOSTS, st.sampled_from(["http", "https", "ftp", "file"]), st.booleans())
def test_only_encrypted_and_only_to_named_hosts(start: str, end: str, scheme: str, secure: bool) -> None:
    verdict = allowed(f"http{'s' if secure else ''}://{start}/x", f"{scheme}://{end}/y", ("a.org", ".b.org"))
    named = end in (start, "a.org", "x.b.org")
    sealed = scheme == "https" or (scheme == "http" and not secure and end in ("127.0.0.1", "localhost"))
    assert (verdict is None) == (named and sealed)


def test_a_proxy_is_asked_for_the_world_and_not_for_this_machine(site: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = site(status=503)
    for variable in ("http_proxy", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, proxy.url.removesuffix("/weights.bin"))
    assert pull(entry(site())).read_bytes() == BODY
    assert not proxy.asked
    # A proxy that lets nobody through says so; the name behind it is never looked up here.
    with pytest.raises(CheckpointError, match=r"weights\.example: .*501"):
        pull(entry(file="other.bin", urls=("https://weights.example/w.bin",)), patience=HURRY)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key, signed by itself."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make a certificate with")
    paths = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-out", str(paths[0]), "-keyout", str(paths[1])]
    subprocess.run(command, check=True, capture_output=True)
    return paths


def test_a_certificate_that_nobody_trusts(site: Serve, certificate: tuple[Path, Path]) -> None:
    server = site(certificate)
    with pytest.raises(CheckpointError, match="its certificate is not trusted"):
        pull(entry(server), patience=HURRY)
    assert not server.asked


def test_https_and_never_back(site: Serve, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    plain = site()
    sealed = site(certificate)
    away = site(certificate, location=plain.url)
    onward = site(certificate, location=sealed.url.replace("weights.bin", "final"), cuts=[])
    with pytest.raises(CheckpointError, match=r"it redirects to http://127\.0\.0\.1, which is not encrypted"):
        pull(entry(away), patience=HURRY)
    assert not plain.asked
    assert pull(entry(onward)).read_bytes() == BODY
    assert [one[":path"] for one in sealed.asked] == ["/final"]
